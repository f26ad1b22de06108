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
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import dagster as dg

from ot_assets.graph import KINDS, World
from ot_assets.materialized import SCHEMA_CHECK, SUITE_CHECK, columns_panel, report_failed_check, result_of
from ot_assets.partitions import Partitions
from ot_assets.progress import listening
from ot_assets.quality import judge
from ot_assets.registry import Registry
from ot_assets.step import Step
from resources.artifacts import Artifact, ArtifactStore, DamagedArtifact, Partition, ValidationFailed
from resources.errors import UserError
from schemas import SCHEMAS

if TYPE_CHECKING:
    from resources.handles import Services

OWNERS = ["team:ot-assets"]
_LOG_EVERY_SECONDS = 20.0

Body = Callable[[Step], Mapping[str, Any] | None]


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
            deps=[self._dep(parts, name, mapping) for name, mapping in self.reads.items() if not parts.unread(mapping)],
            group_name=self.group,
            kinds=set(self.kinds),
            owners=OWNERS,
            pool=self.pool,
            code_version=KINDS[self.name].code_version,
            metadata=columns_panel(schema) if schema else None,
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
    if asset.suite:
        judge.warm()
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
            report_failed_check(context, asset.name, error)
        raise dg.Failure(str(error), allow_retries=False) from error
    except UserError as error:
        raise dg.Failure(str(error), allow_retries=False) from error
    for afterwards in step.when_published:
        afterwards()
    return result_of(
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
