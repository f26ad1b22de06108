"""A recipe's bill as a person reads it. Loads rich only when asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ot_assets.spending.cost import Bill, Cost, per_row
from resources.generation.progress import dollars, short

if TYPE_CHECKING:
    from rich.console import Group
    from rich.table import Table

NOTE = (
    "Bought: every stored reply under the label of the partition, once, whoever asked first. Used: the traces that this "
    "recipe wants; one that other recipes want too counts in full for each. A kept row takes the used traces and the bought "
    "scores and judgements; evaluation is not in it."
)


def render(cost: Cost) -> Group:
    """Tables of what was bought and of what the rows took, and the totals."""
    from rich.console import Group as Lines
    from rich.text import Text

    row = per_row(cost.making, cost.kept)
    tokens = row["tokens_per_kept_row"]
    told = [
        f"Bought in all: {_usd(cost.bought)}, {short(cost.bought.tokens)} tokens in {cost.bought.replies:,} replies",
        f"Training rows: {cost.kept:,}, which took {_usd(cost.making)} and {short(cost.making.tokens)} tokens",
        f"A kept row: {_each(row['usd_per_kept_row'])}" + (f", {short(tokens)} tokens" if tokens is not None else ""),
        NOTE,
    ]
    return Lines(_bought(cost), Text(), _rows(cost), Text(), *(Text(line) for line in told))


def _bought(cost: Cost) -> Table:
    table = _table(f"{cost.recipe}: bought", "asset", "partition", "replies", "tokens in", "tokens out", "USD", "hours")
    for asset, bill in cost.assets.items():
        hours = f"{bill.hours:.2f}" if bill.hours is not None else ""
        table.add_row(asset, "", *_figures(bill), hours)
        for (owner, at), own in cost.partitions.items():
            if owner == asset:
                table.add_row("", at, *_figures(own), "")
    return table


def _rows(cost: Cost) -> Table:
    table = _table(
        "used traces", "source", "teacher", "traces", "tokens in", "tokens out", "USD", "kept", "USD/row", "tokens/row"
    )
    groups = [(part.source, part.teacher, part.used, part.kept) for part in cost.parts]
    groups += [("", key, bill, kept) for key, (bill, kept) in cost.along("teacher").items()]
    groups += [(key, "", bill, kept) for key, (bill, kept) in cost.along("source").items()]
    for number, (source, teacher, bill, kept) in enumerate(groups):
        if number == len(cost.parts):
            table.add_section()
        row = per_row(bill, kept)
        tokens = row["tokens_per_kept_row"]
        each = _each(row["usd_per_kept_row"]) if kept else ""
        table.add_row(
            source, teacher, *_figures(bill), f"{kept:,}", each, short(tokens) if tokens is not None else ""
        )  # fmt: skip
    return table


def _table(title: str, *names: str) -> Table:
    from rich.table import Table as Grid

    table = Grid(title=title, title_justify="left", box=None, pad_edge=False)
    for place, name in enumerate(names):
        table.add_column(name, justify="left" if place < 2 else "right", overflow="fold" if place < 2 else "ellipsis")
    return table


def _figures(bill: Bill) -> tuple[str, str, str, str]:
    return f"{bill.replies:,}", short(bill.prompt_tokens), short(bill.completion_tokens), _usd(bill)


def _usd(bill: Bill) -> str:
    if bill.usd is None:
        return "not known"
    return ("> " if bill.unpriced else "") + dollars(bill.usd)


def _each(usd: float | None) -> str:
    return "not known" if usd is None else f"${usd:.3g}"
