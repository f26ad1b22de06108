"""Dagster's own view of what is out of date: one hop far, partition by partition."""

from __future__ import annotations

import dagster as dg
from dagster._core.definitions.data_version import CachingStaleStatusResolver, StaleStatus
from dagster._core.loader import LoadingContextForTest

from ot_assets.definitions import build_definitions
from ot_assets.registry import registry
from ot_assets.running import dagster_key, observe_specs
from tests.endtoend.house import House
from tests.endtoend.steps import instance_of


def stale_in_dagster(house: House, *, observe: bool = True) -> set[str]:
    """Names of made partitions that Dagster calls stale, once it was told of the specs as they are now."""
    with house.entered(), instance_of(house) as instance:
        if observe:
            observe_specs(registry(), instance)
        graph = build_definitions().resolve_asset_graph()
        resolver = CachingStaleStatusResolver(instance, graph, LoadingContextForTest(instance))
        found = set()
        store = house.store
        for asset in store.assets():
            for partition in store.partitions(asset):
                key = dagster_key(partition)
                if resolver.get_status(dg.AssetKey(asset), key) is StaleStatus.STALE:
                    found.add(f"{asset}[{partition}]")
        return found
