"""Builds Data Docs: the site that lists all suites and what they last found in each data set.

Belongs here: bringing the site up to date. Contract: a page that is there is not built again (GX takes some 60 ms
each), pages of validations that are gone are removed, a validation that a crash left torn is dropped, and the pages
need no network.
Fails with UserError when the state folder cannot be written.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ot_assets.quality.rules import SuiteContext
from ot_assets.quality.suites import SUITES

if TYPE_CHECKING:
    from great_expectations.data_context.data_context.file_data_context import FileDataContext

FORMAT = "2"
"""Raised whenever pages should look different, so that old ones are built again."""


def build_docs(home: Path) -> Path:
    """Brings the site in the state folder up to date and returns its `index.html`."""
    from ot_assets.quality import project

    with project.opened(home) as context:
        site = project.site_folder(home)
        _drop_torn(project.validations_folder(home))
        _register_suites(context)
        _renew_if_old(context, site, project.gx().__version__)
        context.build_data_docs(resource_identifiers=_pages_to_build(context, site))
        return site / "index.html"


def _pages_to_build(context: FileDataContext, site: Path) -> list[Any]:
    """All suites, and the validations that have no page yet."""
    validations = [
        key
        for key in context.validation_results_store.list_keys()
        if not site.joinpath("validations", *key.to_tuple()[:-1], f"{key.to_tuple()[-1]}.html").exists()
    ]
    return [*context.expectations_store.list_keys(), *validations]


def _register_suites(context: FileDataContext) -> None:
    """Each suite in full: a validation leaves behind only the rules that applied to it."""
    from ot_assets.quality.judging import as_suite
    from ot_assets.quality.run import unmeasured

    for name in SUITES:
        context.suites.add_or_update(as_suite(name, unmeasured(name, SuiteContext(asset=name))))


def _drop_torn(validations: Path) -> None:
    from ot_assets.quality.project import readable

    for path in validations.rglob("*.json"):
        if readable(path) is None:
            path.unlink(missing_ok=True)


def _renew_if_old(context: FileDataContext, site: Path, version: str) -> None:
    """Throws the site away when other code built it."""
    mark, wanted = site.parent / f"{site.name}.format", f"{FORMAT} {version}"
    if mark.exists() and mark.read_text() == wanted:
        return
    if site.exists():
        context.clean_data_docs()
    mark.parent.mkdir(parents=True, exist_ok=True)
    mark.write_text(wanted)
