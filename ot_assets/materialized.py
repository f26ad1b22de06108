"""What Dagster is told once a partition is published: row counts, preview, figures, columns, and the results of the checks.

What belongs here: from a manifest to Dagster's metadata. Contract: nothing here changes an artifact; held-out scores are
never shown.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import dagster as dg
import polars as pl

from ot_assets.previews import preview_table
from ot_assets.report.summary import summary
from ot_assets.step import Step
from resources.artifacts import Artifact, ArtifactStore, Manifest, Partition
from resources.errors import UserError
from schemas import DataSchema

if TYPE_CHECKING:
    from ot_assets.stage import StageAsset

SCHEMA_CHECK = "schema"
SUITE_CHECK = "suite"


def report_failed_check(context: dg.AssetExecutionContext, asset: str, error: UserError) -> None:
    """Shows the failed check in the UI: the step fails before it could return one."""
    context.instance.report_runless_asset_event(
        dg.AssetCheckEvaluation(
            asset_key=dg.AssetKey(asset),
            check_name=SCHEMA_CHECK,
            passed=False,
            blocking=True,
            metadata={"violations": dg.MetadataValue.md(f"```\n{error}\n```")},
            partition=context.partition_key if context.has_partition_key else None,
        )
    )


def result_of(
    asset: StageAsset,
    store: ArtifactStore,
    manifest: Manifest,
    partition: Partition,
    shown: dict[str, Any],
    step: Step,
    seconds: float,
    previous: Artifact | None,
) -> dg.MaterializeResult[Any]:
    """What the step returns: data version = content hash, metadata in the order in which a person wants it, the checks."""
    artifact = store.get(asset.name, partition, manifest.artifact_id)
    # The UI keeps this order: what a person came for stands first, where it lies comes last.
    metadata: dict[str, Any] = {**_counts(manifest), **shown}
    if told := summary(manifest):
        metadata["steps"] = dg.MetadataValue.md(told)
    if manifest.tables.get("") and manifest.tables[""].rows:
        metadata["preview"] = dg.MetadataValue.md(preview_of(artifact.scan(), partition))
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

    context = SuiteContext(
        asset=artifact.asset,
        partition=str(artifact.partition),
        version=artifact.artifact_id,
        previous=previous.artifact_id if previous else "",
        **step.suite_facts,
    )
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


def preview_of(rows: pl.LazyFrame, partition: Partition) -> str:
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


def columns_panel(schema: type[DataSchema]) -> dict[str, Any]:
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
