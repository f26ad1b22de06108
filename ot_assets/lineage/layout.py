"""Where the boxes of a lineage picture stand and how its arrows run.

Belongs here: geometry. Sources stand on top, what was made of them below: Sugiyama's layered drawing. A row is as far
from the bottom as the longest way to there; an arrow that passes rows gets a place of its own in each, so that it
runs between boxes; the order in a row follows where neighbours stand. Pure.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

from ot_assets.lineage.tree import Node

BOX_WIDTH = 184
BOX_HEIGHT = 62
_GAP_X = 20
_GAP_Y = 46
_LANE = 10
_MARGIN = 16
_SWEEPS = 8
_TIP = 7


@dataclass(frozen=True)
class Box:
    """One artifact's box; `x` and `y` are its upper left corner in pixels."""

    node: Node
    x: float
    y: float


@dataclass(frozen=True)
class Picture:
    """Boxes, the paths of the arrows (SVG path data), and the size of it all in pixels."""

    boxes: tuple[Box, ...]
    arrows: tuple[str, ...]
    width: int
    height: int


@dataclass(eq=False)
class _Item:
    """What stands in a row: an artifact, or the place where a long arrow passes. `x` is its middle."""

    node: Node | None
    row: int
    x: float = 0.0

    @property
    def width(self) -> float:
        return BOX_WIDTH if self.node else _LANE


def picture(root: Node) -> Picture:
    """Places every artifact below `root` once."""
    rows, ways = _rows(root)
    links = [pair for way in ways for pair in pairwise(way)]
    above, below = _neighbours(links), _neighbours([(b, a) for a, b in links])
    for place in (_pack, _relax):
        for sweep in range(_SWEEPS):
            downward = sweep % 2 == 0
            for row in rows if downward else reversed(rows):
                place(row, above if downward else below)
    left = min(item.x - item.width / 2 for row in rows for item in row) - _MARGIN
    right = max(item.x + item.width / 2 for row in rows for item in row) + _MARGIN
    boxes = tuple(
        Box(i.node, i.x - BOX_WIDTH / 2 - left, _top(i.row)) for row in rows for i in row if i.node is not None
    )
    arrows = tuple(_arrow(way, left) for way in ways)
    return Picture(boxes, arrows, round(right - left), round(_top(len(rows)) - _GAP_Y + _MARGIN))


def _top(row: int) -> float:
    return _MARGIN + row * (BOX_HEIGHT + _GAP_Y)


def _rows(root: Node) -> tuple[list[list[_Item]], list[list[_Item]]]:
    """The rows from the top, and for each arrow the items that it runs through, from its start to its end."""
    depth = _depths(root)
    last = max(depth.values())
    items = {id(n): _Item(n, last - depth[id(n)]) for n in root.walk()}
    rows: list[list[_Item]] = [[] for _ in range(last + 1)]
    for item in sorted(items.values(), key=lambda i: (i.node.asset, i.node.partition) if i.node else ("",)):
        rows[item.row].append(item)
    ways = []
    for node in root.walk():
        for child in node.inputs:
            start, end = items[id(child)], items[id(node)]
            passed = [_Item(None, row) for row in range(start.row + 1, end.row)]
            for item in passed:
                rows[item.row].append(item)
            ways.append([start, *passed, end])
    return rows, ways


def _depths(root: Node) -> dict[int, int]:
    """Steps of the longest way from the root to each node: nodes are taken after all made from them (Kahn)."""
    waiting: dict[int, int] = defaultdict(int)
    for node in root.walk():
        for child in node.inputs:
            waiting[id(child)] += 1
    depth, ready = {id(root): 0}, [root]
    while ready:
        node = ready.pop()
        for child in node.inputs:
            depth[id(child)] = max(depth.get(id(child), 0), depth[id(node)] + 1)
            waiting[id(child)] -= 1
            if not waiting[id(child)]:
                ready.append(child)
    return depth


def _neighbours(links: list[tuple[_Item, _Item]]) -> dict[int, list[_Item]]:
    found: dict[int, list[_Item]] = defaultdict(list)
    for start, end in links:
        found[id(end)].append(start)
    return found


def _wishes(row: list[_Item], neighbours: Mapping[int, list[_Item]]) -> list[float]:
    """Where each item would stand if it were alone: in the middle of its neighbours."""
    near = [[other.x for other in neighbours.get(id(item), [])] for item in row]
    return [sum(xs) / len(xs) if xs else item.x for item, xs in zip(row, near, strict=True)]


def _pack(row: list[_Item], neighbours: Mapping[int, list[_Item]]) -> None:
    """Orders a row by its wishes, side by side around the middle of the picture."""
    wishes = {id(item): wish for item, wish in zip(row, _wishes(row, neighbours), strict=True)}
    row.sort(key=lambda item: wishes[id(item)])
    x = -(sum(item.width + _GAP_X for item in row) - _GAP_X) / 2
    for item in row:
        item.x = x + item.width / 2
        x += item.width + _GAP_X


def _relax(row: list[_Item], neighbours: Mapping[int, list[_Item]]) -> None:
    """Moves every item as near to its wish as the others let it, in the order that is: midway between pushing all to the
    right and pushing all to the left.
    """
    wishes = _wishes(row, neighbours)
    right = _pushed(row, wishes)
    left = [-x for x in reversed(_pushed(row[::-1], [-wish for wish in reversed(wishes)]))]
    for item, a, b in zip(row, right, left, strict=True):
        item.x = (a + b) / 2


def _pushed(row: list[_Item], wishes: list[float]) -> list[float]:
    edge, placed = float("-inf"), []
    for item, wish in zip(row, wishes, strict=True):
        placed.append(max(wish, edge + item.width / 2))
        edge = placed[-1] + item.width / 2 + _GAP_X
    return placed


def _arrow(way: list[_Item], left: float) -> str:
    """From the bottom of the first box to the top of the last, straight down beside the boxes that it passes."""
    x, y = way[0].x - left, _top(way[0].row) + BOX_HEIGHT
    path = [f"M{x:.0f} {y:.0f}"]
    for item in way[1:]:
        to, top = item.x - left, _top(item.row) - (_TIP if item.node else 0)
        middle = (y + top) / 2
        path.append(f"C{x:.0f} {middle:.0f} {to:.0f} {middle:.0f} {to:.0f} {top:.0f}")
        if item.node is None:
            y = top + BOX_HEIGHT
            path.append(f"V{y:.0f}")
        x = to
    return " ".join(path)
