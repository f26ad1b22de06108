"""An urn: names with weights, drawn in proportion to them.

Belongs here: `Urn`, a Fenwick tree over the names in the order in which they first came (P. M. Fenwick, "A new data
structure for cumulative frequency tables", 1994), so that setting a weight and drawing take log n steps. Contract: a
draw depends on the names' order, their weights and the number handed in alone. Raises nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class Urn:
    """Names with whole weights from 0."""

    total: int = 0
    _names: list[str] = field(default_factory=list)
    _weights: list[int] = field(default_factory=list)
    _places: dict[str, int] = field(default_factory=dict)
    _sums: list[int] = field(default_factory=lambda: [0])
    """_sums[i] is the sum of the weights i - (i & -i) .. i - 1."""

    def set(self, name: str, weight: int) -> None:
        """Gives a name its weight."""
        place = self._places.get(name)
        if place is None:
            if not weight:
                return
            place = self._add(name)
        more = weight - self._weights[place]
        if more:
            self._weights[place] = weight
            self.total += more
            self._raise(place + 1, more)

    def draw(self, share: float) -> str | None:
        """The name at `share` (from 0 up to 1, which is not in it) of all weights put side by side; None where all are 0."""
        if not self.total:
            return None
        left, place, step = min(int(share * self.total), self.total - 1), 0, 1
        while step * 2 < len(self._sums):
            step *= 2
        while step:
            if place + step < len(self._sums) and self._sums[place + step] <= left:
                place += step
                left -= self._sums[place]
            step //= 2
        return self._names[place]

    def _add(self, name: str) -> int:
        place = len(self._names)
        self._names.append(name)
        self._weights.append(0)
        self._places[name] = place
        number, low, total = place + 1, place + 1 - ((place + 1) & -(place + 1)), 0
        at = number - 1
        while at > low:
            total += self._sums[at]
            at -= at & -at
        self._sums.append(total)
        return place

    def _raise(self, number: int, more: int) -> None:
        while number < len(self._sums):
            self._sums[number] += more
            number += number & -number
