"""What a stage's body is handed: its partition, the publication it fills, the inputs it may open, and models to ask.

What belongs here: `Step`. Contract: an input that is opened through it stands in the manifest; asking goes through the
response store and keeps to the budgets. Fails with UserError: an input that is not there, a budget that is spent.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sized
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from ot_assets.graph import KINDS, World
from ot_assets.progress import report
from ot_assets.registry import Registry
from ot_assets.spending.limits import budgeted
from resources.artifacts import Artifact, ArtifactStore, Partition, Publication
from resources.generation.engine import Outcome
from resources.generation.model import Model
from resources.generation.progress import Progress, Tally
from resources.generation.reply import Reply
from resources.generation.request import Request
from schemas import SCHEMAS

if TYPE_CHECKING:
    import dagster as dg

    from resources.handles import Services


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
