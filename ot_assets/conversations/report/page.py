"""A report on conversations as one HTML page that needs no other file and no network.

Belongs here: what the page is handed, and writing it; `page.html` and the parts beside it say how it looks. What people
wrote goes through Jinja's autoescape: it is shown as text, whatever it is. Fails with UserError where the file cannot
be written.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ot_assets.conversations.agreement import ENOUGH_BALLOTS
from ot_assets.conversations.report.build import FEW_ANSWERS, ConversationReport, build_report
from ot_assets.conversations.report.pictures import lorenz_path
from ot_assets.conversations.rows import TreeRows
from ot_assets.conversations.state import STATES
from ot_assets.pages import page_template
from ot_assets.report.charts import plot
from resources.errors import UserError

_LORENZ = 220


def as_html(report: ConversationReport, *, made_at: datetime | None = None) -> str:
    """The page."""
    return page_template("conversations/report/page.html").render(
        report=report,
        states=STATES,
        plots={name: (one, plot(one)) for name, one in report.histograms.items()},
        lorenz=lorenz_path(report.concentration.lorenz, _LORENZ),
        lorenz_size=_LORENZ,
        few_answers=FEW_ANSWERS,
        enough_ballots=ENOUGH_BALLOTS,
        made_at=f"{made_at or datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
    )


def write_report(rows: TreeRows, path: Path, *, made_at: datetime | None = None, **said: Any) -> ConversationReport:
    """Makes the report (`build_report`, which takes everything else that is said) and writes its page; returns it."""
    report = build_report(rows, **said)
    page = as_html(report, made_at=made_at)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(page, encoding="utf-8")
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}", fix="name another file: --out FILE") from error
    return report
