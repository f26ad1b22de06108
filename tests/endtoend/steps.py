"""Single partitions through Dagster, as a click on "Materialize" in the UI does, in this process."""

from __future__ import annotations

from contextlib import AbstractContextManager

import dagster as dg

from ot_assets.commands.instance import prepare_instance
from ot_assets.definitions import build_definitions
from ot_assets.running import dagster_key, failure_message
from resources.artifacts import Partition
from resources.home import Home
from tests.endtoend.house import House


def instance_of(house: House) -> AbstractContextManager[dg.DagsterInstance]:
    """The house's own Dagster instance. Call it inside `house.entered()`."""
    prepare_instance(Home.from_env())
    return dg.DagsterInstance.get()


def materialize(house: House, asset: str, **keys: str) -> dg.ExecuteInProcessResult:
    """Materializes one partition, whatever state it is in. Call it inside `house.entered()`."""
    from ot_assets.registry import registry

    registry.cache_clear()
    with instance_of(house) as instance:
        return build_definitions().resolve_implicit_global_asset_job_def().execute_in_process(
            asset_selection=[dg.AssetKey(asset)],
            partition_key=dagster_key(Partition(keys)),
            instance=instance,
            raise_on_error=False,
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
        )  # fmt: skip


def make(house: House, asset: str, **keys: str) -> str | None:
    """Materializes one partition; the message of what went wrong, or None."""
    result = materialize(house, asset, **keys)
    return None if result.success else failure_message(result)
