"""A plan as a person reads it. Loads rich only when asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

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
    for name in ("parts", "rows in", "rows out", "requests", "tokens", "USD"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("asked")
    for stage in plan.stages:
        money = f"{stage.cost:,.2f}" if stage.cost else ""
        figures = (stage.partitions, stage.rows_in, stage.rows_out, stage.requests or None)
        tokens = _short(stage.tokens or None)
        table.add_row(stage.stage, *(_figure(number) for number in figures), tokens, money, stage.note)
    table.add_section()
    table.add_row("in all", "", "", "", _figure(plan.requests), _short(plan.tokens), f"{plan.cost:,.2f}", "")
    rows = ", ".join(f"{domain} {number:,}" for domain, number in plan.rows.items())
    tier = plan.training
    lines = [
        f"Training rows for {plan.teachers[0]}: {rows}; {plan.answers_per_question} answers a question",
        f"Training: tier {tier.name}, batch {tier.global_batch}, learning rate {tier.learning_rate:g}, {tier.epochs:g} epochs"
        f"{', packed' if tier.packing else ''}, cutoff {tier.cutoff:,}: about {plan.training_tokens:,} tokens",
    ]
    if plan.unpriced:
        lines.append(f"Not in the money, since no price is registered: {', '.join(plan.unpriced)}")
    lines += ["Taken as given:", *(f"  - {assumption}" for assumption in plan.assumptions)]
    return Lines(table, *(Text(line) for line in lines))


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
