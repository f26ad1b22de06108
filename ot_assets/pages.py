"""HTML pages that need no other file and no network: how their templates are found and filled.

Belongs here: the one Jinja environment of all pages. Templates lie beside the code that fills them
(`lineage/page.html`, `report/page.html`) and share `lineage/style.html`. Contract: everything that a template is handed
is escaped; a name that is missing is an error, never an empty place. Fails only as Jinja does when a template itself is
broken.
"""

from __future__ import annotations

import functools

from jinja2 import Environment, PackageLoader, StrictUndefined, Template


def page_template(name: str) -> Template:
    """A template by its place below the package, such as `lineage/page.html`."""
    return _environment().get_template(name)


@functools.cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("ot_assets", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
