"""`ot gc`: what nothing points to."""

from __future__ import annotations

from dataclasses import asdict

from rich.table import Table
from rich.text import Text

from ot_assets.commands.output import console, print_json
from resources.artifacts import ArtifactStore
from resources.home import Home


def run(*, delete: bool, grace_hours: float, as_json: bool) -> None:
    """Says what would go, or removes it."""
    report = ArtifactStore(Home.from_env().artifacts).gc(delete=delete, grace_hours=grace_hours)
    if as_json:
        print_json(asdict(report))
        return
    table = Table("what", "MiB", "why", box=None, pad_edge=False)
    for item in report.items:
        table.add_row(Text(item.path), f"{item.bytes / 2**20:.1f}", Text(item.reason))
    if report.items:
        console.print(table)
    size = sum(item.bytes for item in report.items) / 2**20
    verb = "removed" if delete else "would be removed (ot gc --delete)"
    console.print(f"{len(report.items)} {verb}, {size:.1f} MiB", markup=False)
    for what, paths in (("in use or too young, left alone", report.spared), ("could not be removed", report.failed)):
        if paths:
            console.print(f"{len(paths)} {what}: {', '.join(str(p) for p in paths[:5])}", markup=False)
