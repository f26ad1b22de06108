"""Which parents meet in which call: an endless sequence that the seed decides.

Belongs here: the order of calls. Contract: call n is the same whatever number of calls is made, so a larger `rows`
makes the same calls and more; parents that are added to a source move only the calls that they are in, because every
place is a hash of names (as in consistent hashing). All parents come once before one comes again; the round is the
call's sample index. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ot_assets.curation.draws import draw_keys, draw_order


@dataclass(frozen=True, slots=True)
class Call:
    """One call of the writer."""

    number: int
    round: int
    """How often its first parent has been asked about before."""
    places: tuple[int, ...]
    """Its parents' places; the first is the one whose turn it is."""

    @property
    def name(self) -> str:
        """Where its questions stand in the source: `call-000012`."""
        return f"call-{self.number:06d}"


class Calls:
    """The calls over parents with these names, `seeds` of them a call."""

    def __init__(self, names: Sequence[str], seed: int, seeds: int = 1) -> None:
        self._names, self._seed = names, seed
        self._seeds = min(seeds, len(names))
        self._order = draw_order(seed, "written", names)
        if self._seeds > 1:
            keys = draw_keys(seed, "written ring", names)
            self._ring = np.argsort(keys, kind="stable")
            self._keys = keys[self._ring]

    def __len__(self) -> int:
        """How many parents there are: calls of one round."""
        return len(self._names)

    def at(self, number: int) -> Call:
        """Call `number`, from 0."""
        round_, turn = divmod(number, len(self._names))
        first = int(self._order[turn])
        return Call(number, round_, (first, *self._companions(first, round_)))

    def _companions(self, first: int, round_: int) -> list[int]:
        """Those that follow on the ring the point that the first parent and the round hash to."""
        found: list[int] = []
        if self._seeds == 1:
            return found
        point = draw_keys(self._seed, "written seeds", [f"{self._names[first]}\0{round_}"])[0]
        at = int(np.searchsorted(self._keys, point))
        while len(found) < self._seeds - 1:
            place = int(self._ring[at % len(self._ring)])
            if place != first:
                found.append(place)
            at += 1
        return found
