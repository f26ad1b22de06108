"""`ot responses`: the store of everything that models were asked."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.table import Table

from ot_assets.commands.output import console, print_json
from resources.errors import UserError
from resources.home import Home
from resources.responses import ResponseStore


def _open() -> ResponseStore:
    home = Home.from_env()
    if home.responses.startswith("sqlite:///") and not Path(home.responses.removeprefix("sqlite:///")).exists():
        raise UserError(f"there are no responses in {home.path}", fix="make some: ot run demo; or set OT_HOME")
    return ResponseStore(home.responses)


def stats(*, as_json: bool) -> None:
    """Replies, tokens and cost by model and purpose."""
    rows: list[dict[str, Any]] = [asdict(row) for row in _open().stats()]
    if as_json:
        print_json(rows)
        return
    columns = list(rows[0]) if rows else ["model"]
    table = Table(*columns, box=None, pad_edge=False)
    for row in rows:
        table.add_row(*("" if v is None else f"{v:,}" if isinstance(v, int) else str(v) for v in row.values()))
    console.print(table)


def show(key: str, *, as_json: bool) -> None:
    """One request and its reply."""
    found = _open().show(key)
    if as_json:
        print_json(found.as_dict())
        return
    for message in found.request["messages"]:
        console.print(f"[bold]{message['role']}[/]")
        console.print(message["content"], markup=False)
    console.print("[bold]reply[/]")
    console.print(found.reply.text, markup=False)
    console.print(f"[dim]{found.key}  {found.reply.finish_reason}[/]")


def export(path: Path, model: str | None, purpose: str | None) -> None:
    """Writes requests and replies to a file."""
    count = _open().export(path, model=model, purpose=purpose)
    console.print(f"{count:,} replies written to {path}", markup=False)
