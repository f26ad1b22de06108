"""`ot check`: every problem of the registry at once, or one recipe with nothing left open."""

from __future__ import annotations

import typer

from ot_assets.commands.output import print_json
from ot_assets.registry import registry
from ot_assets.registry.check import check


def run(recipe: str | None = None, *, as_json: bool) -> None:
    """Shows the report, or a recipe as it is carried out; exit code 1 when something is wrong."""
    report = check()
    if report.ok and recipe is not None:
        _show(recipe, as_json=as_json)
        return
    if as_json:
        print_json(report.to_json())
    else:
        for problem in (*report.errors, *report.warnings):
            colour = typer.colors.RED if problem.severity == "error" else typer.colors.YELLOW
            typer.secho(str(problem), fg=colour)
        typer.echo(report.summary())
    if not report.ok:
        raise typer.Exit(1)


def _show(recipe: str, *, as_json: bool) -> None:
    """The recipe with what it takes over from its base, the sources in use, and every step with its number."""
    found = registry().recipe(recipe).resolved()
    if as_json:
        print_json(found)
        return
    import yaml

    typer.echo(yaml.safe_dump(found, sort_keys=False, allow_unicode=True, width=120), nl=False)
