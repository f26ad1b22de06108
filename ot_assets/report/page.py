"""A recipe's report as one HTML page that needs no other file and no network.

Belongs here: what the page is handed; `page.html` and the parts beside it say how it looks. All text from data and
specs goes through Jinja's autoescape. Fails only as Jinja does when a template itself is broken.
"""

from __future__ import annotations

from datetime import UTC, datetime

from ot_assets.pages import page_template
from ot_assets.report.build import RecipeReport
from ot_assets.report.charts import plot, stream


def as_html(report: RecipeReport, *, now: datetime | None = None) -> str:
    """The page."""
    return page_template("report/page.html").render(
        report=report,
        streams=[
            (title, picture)
            for title, levels in (("questions", report.funnel.questions), ("answers", report.funnel.answers))
            if (picture := stream(levels)) is not None
        ],
        plots=[(one, plot(one)) for one in report.histograms],
        made_at=f"{now or datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
    )
