"""`ot check`: every problem of the registry at once."""

from __future__ import annotations

import typer

from ot_assets.commands.output import print_json
from ot_assets.registry.check import check


def run(*, as_json: bool) -> None:
    """Shows the report; exit code 1 when something is wrong."""
    report = check()
    if as_json:
        print_json(report.to_json())
    else:
        for problem in (*report.errors, *report.warnings):
            colour = typer.colors.RED if problem.severity == "error" else typer.colors.YELLOW
            typer.secho(str(problem), fg=colour)
        typer.echo(report.summary())
    if not report.ok:
        raise typer.Exit(1)
