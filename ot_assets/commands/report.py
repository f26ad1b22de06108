"""`ot report`: one HTML page about a recipe, from its sources to its examples."""

from __future__ import annotations

import webbrowser
from pathlib import Path

from ot_assets.commands.output import console
from ot_assets.commands.world import open_world
from ot_assets.report.build import build_report
from ot_assets.report.page import as_html
from ot_assets.spending.stored import store_if_there
from resources.errors import UserError
from resources.home import Home


def run(recipe: str, teacher: str | None, *, out: Path | None, open_browser: bool) -> None:
    """Writes the page, says where it is, and opens it when asked to."""
    home = Home.from_env()
    store = store_if_there(home)
    try:
        report = build_report(open_world(), recipe, teacher, store)
    finally:
        if store is not None:
            store.close()
    page = out or home.path / "reports" / f"{recipe}-{report.teacher}.html"
    try:
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text(as_html(report), encoding="utf-8")
    except OSError as error:
        raise UserError(f"{page}: {error.strerror}", fix="name another file: --out FILE") from error
    console.print(str(page), markup=False, soft_wrap=True)
    if open_browser:
        webbrowser.open(page.resolve().as_uri())
