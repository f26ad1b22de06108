"""What every asset of the graph shares: how a body becomes a Dagster asset, and what it is handed.

An asset's module holds plain functions decorated with `stage(...)`. A body opens inputs, calls pure functions and writes rows
through its `Step`; this module opens the publication, publishes, and tells Dagster: data version = content hash, row counts,
previews, the columns, the checks. Bodies are templates until `build` gives them the partitions of a registry, so that tests
and users can build the same graph over another registry.

How it fails: a `UserError` becomes a failed step with that message and no retry; rows that break their schema fail the
blocking check `schema`, and nothing is published.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sized
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import dagster as dg
import polars as pl

from ot_assets.graph import KINDS, World
from ot_assets.partitions import Partitions
from ot_assets.previews import preview_table
from ot_assets.progress import listening, report
from ot_assets.registry import Registry
from ot_assets.spending.limits import budgeted
from resources.artifacts import (
    Artifact,
    ArtifactStore,
    DamagedArtifact,
    Manifest,
    Partition,
    Publication,
    ValidationFailed,
)
from resources.errors import UserError
from resources.generation.engine import Outcome
from resources.generation.model import Model
from resources.generation.progress import Progress, Tally
from resources.generation.reply import Reply
from resources.generation.request import Request
from schemas import SCHEMAS, DataSchema

if TYPE_CHECKING:
    from resources.handles import Services

OWNERS = ["team:ot-assets"]
SCHEMA_CHECK = "schema"
SUITE_CHECK = "suite"
_LOG_EVERY_SECONDS = 20.0

Body = Callable[["Step"], "Mapping[str, Any] | None"]


@dataclass
class Step:
    """What a body is handed: the registry, its partition, the publication it fills, and the services."""

    context: dg.AssetExecutionContext
    asset: str
    partition: Partition
    registry: Registry
    services: Services
    out: Publication
    asked: Tally = field(default_factory=Tally)
    """What models were asked for this partition: replies from the store, new, failed, and the figures of the new."""
    suite_facts: dict[str, Any] = field(default_factory=dict)
    """What the suite should know beside the rows: fields of `SuiteContext`."""
    when_published: list[Callable[[], None]] = field(default_factory=list)
    """Called once the artifact is current: cleaning up what was only needed to make it."""

    @property
    def store(self) -> ArtifactStore:
        """The artifact store; inputs are opened through `open`, so that the manifest lists them."""
        return self.services.artifacts

    @cached_property
    def spec(self) -> Mapping[str, Any]:
        """What of the registry this partition is made from, as its manifest will say."""
        return KINDS[self.asset].spec(self.world, self.partition)

    @cached_property
    def world(self) -> World:
        """Registry and store together."""
        return World(self.registry, self.store)

    def open(self, asset: str, partition: Partition) -> Artifact:
        """Opens a needed input and records it. A missing one is a UserError that says what to make first."""
        return self.out.open(asset, partition)

    def open_needs(self, asset: str) -> dict[Partition, Artifact]:
        """Opens all inputs of one asset that this partition needs; optional ones only when they are there."""
        found: dict[Partition, Artifact] = {}
        for need in KINDS[self.asset].needs(self.world, self.partition):
            if need.asset != asset:
                continue
            opened = (
                self.out.open(asset, need.partition) if need.required else self.out.open_if_there(asset, need.partition)
            )
            if opened is not None:
                found[need.partition] = opened
        return found

    def licences_of(self, asset: str) -> None:
        """Carries the licences of the inputs of one asset over to this one."""
        for need in KINDS[self.asset].needs(self.world, self.partition):
            if need.asset == asset and (found := self.out.open_if_there(asset, need.partition)):
                self.out.licences(*found.manifest.licences)

    def columns(self, table: str = "") -> list[str]:
        """The columns of one of the asset's tables, in order."""
        return list(SCHEMAS[self.asset][table].dtypes())

    def ask(
        self,
        model: Callable[[], Model],
        requests: Iterable[Request],
        *,
        purpose: str,
        total: int | None = None,
        closed: Callable[[Reply], bool] | None = None,
    ) -> Iterator[Outcome]:
        """Asks a model through the response store, within the budgets, with progress; counts what was stored and what was
        new. `closed` says of a reply whether its reasoning came to its end.
        """
        last: list[Progress] = []
        read = ended = 0

        def tell(progress: Progress) -> None:
            last[:] = [replace(progress, read=read, closed=ended)]
            report(str(last[0]), last[0])

        if total is None and isinstance(requests, Sized):
            total = len(requests)
        requests, budget = budgeted(self.registry, self.services.responses, purpose, requests)
        came = self.services.ask(model, requests, purpose=purpose, total=total, progress=tell, budget=budget)
        try:
            for outcome in came:
                if closed is not None and isinstance(outcome.result, Reply):
                    read += 1
                    ended += closed(outcome.result)
                yield outcome
        finally:
            if isinstance(came, Generator):
                came.close()
            for progress in last:
                self.asked.add(replace(progress, read=read, closed=ended))

    def ask_all(
        self, model: Callable[[], Model], purpose: str, requests: Iterable[Request], total: int
    ) -> Iterator[Outcome]:
        """`ask` with its arguments in the order in which pure modules hand them over."""
        return self.ask(model, requests, purpose=purpose, total=total)


@dataclass(frozen=True)
class StageAsset:
    """A body and what Dagster is told of it."""

    name: str
    body: Body
    partitions: str | None
    reads: Mapping[str, str | None]
    group: str
    kinds: frozenset[str]
    may_be_empty: bool = False
    suite: str | None = None
    pool: str | None = None

    @property
    def has_schema(self) -> bool:
        """Whether it holds tables; a student's weights have no schema to check."""
        return bool(SCHEMAS[self.name])

    def build(self, parts: Partitions) -> dg.AssetsDefinition:
        """The Dagster asset over the partitions of one registry."""
        partitions_def = getattr(parts, self.partitions) if self.partitions else None
        schema = SCHEMAS[self.name].get("")

        @dg.asset(
            name=self.name,
            description=self.body.__doc__,
            partitions_def=partitions_def,
            deps=[self._dep(parts, name, mapping) for name, mapping in self.reads.items()],
            group_name=self.group,
            kinds=set(self.kinds),
            owners=OWNERS,
            pool=self.pool,
            code_version=KINDS[self.name].code_version,
            metadata=_columns(schema) if schema else None,
            check_specs=self._check_specs(partitions_def),
            required_resource_keys={"services"},
        )
        def compute(context):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202 - Dagster refuses it as a string
            return _run(self, parts.registry, context)

        made: dg.AssetsDefinition = compute
        return made

    def _dep(self, parts: Partitions, name: str, mapping: str | None) -> dg.AssetDep:
        return dg.AssetDep(name, partition_mapping=getattr(parts, mapping) if mapping else None)

    def _check_specs(self, partitions_def: dg.PartitionsDefinition[str] | None) -> list[dg.AssetCheckSpec]:
        """The blocking schema check and, for data sets as a whole, the suite that only warns."""
        what = {}
        if self.has_schema:
            what[SCHEMA_CHECK] = "Every row group holds what its schema says; checked before publishing"
        if self.suite:
            what[SUITE_CHECK] = "Expectations on the data set as a whole; `ot docs` shows them"
        return [
            dg.AssetCheckSpec(
                check, asset=self.name, description=text, blocking=check == SCHEMA_CHECK, partitions_def=partitions_def
            )
            for check, text in what.items()
        ]


def stage(
    partitions: str | None,
    *,
    reads: Mapping[str, str | None],
    group: str,
    kinds: frozenset[str] = frozenset({"parquet"}),
    may_be_empty: bool = False,
    suite: str | None = None,
    pool: str | None = None,
) -> Callable[[Body], StageAsset]:
    """Declares a stage's asset: its partitions and, for each upstream asset, the name of the mapping in `Partitions`."""

    def declare(body: Body) -> StageAsset:
        return StageAsset(body.__name__, body, partitions, reads, group, kinds, may_be_empty, suite, pool)

    return declare


def _run(asset: StageAsset, registry: Registry, context: dg.AssetExecutionContext) -> dg.MaterializeResult[Any]:
    """Opens the publication, runs the body, publishes, and says so to Dagster."""
    services: Services = context.resources.services
    partition = _partition(asset, context)
    kind = KINDS[asset.name]
    started = time.monotonic()
    previous = _previous(asset, services.artifacts, partition)
    try:
        with (
            listening(_to_log(context)),
            services.artifacts.publication(
                asset.name,
                partition,
                code_version=kind.code_version,
                spec=kind.spec(World(registry, services.artifacts), partition),
                run_id=context.run_id,
                schemas=SCHEMAS[asset.name],
            ) as out,
        ):
            step = Step(context, asset.name, partition, registry, services, out)
            shown = asset.body(step)
            if asked := step.asked.to_dict():
                out.stat(asked=asked)
            manifest = out.publish(allow_empty=asset.may_be_empty)
    except ValidationFailed as error:
        if asset.has_schema:
            _report_failed_check(context, asset, error)
        raise dg.Failure(str(error), allow_retries=False) from error
    except UserError as error:
        raise dg.Failure(str(error), allow_retries=False) from error
    for afterwards in step.when_published:
        afterwards()
    return _result(
        asset, services.artifacts, manifest, partition, dict(shown or {}), step, time.monotonic() - started, previous
    )


def _previous(asset: StageAsset, store: ArtifactStore, partition: Partition) -> Artifact | None:
    """The version before, for the suite to compare with; a damaged one is as good as none, since it is being made again."""
    try:
        return store.current(asset.name, partition) if asset.suite else None
    except DamagedArtifact:
        return None


def _partition(asset: StageAsset, context: dg.AssetExecutionContext) -> Partition:
    """Dagster's key as ours: dimensions in the order of the graph's table."""
    dims = KINDS[asset.name].dims
    if not dims:
        return Partition()
    key = context.partition_key
    keys = key.keys_by_dimension if isinstance(key, dg.MultiPartitionKey) else {dims[0]: key}
    return Partition({dim: keys[dim] for dim in dims})


def _to_log(context: dg.AssetExecutionContext) -> Callable[[str], None]:
    """A listener that puts a progress line into Dagster's log now and then: the log is a database."""
    last = [time.monotonic()]

    def listen(line: str) -> None:
        if time.monotonic() - last[0] >= _LOG_EVERY_SECONDS:
            last[0] = time.monotonic()
            context.log.info(line)

    return listen


def _report_failed_check(context: dg.AssetExecutionContext, asset: StageAsset, error: UserError) -> None:
    """Shows the failed check in the UI: the step fails before it could return one."""
    context.instance.report_runless_asset_event(
        dg.AssetCheckEvaluation(
            asset_key=dg.AssetKey(asset.name),
            check_name=SCHEMA_CHECK,
            passed=False,
            blocking=True,
            metadata={"violations": dg.MetadataValue.md(f"```\n{error}\n```")},
            partition=context.partition_key if context.has_partition_key else None,
        )
    )


def _result(
    asset: StageAsset,
    store: ArtifactStore,
    manifest: Manifest,
    partition: Partition,
    shown: dict[str, Any],
    step: Step,
    seconds: float,
    previous: Artifact | None,
) -> dg.MaterializeResult[Any]:
    artifact = store.get(asset.name, partition, manifest.artifact_id)
    # The UI keeps this order: what a person came for stands first, where it lies comes last.
    metadata: dict[str, Any] = {**_counts(manifest), **shown}
    if manifest.tables.get("") and manifest.tables[""].rows:
        metadata["preview"] = dg.MetadataValue.md(_preview(artifact.scan(), partition))
    metadata |= {
        "licences": ", ".join(manifest.licences) or None,
        "seconds": round(seconds, 2),
        "artifact": manifest.artifact_id,
        "path": dg.MetadataValue.path(str(artifact.path)),
    }
    # Scores stand in the preview, without the held-out ones.
    if figures := {name: value for name, value in manifest.stats.items() if name != "scores"}:
        metadata["figures"] = dg.MetadataValue.json(figures)
    rows = {name or "rows": table.rows for name, table in manifest.tables.items()}
    checks = [dg.AssetCheckResult(check_name=SCHEMA_CHECK, passed=True, metadata=rows)] if asset.has_schema else []
    if asset.suite:
        checks.append(_suite_check(asset.suite, artifact, previous, step))
    return dg.MaterializeResult(
        metadata={key: value for key, value in metadata.items() if value is not None},
        data_version=dg.DataVersion(manifest.content_hash),
        check_results=checks,
    )


def _suite_check(suite: str, artifact: Artifact, previous: Artifact | None, step: Step) -> dg.AssetCheckResult:
    """Runs the expectation suite over the published data set; it warns and never blocks."""
    from ot_assets.quality.rules import SuiteContext
    from ot_assets.quality.run import run_suite

    context = SuiteContext(asset=artifact.asset, partition=str(artifact.partition), **step.suite_facts)
    before = previous.scan() if previous else None
    try:
        said = run_suite(suite, artifact.scan(), before, context, step.services.home.path)
    except OSError as error:  # the artifact stands; its docs could not be written, such as on a full disk
        return dg.AssetCheckResult(
            check_name=SUITE_CHECK,
            passed=False,
            severity=dg.AssetCheckSeverity.WARN,
            metadata={"summary": f"the data docs could not be written: {error}"},
        )
    return dg.AssetCheckResult(
        check_name=SUITE_CHECK,
        passed=said.passed,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={"summary": said.summary(), "expectations": dg.MetadataValue.md(said.markdown())},
    )


def _preview(rows: pl.LazyFrame, partition: Partition) -> str:
    """The first rows. What the partition's key says is left out and ids come last, since the screen is only so wide."""
    names, told = rows.collect_schema().names(), partition.as_dict()
    if "role" in names:
        rows = rows.filter(pl.col("role") != "held_out")  # nobody chooses a recipe by what is seen here
    columns = sorted((n for n in names if n not in told), key=lambda n: n.endswith(("_id", "_key", "_row")))
    return preview_table(rows, columns=columns)


def _counts(manifest: Manifest) -> dict[str, Any]:
    """Row counts in Dagster's own terms, and the ledger by rule."""
    counts: dict[str, Any] = {}
    if "" in manifest.tables:
        counts["dagster/partition_row_count" if manifest.partition else "dagster/row_count"] = manifest.rows_out
    if manifest.rows_in is not None:
        counts["rows_in"] = manifest.rows_in
    if manifest.dropped:
        rows = "\n".join(f"| {rule} | {n:,} |" for rule, n in sorted(manifest.dropped.items()))
        counts["dropped"] = dg.MetadataValue.md(f"| rule | rows |\n|---|---|\n{rows}")
    return counts


def _columns(schema: type[DataSchema]) -> dict[str, Any]:
    """The Columns panel of the UI."""
    columns = [
        dg.TableColumn(
            info.name,
            type=info.type,
            description=info.description,
            constraints=dg.TableColumnConstraints(nullable=info.nullable),
        )
        for info in schema.columns_panel()
    ]
    return {"dagster/column_schema": dg.TableSchema(columns=columns)}
