"""`ot responses`: the store of everything that models were asked."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from rich.table import Table
from rich.text import Text

from ot_assets.commands.output import console, print_json
from resources.home import Home
from resources.responses import reports
from resources.responses.store import ResponseStore

_COLUMNS = {
    "model": "model",
    "purpose": "purpose",
    "replies": "replies",
    "cut": "cut",
    "filtered": "filtered",
    "prompt_tokens": "tokens in",
    "completion_tokens": "out",
    "cost": "USD",
}
_RARE = ("filtered", "cost")
"""Columns that are left out where nothing stands in them."""


def _open() -> ResponseStore:
    return ResponseStore(Home.from_env().responses, create=False)


def stats(*, as_json: bool) -> None:
    """Replies, tokens and cost by model and purpose."""
    rows = [asdict(row) for row in reports.stats(_open())]
    if as_json:
        print_json(rows)
        return
    shown = {name: heading for name, heading in _COLUMNS.items() if name not in _RARE or any(row[name] for row in rows)}
    table = Table(box=None, pad_edge=False)
    for name, heading in shown.items():
        words = name in ("model", "purpose")
        table.add_column(heading, justify="left" if words else "right", overflow="fold", no_wrap=not words)
    for row in rows:
        table.add_row(*(_cell(name, row[name]) for name in shown))
    console.print(table)


def _cell(name: str, value: str | int | float) -> Text:
    if name == "model":  # its key says enough; --json has the whole identity
        return Text(str(value).partition(":")[0])
    return Text(value if isinstance(value, str) else f"{value:,}" if isinstance(value, int) else f"{value:.4f}")


def show(key: str, *, as_json: bool) -> None:
    """One request and its reply."""
    found = reports.show(_open(), key)
    record = reports.record(found)
    if as_json:
        print_json(record | {name: json.loads(record[name]) for name in ("request", "raw_reply")})
        return
    for message in json.loads(found.request)["messages"]:
        console.print(f"[bold]{message['role']}[/]")
        console.print(message["content"], markup=False)
    console.print("[bold]reply[/]")
    console.print(found.reply.text, markup=False)
    console.print(
        f"[dim]{found.key}  {found.model}  {found.purpose}  {found.reply.finish_reason}  {found.created_at}[/]"
    )


def export(path: Path, model: str | None, purpose: str | None) -> None:
    """Writes requests and replies to a file."""
    count = reports.export(_open(), path, model=model, purpose=purpose)
    console.print(f"{count:,} replies written to {path}", markup=False)
