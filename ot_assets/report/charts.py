"""Where the lines of a report's pictures run: the stepped stream of the funnel and the outlines of histograms, as SVG
paths.

Belongs here: geometry in pixels; what is drawn is the template's. Contract: heights are in proportion to rows on one
scale a picture, and nothing that has a row is thinner than `THIN`. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ot_assets.report.funnel import Drop, Level
from ot_assets.report.histograms import Histogram

TONES = 7
"""Colours for sources; those beyond share a neutral one."""

THIN = 1.5
_STREAM = 210.0
_TOP = 46.0
_BAR = 12.0
_STEP = 205.0
_LEFT = 12.0
_LINE = 15.0
_MOST_RULES = 6
_WIDTH, _HEIGHT, _PAD = 520.0, 150.0, 26.0


@dataclass(frozen=True)
class Ribbon:
    """The way of a source's rows from one level to the next. `tone`: 1.. for a source of its own, 0 for the others."""

    path: str
    tone: int
    title: str


@dataclass(frozen=True)
class Block:
    """A bar at a level: rows that are there by source, or what was dropped before it (`tone` -1)."""

    x: float
    y: float
    height: float
    tone: int
    title: str


@dataclass(frozen=True)
class Column:
    """The words at a level: title and rows above, the drops by rule below (`more`: rules that are not named)."""

    x: float
    title: str
    rows: int
    copies: int
    drops: tuple[tuple[float, Drop], ...]
    more: int
    more_y: float


@dataclass(frozen=True)
class Stream:
    """The picture of a funnel."""

    width: float
    height: float
    bar: float
    ribbons: tuple[Ribbon, ...]
    blocks: tuple[Block, ...]
    columns: tuple[Column, ...]
    legend: tuple[tuple[str, int], ...]


def stream(levels: Sequence[Level]) -> Stream | None:
    """The picture of levels that follow each other; None for fewer than two."""
    if len(levels) < 2:
        return None
    most = max(level.rows + level.dropped for level in levels) or 1
    tones = _tones(levels)
    ribbons: list[Ribbon] = []
    blocks: list[Block] = []
    before: dict[int, tuple[float, float]] = {}
    for number, level in enumerate(levels):
        x = _LEFT + number * _STEP
        bands = _bands(level, tones, most)
        for tone, (y, height) in bands.items():
            rows = (
                sum(n for s, n in level.by_source.items() if tones.get(s, 0) == tone) if level.by_source else level.rows
            )
            blocks.append(Block(x, y, height, tone, f"{level.title}: {rows:,} rows"))
        known = number > 0 and bool(level.by_source) and bool(levels[number - 1].by_source)
        ribbons += _ribbons(before, bands, x, level.title, known=known)
        bottom = max((y + height for y, height in bands.values()), default=_TOP)
        if level.dropped:
            height = max(THIN, _STREAM * level.dropped / most)
            blocks.append(Block(x, bottom + 1, height, -1, f"{level.dropped:,} dropped"))
        before = bands
    rules = max(min(len(level.drops), _MOST_RULES + 1) for level in levels)
    height = _TOP + _STREAM + 24 + _LINE * rules
    columns = tuple(_column(number, level) for number, level in enumerate(levels))
    legend = tuple((source, tone) for source, tone in tones.items() if tone)
    if len(tones) > len(legend):
        legend = (*legend, (f"{len(tones) - len(legend)} more sources", 0))
    return Stream(
        _LEFT * 2 + _STEP * (len(levels) - 1) + 130, height, _BAR, tuple(ribbons), tuple(blocks), columns, legend
    )


def _tones(levels: Sequence[Level]) -> dict[str, int]:
    """Source -> its colour, most rows first."""
    total: dict[str, int] = {}
    for level in levels:
        for source, rows in level.by_source.items():
            total[source] = max(total.get(source, 0), rows)
    ordered = sorted(total, key=lambda source: (-total[source], source))
    return {source: place + 1 if place < TONES else 0 for place, source in enumerate(ordered)}


def _bands(level: Level, tones: Mapping[str, int], most: int) -> dict[int, tuple[float, float]]:
    """Tone -> (top, height) of the rows at a level, stacked; one neutral band where sources are not known."""
    rows: dict[int, int] = {}
    for source in sorted(level.by_source, key=lambda s: (tones[s] == 0, tones[s])):
        rows[tones[source]] = rows.get(tones[source], 0) + level.by_source[source]
    if not level.by_source and level.rows:
        rows = {0: level.rows}
    bands, y = {}, _TOP
    for tone, count in rows.items():
        if count:
            height = max(THIN, _STREAM * count / most)
            bands[tone] = y, height
            y += height
    return bands


def _ribbons(
    before: Mapping[int, tuple[float, float]],
    after: Mapping[int, tuple[float, float]],
    x: float,
    title: str,
    *,
    known: bool,
) -> list[Ribbon]:
    """From each band to the same band at the next level; all together where one side does not know sources (`known`)."""
    if not before or not after:
        return []
    if known and set(after) <= set(before):
        pairs = {tone: (before[tone], after[tone]) for tone in after}
    else:
        pairs = {0: (_whole(before), _whole(after))}
    start, middle = x - _STEP + _BAR, x - (_STEP - _BAR) / 2
    made = []
    for tone, ((y0, h0), (y1, h1)) in pairs.items():
        upper = f"M{start:.1f} {y0:.1f}C{middle:.1f} {y0:.1f} {middle:.1f} {y1:.1f} {x:.1f} {y1:.1f}"
        lower = f"V{y1 + h1:.1f}C{middle:.1f} {y1 + h1:.1f} {middle:.1f} {y0 + h0:.1f} {start:.1f} {y0 + h0:.1f}Z"
        made.append(Ribbon(upper + lower, tone, title))
    return made


def _whole(bands: Mapping[int, tuple[float, float]]) -> tuple[float, float]:
    top = min(y for y, _ in bands.values())
    return top, max(y + height for y, height in bands.values()) - top


def _column(number: int, level: Level) -> Column:
    named = level.drops[:_MOST_RULES]
    lines = tuple((_TOP + _STREAM + 24 + _LINE * line, drop) for line, drop in enumerate(named))
    more_y = _TOP + _STREAM + 24 + _LINE * len(named)
    more = len(level.drops) - len(named)
    return Column(_LEFT + number * _STEP, level.title, level.rows, level.copies, lines, more, more_y)


@dataclass(frozen=True)
class Outline:
    """One series of a histogram: a closed path of steps."""

    name: str
    path: str
    tone: int


@dataclass(frozen=True)
class Plot:
    """A histogram as paths: every series in shares of its own rows, ticks as (x, label)."""

    width: float
    height: float
    floor: float
    outlines: tuple[Outline, ...]
    ticks: tuple[tuple[float, str], ...]


def plot(histogram: Histogram) -> Plot:
    """The paths of a histogram."""
    shares = [[count / max(sum(s.counts), 1) for count in s.counts] for s in histogram.series]
    most = max(max(own) for own in shares) or 1
    bins = len(histogram.edges) - 1
    floor = _HEIGHT - _PAD
    outlines = []
    for number, (series, own) in enumerate(zip(histogram.series, shares, strict=True)):
        points = [f"M0 {floor:.1f}"]
        for place, share in enumerate(own):
            y = floor - (floor - 8) * share / most
            points.append(f"V{y:.1f}H{_WIDTH * (place + 1) / bins:.1f}")
        outlines.append(Outline(series.name, "".join(points) + f"V{floor:.1f}Z", number + 1))
    ticks = tuple((_WIDTH * place / bins, f"{histogram.edges[place]:,.4g}") for place in _tick_places(bins))
    return Plot(_WIDTH, _HEIGHT, floor, tuple(outlines), ticks)


def _tick_places(bins: int) -> list[int]:
    every = max(1, bins // 5)
    return list(range(0, bins + 1, every))
