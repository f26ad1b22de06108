"""How Data Docs look: GX's own pages, made to work without any network, and an index of our own.

Belongs here: view and renderer classes that the GX project names in its configuration (GX's extension points for Data
Docs). GX's stock pages load styles and scripts from six other hosts, show an empty index without them, and fetch a logo
with the project's id in its address. Here everything is in the page: no script from elsewhere, no image from elsewhere,
nothing is reported to anyone.
This module imports Great Expectations; only GX itself imports it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import jinja2
from great_expectations.render.view.view import DefaultJinjaPageView

_ELSEWHERE = (
    re.compile(r"<script\b.*?</script>", re.DOTALL | re.IGNORECASE),
    re.compile(r"<link\b[^>]*>", re.IGNORECASE),
    re.compile(r"<footer\b.*?</footer>", re.DOTALL | re.IGNORECASE),
)
# GX's own style sheet fetches a logo too; the asset line is always "None" for a frame in memory.
_REMOTE_STYLE = re.compile(r"background:\s*url\('https?://[^;]*;")
_NO_ASSET = re.compile(r"Data asset: None<br>")
_LOGO = re.compile(r"<img\b[^>]*src=\"https?://[^>]*>", re.DOTALL | re.IGNORECASE)

STYLE = """
:root { color-scheme: light dark; --line: #8884; --soft: #8881; --bad: #c62828; --good: #2e7d32; }
body { font: 15px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 72rem; padding: 0 1.5rem 3rem; }
a { color: #1565c0; } @media (prefers-color-scheme: dark) { a { color: #90caf9; } }
h1 { font-size: 1.5rem; }
h2, h4, h5 { font-size: 1.15rem; margin: 1.4rem 0 .4rem; } h6 { font-size: 1rem; margin: .8rem 0 .2rem; }
nav, .sticky-top { height: auto !important; } .navbar { padding: .6rem 0; }
.breadcrumb { list-style: none; display: flex; gap: .5rem; padding: 0; margin: 0; }
.breadcrumb li + li::before { content: "/"; padding-right: .5rem; opacity: .5; }
table { border-collapse: collapse; width: 100%; margin: .3rem 0 1rem; }
th, td { border-bottom: 1px solid var(--line); padding: .35rem .6rem; text-align: left; vertical-align: top; }
th { background: var(--soft); } thead[hidden] { display: none; } td.n, th.n { text-align: right; }
.card, .alert { border: 1px solid var(--line); border-radius: 6px; padding: .6rem .9rem; margin: .6rem 0; }
.card .card-header, .card .card-body { padding: 0 !important; }
.ge-navigation-sidebar-content { display: flex; flex-wrap: wrap; gap: .2rem 1rem; }
.ge-navigation-sidebar-content { list-style: none; padding: 0; margin: .3rem 0; }
.btn-group { display: flex; gap: .5rem; } .btn { cursor: pointer; } .modal, .lead { display: none; }
.collapse { display: none; } .collapse:target { display: block; }
.fas { font-style: normal; font-weight: 700; } .fa-check-circle::before { content: "\\2713"; }
.fa-times::before { content: "\\2717"; }
.fa-exclamation-triangle::before { content: "!"; }
.text-success, .met { color: var(--good); } .text-danger, .failed { color: var(--bad); }
@media (prefers-color-scheme: dark) { .text-success, .met { color: #81c784; } .text-danger, .failed { color: #ef9a9a; } }
.ge-section { margin: 0 !important; padding: 0 !important; } .ge-section > br, .ge-section ~ br { display: none; }
.ge-section:not(#section-1) .alert { border: 0; padding: 0; margin: 0; background: none; }
.failed-only tr:has(.hide-succeeded-validation-target-child) { display: none; }
.failed-only .ge-section:has(.hide-succeeded-validations-column-section-target-child) { display: none; }
"""
_SCRIPT = """<script>
function showAllValidations() { document.body.classList.remove("failed-only"); }
function hideSucceededValidations() { document.body.classList.add("failed-only"); }
</script>"""

_INDEX = jinja2.Environment(autoescape=True).from_string(
    """<!DOCTYPE html>
<html lang="en"><head><meta charset="UTF-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Data Docs</title><style>{{ style }}</style></head><body>
<h1>Data Docs</h1>
<p>What the expectation suites found in each data set as a whole. Newest first;
the last {{ keep }} validations of each are kept.</p>
<h2>Latest validations</h2>
{% if latest %}<table><thead><tr><th></th><th>data set</th><th>suite</th><th>when (UTC)</th><th>earlier</th></tr></thead><tbody>
{% for v in latest %}<tr><td class="{{ 'met' if v.met else 'failed' }}">{{ '✓ met' if v.met else '✗ failed' }}</td>
<td><a href="{{ v.page }}">{{ v.name }}</a></td><td><a href="{{ v.suite_page }}">{{ v.suite }}</a></td><td>{{ v.when }}</td>
<td>{% for e in v.earlier %}<a class="{{ 'met' if e.met else 'failed' }}" href="{{ e.page }}">
{{ '✓' if e.met else '✗' }} {{ e.when }}</a> {% endfor %}</td></tr>
{% endfor %}</tbody></table>{% else %}
<p>Nothing has been validated yet: materialize something, then build the docs again.</p>{% endif %}
<h2>Suites</h2>
<ul>{% for s in suites %}<li><a href="{{ s.page }}">{{ s.name }}</a></li>{% endfor %}</ul>
</body></html>
"""
)


class OfflinePageView(DefaultJinjaPageView):
    """GX's page of a suite or a validation, with all that it needs inside."""

    def render(self, document: Any, template: str | None = None, **kwargs: Any) -> str:
        """The page as HTML."""
        page: str = super().render(document, template, **kwargs)  # type: ignore[no-untyped-call]
        return offline(page)


class IndexRenderer:
    """Sorts GX's links for the index: the latest validation of each data set, and the ones before it."""

    def __init__(self, data_context: Any = None) -> None:
        """GX hands its project over; it is not needed."""

    def render(self, links: Mapping[str, Any]) -> dict[str, Any]:
        """What `IndexView` shows."""
        shown: dict[tuple[str, str], list[dict[str, Any]]] = {}
        for link in sorted(links.get("validations_links", []), key=_time, reverse=True):
            shown.setdefault((link["run_name"], link["expectation_suite_name"]), []).append(_validation(link))
        suites = [
            {"name": s["expectation_suite_name"], "page": s["filepath"]} for s in links.get("expectations_links", [])
        ]
        latest = [{**runs[0], "earlier": runs[1:]} for runs in shown.values()]
        return {"latest": latest, "suites": sorted(suites, key=lambda s: str(s["name"]))}


class IndexView:
    """The page that `ot docs` opens."""

    def __init__(self, **kwargs: Any) -> None:
        """GX hands over where custom styles lie; they are not used."""

    def render(self, document: Mapping[str, Any], template: str | None = None, **kwargs: Any) -> str:
        """The index as HTML."""
        from ot_assets.quality.project import KEEP

        return _INDEX.render(document, style=STYLE, keep=KEEP)


def offline(page: str) -> str:
    """A page of GX without anything from elsewhere, and with a style of its own."""
    for pattern in _ELSEWHERE:
        page = pattern.sub("", page)
    page = _NO_ASSET.sub("", _REMOTE_STYLE.sub("", _LOGO.sub("Data Docs", page)))
    return page.replace("</head>", f"<style>{STYLE}</style>{_SCRIPT}</head>", 1)


def _validation(link: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "name": link["run_name"],
        "page": link["filepath"],
        "suite": link["expectation_suite_name"],
        "suite_page": link["expectation_suite_filepath"],
        "met": bool(link["validation_success"]),
        "when": _time(link)[:19].replace("T", " "),
    }


def _time(link: Mapping[str, Any]) -> str:
    run_time = link["run_time"]
    return run_time.isoformat() if isinstance(run_time, datetime) else str(run_time)
