"""A plan as a person reads it. Loads rich only when asked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ot_assets.planning.estimates import CallEstimate, Range, total
from ot_assets.planning.result import Plan

if TYPE_CHECKING:
    from rich.console import Group


def render(plan: Plan) -> Group:
    """The plan as a person reads it: a table of stages, then rows, training, money and assumptions."""
    from rich.console import Group as Lines
    from rich.table import Table
    from rich.text import Text

    title = f"{plan.recipe}, taught by {', '.join(plan.teachers)}"
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    table.add_column("stage", no_wrap=True)
    for name in ("parts", "rows in", "rows out", "requests", "tokens", "USD", "hours"):
        table.add_column(name, justify="right", no_wrap=True)
    for stage in plan.stages:
        figures = (stage.partitions, stage.rows_in, stage.rows_out, stage.requests or None)
        table.add_row(stage.stage, *(_figure(number) for number in figures), *_expected(stage.calls))
    table.add_section()
    everything = [call for stage in plan.stages for call in stage.calls if call.requests]
    table.add_row("in all", "", "", "", _figure(plan.requests), *_expected(everything))
    rows = ", ".join(f"{domain} {number:,}" for domain, number in plan.rows.items())
    tier = plan.training
    lines = [
        f"Training rows for {plan.teachers[0]}: {rows}; {plan.answers_per_question} answers a question",
        f"Training: tier {tier.name}, batch {tier.global_batch}, learning rate {tier.learning_rate:g}, {tier.epochs:g} epochs"
        f"{', packed' if tier.packing else ''}, cutoff {tier.cutoff:,}: about {plan.training_tokens:,} tokens",
    ]
    if plan.pace is not None:
        lines.append(f"Training hours a student: {_span([plan.training_hours])}; {plan.pace.basis}")
    lines += _totals(everything)
    if everything:
        lines += ["Lengths and pace rest on:", *_bases(plan)]
    if plan.unpriced:
        lines.append(f"Cost not known, since no price is registered: {', '.join(plan.unpriced)}")
    lines += ["Taken as given:", *(f"  - {assumption}" for assumption in plan.assumptions)]
    return Lines(table, *(Text(line) for line in lines))


def _expected(calls: Sequence[CallEstimate]) -> tuple[str, str, str]:
    """Tokens, USD and hours as expected; `?` where nothing is known, `>` where not all of it is."""
    asked = [call for call in calls if call.requests]
    if not asked:
        return "", "", ""
    tokens = round(total(call.prompt + call.completion for call in asked)[0].expected)
    return _short(tokens), _cell([call.cost for call in asked]), _cell([call.wall_hours for call in asked])


def _cell(values: Sequence[Range | None]) -> str:
    if all(value is None for value in values):
        return "?"
    summed, complete = total(values)
    return ("" if complete else "> ") + _amount(summed.expected)


def _totals(calls: Sequence[CallEstimate]) -> list[str]:
    """The ranges of the whole plan, one line each."""
    figures = {
        "USD": [call.cost for call in calls],
        "Hours": [call.wall_hours for call in calls],
        "GPU hours": [call.gpu_hours for call in calls],
    }
    if not calls:
        return []
    tokens, _ = total(call.prompt + call.completion for call in calls)
    low, middle, high = (_short(round(number)) for number in (tokens.low, tokens.expected, tokens.high))
    said = [f"Tokens: {low} to {high} (80 %), {middle} expected"]
    return said + [f"{name}: {_span(values)}" for name, values in figures.items()]


def _span(values: Sequence[Range | None]) -> str:
    if all(value is None for value in values):
        return "not known"
    summed, complete = total(values)
    rest = "" if complete else ", and what is not known"
    return f"{_amount(summed.low)} to {_amount(summed.high)} (80 %), {_amount(summed.expected)} expected{rest}"


def _amount(number: float) -> str:
    return f"{number:,.0f}" if number >= 100 else f"{number:,.2f}" if number >= 1 or not number else f"{number:.2g}"


def _bases(plan: Plan) -> list[str]:
    """Who is asked at each stage, and what the figures rest on."""
    found: dict[str, dict[str, None]] = {}
    for stage in plan.stages:
        for call in stage.calls:
            if call.requests:
                found.setdefault(f"{stage.stage} by {call.who}", {})[f"{call.basis}; {call.pace}"] = None
    return [f"  {who}: {' | '.join(bases)}" for who, bases in found.items()]


def _figure(number: int | None) -> str:
    return "" if number is None else f"{number:,}"


def _short(number: int | None) -> str:
    """Tokens run into billions: three digits and a unit say enough."""
    if number is None:
        return ""
    for unit, size in (("G", 10**9), ("M", 10**6), ("k", 10**3)):
        if number >= size:
            return f"{number / size:,.3g}{unit}" if number < 1000 * size else f"{number / size:,.0f}{unit}"
    return str(number)
