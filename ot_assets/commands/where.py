"""`ot where`: what became of one row of a source."""

from __future__ import annotations

from ot_assets.commands.output import console, print_json
from ot_assets.lineage.report import fate_rich
from ot_assets.lineage.where import where
from resources.artifacts import ArtifactStore
from resources.home import Home


def run(source: str, row: str, *, as_json: bool) -> None:
    """Shows each stage that the row reached, and where it was dropped."""
    fate = where(ArtifactStore(Home.from_env().artifacts), source, row)
    if as_json:
        print_json(fate.as_dict())
    else:
        console.print(fate_rich(fate))
