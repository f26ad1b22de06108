"""`ot docs`: what the expectation suites found, as a site on this machine."""

from __future__ import annotations

import webbrowser

from ot_assets.commands.output import console
from ot_assets.quality.docs import build_docs
from resources.home import Home


def run(*, open_browser: bool) -> None:
    """Builds the site, says where it is, and opens it."""
    page = build_docs(Home.from_env().path)
    console.print(str(page), markup=False, soft_wrap=True)
    if open_browser:
        webbrowser.open(page.as_uri())
