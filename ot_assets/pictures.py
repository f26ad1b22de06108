"""Small charts for the UI and for cards: a PNG inside a markdown image, so that it needs no file and no server.

Belongs here: drawing only; the figures come in ready. Contract: every function gives one line of markdown,
`![alt](data:image/png;base64,...)`, of at most `LARGEST` bytes of PNG, the same bytes for the same figures. Colours are from
the palette of Okabe and Ito, which people with any colour vision tell apart; nothing is told by colour alone. matplotlib is
imported when the first picture is drawn, without a display. With nothing to draw the result is a sentence, never an error.
"""

from __future__ import annotations

import base64
import io
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LARGEST = 60_000
"""Largest PNG in bytes; it all lands in the event log."""

_PALETTE = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#999999")
_HATCHES = ("", "//", "..", "xx", "\\\\", "--", "++", "oo")
_INK = "#222222"
_MOST_BARS = 32
_MOST_POINTS = 1_000
_NAME = 34


@dataclass(frozen=True)
class Bar:
    """One score: a bar with whiskers. `low` and `high` are the ends of its interval; a `value` of None is shown as missing."""

    model: str
    benchmark: str
    value: float | None
    low: float | None = None
    high: float | None = None


def bars_of(rows: Iterable[Mapping[str, Any]]) -> list[Bar]:
    """Bars from rows with model, benchmark, score and se: whiskers are score ± 1.96 se, kept within 0..1."""
    return [_bar(row) for row in rows]


def score_bars(bars: Sequence[Bar], title: str = "Scores ± 1.96 standard errors") -> str:
    """Horizontal bars, grouped by model, one colour and hatch a benchmark. Beyond 32 bars only the first are drawn."""
    if not bars:
        return "*No scores to draw.*"
    drawn = bars[:_MOST_BARS]
    models = list(dict.fromkeys(b.model for b in drawn))
    benchmarks = list(dict.fromkeys(b.benchmark for b in drawn))
    figure, axes = _figure(height=1.1 + 0.26 * len(drawn) + 0.12 * len(models))
    places, ticks = _places(drawn, models)
    for place, bar in zip(places, drawn, strict=True):
        _draw_bar(axes, place, bar, benchmarks.index(bar.benchmark))
    axes.set_yticks(ticks, [_short(m) for m in models])
    axes.set_ylim(max(places) + 0.7, -0.7)  # the first on top
    axes.set_xlim(0, 1)
    axes.set_xlabel("share of replies that are right")
    axes.grid(axis="x", alpha=0.3)
    left = f" (first {_MOST_BARS} of {len(bars)})" if len(bars) > _MOST_BARS else ""
    axes.set_title(title + left, loc="left", fontsize=10)
    if len(benchmarks) > 1:
        _legend(figure, axes, benchmarks)
    return _markdown(figure, title)


def loss_curve(metrics: str | Path | Iterable[Mapping[str, Any]], title: str = "Training loss") -> str:
    """Loss over optimiser steps, from a JSONL file of metrics or its rows; rows without a finite `step` and `loss` are skipped
    (a summary, a line torn by a crash). Rows with `eval_loss` give a second, dashed line.
    """
    train, held_back = _curves(metrics)
    if not train and not held_back:
        return "*No loss was logged.*"
    figure, axes = _figure(height=2.8)
    for points, label, colour, style in ((train, "training", 0, "-"), (held_back, "evaluation", 5, "--")):
        if points:
            steps, values = zip(*_thinned(points), strict=True)
            marker = "o" if len(points) <= 30 else None
            axes.plot(
                steps, values, style, color=_PALETTE[colour], label=label, linewidth=1.4, marker=marker, markersize=3
            )
    axes.set_xlabel("optimiser step")
    axes.set_ylabel("loss")
    axes.grid(alpha=0.3)
    losses = [y for _, y in train + held_back]
    if min(losses) >= 0:
        axes.set_ylim(0, 1.06 * max(losses) or 1)
    axes.xaxis.set_major_locator(_whole_numbers())
    axes.set_title(title, loc="left", fontsize=10)
    if train and held_back:
        axes.legend(fontsize=8, frameon=False)
    return _markdown(figure, title)


def histogram(values: Iterable[float | None], title: str, *, unit: str = "", bins: int = 30) -> str:
    """How values are spread, with the median marked; on a logarithmic scale when a long tail would flatten the rest. None, nan
    and infinite values are left out and counted in the title.
    """
    given = list(values)
    kept = [float(v) for v in given if v is not None and math.isfinite(v)]
    if not kept:
        return "*No values to draw.*"
    figure, axes = _figure(height=2.6)
    median = sorted(kept)[len(kept) // 2]
    edges = _edges(kept, median, bins)
    axes.hist(kept, bins=edges, color=_PALETTE[0], edgecolor="white", linewidth=0.4)
    if isinstance(edges, list):
        axes.set_xscale("log")
    axes.axvline(median, color=_PALETTE[5], linestyle="--", linewidth=1.4, label=f"median {median:,.4g}")
    axes.set_xlabel(unit)
    axes.set_ylabel("rows")
    axes.xaxis.set_major_formatter("{x:,.6g}")
    axes.yaxis.set_major_locator(_whole_numbers())
    axes.yaxis.set_major_formatter("{x:,.0f}")
    axes.grid(axis="y", alpha=0.3)
    axes.legend(fontsize=8, frameon=False)
    left_out = len(given) - len(kept)
    axes.set_title(title + (f" ({left_out:,} without a value)" if left_out else ""), loc="left", fontsize=10)
    return _markdown(figure, title)


def _bar(row: Mapping[str, Any]) -> Bar:
    score, se = row["score"], row["se"]
    if score is None or se is None:
        return Bar(row["model"], row["benchmark"], score)
    return Bar(row["model"], row["benchmark"], score, max(0.0, score - 1.96 * se), min(1.0, score + 1.96 * se))


def _places(bars: Sequence[Bar], models: Sequence[str]) -> tuple[list[float], list[float]]:
    """Heights of the bars, with a gap between models, and the middle of each model's group."""
    order = sorted(range(len(bars)), key=lambda i: models.index(bars[i].model))
    heights = {i: rank + 0.5 * models.index(bars[i].model) for rank, i in enumerate(order)}
    groups = [[heights[i] for i, b in enumerate(bars) if b.model == m] for m in models]
    return [heights[i] for i in range(len(bars))], [sum(g) / len(g) for g in groups]


def _draw_bar(axes: Axes, place: float, bar: Bar, kind: int) -> None:
    if bar.value is None:
        axes.text(0.01, place, "missing", va="center", fontsize=8, style="italic", color=_INK)
        return
    colour, hatch = _PALETTE[kind % len(_PALETTE)], _HATCHES[kind % len(_HATCHES)]
    axes.barh(place, bar.value, height=0.8, color=colour, hatch=hatch, edgecolor="white", linewidth=0.4)
    end = bar.value
    if bar.low is not None and bar.high is not None:
        whiskers = [[max(0.0, bar.value - bar.low)], [max(0.0, bar.high - bar.value)]]
        axes.errorbar(bar.value, place, xerr=whiskers, color=_INK, capsize=2.5, linewidth=1.1)
        end = max(bar.value, bar.high)
    inside = end > 0.88
    axes.text(
        (bar.low if inside and bar.low is not None else end) + (-0.012 if inside else 0.012),
        place,
        f"{bar.value:.2f}",
        va="center",
        ha="right" if inside else "left",
        fontsize=8,
        color=_INK,
        bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.8, "alpha": 0.85} if inside else None,
    )


def _legend(figure: Figure, axes: Axes, benchmarks: Sequence[str]) -> None:
    from matplotlib.patches import Patch

    handles = [
        Patch(
            facecolor=_PALETTE[i % len(_PALETTE)], hatch=_HATCHES[i % len(_HATCHES)], edgecolor="white", label=_short(b)
        )
        for i, b in enumerate(benchmarks)
    ]
    figure.legend(handles=handles, loc="outside lower left", ncols=min(3, len(handles)), fontsize=8, frameon=False)


def _curves(
    metrics: str | Path | Iterable[Mapping[str, Any]],
) -> tuple[list[tuple[float, float]], list[tuple[float, float]]]:
    rows = list(_read(Path(metrics)) if isinstance(metrics, str | Path) else metrics)
    return _points(rows, "loss"), _points(rows, "eval_loss")


def _read(path: Path) -> Iterable[Mapping[str, Any]]:
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            try:
                row = json.loads(line)
            except ValueError:
                continue
            if isinstance(row, dict):
                yield row


def _points(rows: Iterable[Mapping[str, Any]], name: str) -> list[tuple[float, float]]:
    """By step; where a run was resumed, the last value of a step counts."""
    found: dict[float, float] = {}
    for row in rows:
        step, value = row.get("step"), row.get(name)
        if isinstance(step, int | float) and isinstance(value, int | float) and math.isfinite(value):
            found[float(step)] = float(value)
    return sorted(found.items())


def _thinned(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    every = max(1, math.ceil(len(points) / _MOST_POINTS))
    thin = list(islice(points, 0, None, every))
    return thin if thin[-1] == points[-1] else [*thin, points[-1]]


def _edges(values: Sequence[float], median: float, bins: int) -> int | list[float]:
    """A number of equal bins, or the edges of bins that are equal on a logarithmic scale."""
    low, high = min(values), max(values)
    if low <= 0 or high < 12 * median:
        return min(bins, max(1, len(set(values))))
    return [low * (high / low) ** (i / bins) for i in range(bins)] + [high]


def _whole_numbers() -> Any:
    from matplotlib.ticker import MaxNLocator

    return MaxNLocator(integer=True)


def _short(name: str) -> str:
    return name if len(name) <= _NAME else name[: _NAME - 1] + "…"


def _figure(height: float) -> tuple[Figure, Axes]:
    # Figure without pyplot: no display, no global state, safe in threads, and nothing to close.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, height), dpi=100, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=8)
    axes.xaxis.label.set_fontsize(9)
    axes.yaxis.label.set_fontsize(9)
    return figure, axes


def _markdown(figure: Figure, alt: str) -> str:
    """The PNG in 64 colours, which keeps it small; should it still be too large, again with fewer dots an inch."""
    for dpi in (120, 90, 60, 40):
        png = _png(figure, dpi)
        if len(png) <= LARGEST:
            break
    safe = "".join(c for c in alt if c not in "[]()\n\r")
    return f"![{safe}](data:image/png;base64,{base64.b64encode(png).decode()})"


def _png(figure: Figure, dpi: int) -> bytes:
    from PIL import Image

    full, small = io.BytesIO(), io.BytesIO()
    figure.savefig(full, format="png", dpi=dpi)
    Image.open(full).convert("RGB").quantize(64, dither=Image.Dither.NONE).save(small, format="png", optimize=True)
    return small.getvalue()
