"""`ot`: the command line. Names, options and help stand here; what a command does is in `ot_assets.commands`.

Modules are imported inside the commands, so that `ot check` and `--help` start at once. A `UserError` is shown as it is and
ends with exit code 1; wrong usage ends with 2; Ctrl-C with 130, and what was done is kept.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from ot_assets.cli_conversations import add_to as add_conversations

_STOPPED = 130
"""Exit code that typer gives to Ctrl-C."""

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    help="Reasoning models from data recipes. State lies in $OT_HOME (default .ot).",
)
responses = typer.Typer(no_args_is_help=True, help="Look into the store of everything that models were asked.")
add_conversations(app)
app.add_typer(responses, name="responses")

Json = Annotated[bool, typer.Option("--json", help="Print JSON for a program to read.")]
Recipe = Annotated[str, typer.Argument(help="Key of a recipe.")]


@app.command()
def check(
    recipe: Annotated[str | None, typer.Argument(help="Show this recipe as it is carried out.")] = None,
    json: Json = False,
) -> None:
    """Validate every YAML of the registry; all problems at once. With a recipe: what it says with its base, rankings and rows
    worked out.

    Example: `OT_REGISTRY=my-registry ot check`
    """
    from ot_assets.commands.check import run

    run(recipe, as_json=json)


@app.command()
def ladder(
    recipe: Recipe,
    sizes: Annotated[
        list[str] | None, typer.Argument(help="Training rows: 316 1k 3.16k ... (default: up to 1M).")
    ] = None,
    folder: Annotated[Path | None, typer.Option(help="Registry folder to write to (default: OT_REGISTRY).")] = None,
    json: Json = False,
) -> None:
    """Write recipes that differ in the number of rows alone; the questions of each are among those of the larger ones.

    Example: `OT_REGISTRY=my-registry ot ladder openthoughts3 316 1k 3.16k`
    """
    from ot_assets.commands.ladder import run

    run(recipe, tuple(sizes or ()), folder=folder, as_json=json)


@app.command()
def doctor(
    endpoints: Annotated[bool, typer.Option("--endpoints", help="Also ask every endpoint what it serves.")] = False,
    json: Json = False,
) -> None:
    """Look whether this machine can do the work: Python, torch, GPU, servers, sandbox, disk, stores, keys.

    Example: `ot doctor --endpoints`
    """
    from ot_assets.commands.doctor import run

    run(endpoints=endpoints, as_json=json)


@app.command()
def plan(
    recipe: Recipe,
    teacher: Annotated[str | None, typer.Option(help="Plan for this teacher instead of the recipe's own.")] = None,
    pilot: Annotated[
        int, typer.Option(help="First ask so many requests of each teacher and source (kept), to estimate from.", min=0)
    ] = 0,
    json: Json = False,
) -> None:
    """What a recipe would make: stages, rows, requests, tokens, money, hours; from specs and from replies that are stored.

    Example: `ot plan openthoughts3`
    """
    from ot_assets.commands.plan import run

    run(recipe, teacher, as_json=json, pilot=pilot)


@app.command()
def run(
    recipe: Recipe,
    teacher: Annotated[list[str] | None, typer.Option(help="Only this teacher (may be given several times).")] = None,
    budget_usd: Annotated[
        float | None, typer.Option(help="Stop before more than this was ever spent on the recipe, in USD.", min=0)
    ] = None,
    budget_tokens: Annotated[int | None, typer.Option(help="The same in tokens, in and out.", min=0)] = None,
    budget_hours: Annotated[float | None, typer.Option(help="The same in hours of waiting for models.", min=0)] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="Only a line for each step, as when CI=true is set.")] = False,
    json: Json = False,
) -> None:
    """Make what is missing or stale for a recipe, in order, and only that. Stop it at any time; run it again to go on.

    Example: `ot run demo --teacher reference`
    """
    from ot_assets.commands.run import run as go
    from ot_assets.registry.specs.budget import BudgetSpec

    budget = BudgetSpec(usd=budget_usd, tokens=budget_tokens, hours=budget_hours)
    raise typer.Exit(go(recipe, tuple(teacher or ()), as_json=json, budget=budget, quiet=quiet))


@app.command()
def cost(
    recipe: Recipe,
    teacher: Annotated[list[str] | None, typer.Option(help="Only this teacher (may be given several times).")] = None,
    json: Json = False,
) -> None:
    """What a recipe has cost: by asset, partition, source and teacher, and per row that was kept for training.

    Example: `ot cost demo`
    """
    from ot_assets.commands.cost import run

    run(recipe, tuple(teacher or ()), as_json=json)


@app.command()
def status(
    recipe: Annotated[str | None, typer.Argument(help="Only what this recipe needs.")] = None,
    all_partitions: Annotated[
        bool, typer.Option("--all", help="Also what is missing and was never asked for.")
    ] = False,
    json: Json = False,
) -> None:
    """What is fresh, stale (and why) or missing, computed from manifests all the way up.

    Example: `ot status demo`
    """
    from ot_assets.commands.status import run

    run(recipe, all_partitions=all_partitions, as_json=json)


@app.command()
def lineage(
    asset: Annotated[str, typer.Argument(help="Asset, such as student_model.")],
    recipe: Annotated[str | None, typer.Option(help="Recipe of the partition.")] = None,
    teacher: Annotated[str | None, typer.Option(help="Teacher of the partition.")] = None,
    source: Annotated[str | None, typer.Option(help="Source of the partition.")] = None,
    benchmark: Annotated[str | None, typer.Option(help="Benchmark of the partition.")] = None,
    model: Annotated[str | None, typer.Option(help="Model of the partition.")] = None,
    language: Annotated[str | None, typer.Option(help="Conversations of the partition.")] = None,
    artifact: Annotated[str | None, typer.Option(help="An older version, by its artifact id.")] = None,
    row: Annotated[str | None, typer.Option(help="Path of one training row (example id) to its source row.")] = None,
    brief: Annotated[bool, typer.Option(help="Two levels only.")] = False,
    mermaid: Annotated[bool, typer.Option(help="Print a mermaid flowchart.")] = False,
    html: Annotated[Path | None, typer.Option(help="Write a page to this file.")] = None,
    json: Json = False,
) -> None:
    """What an artifact was made from, down to the sources; or the path of one training row.

    Example: `ot lineage student_model --recipe demo --teacher reference`
    """
    from ot_assets.commands.lineage import Form, run

    dims = {"source": source, "recipe": recipe, "teacher": teacher, "benchmark": benchmark, "model": model}
    dims |= {"language": language}
    keys = {dim: key for dim, key in dims.items() if key is not None}
    run(asset, keys, artifact, row, Form(brief=brief, mermaid=mermaid, html=html, as_json=json))


@app.command()
def where(
    source: Annotated[str, typer.Argument(help="Key of a source.")],
    row: Annotated[str, typer.Argument(help="Row of the source, or a question id (a beginning is enough).")],
    json: Json = False,
) -> None:
    """What became of a row of a source: where it is, or which step dropped it and why.

    Example: `ot where chain-sum chain_sum:12`
    """
    from ot_assets.commands.where import run

    run(source, row, as_json=json)


@app.command()
def report(
    recipe: Recipe,
    teacher: Annotated[str | None, typer.Option(help="With this teacher; default: the first that is made.")] = None,
    out: Annotated[Path | None, typer.Option(help="File to write; default: in $OT_HOME/reports.")] = None,
    open_browser: Annotated[bool, typer.Option("--open", help="Open the page in a browser.")] = False,
) -> None:
    """One page about a recipe: what every step did and why each row left, with texts, charts and samples. Opens offline.

    Example: `ot report demo --open`
    """
    from ot_assets.commands.report import run

    run(recipe, teacher, out=out, open_browser=open_browser)


@app.command()
def leaderboard(
    held_out: Annotated[bool, typer.Option("--held-out", help="Also show held-out scores (never compared).")] = False,
    json: Json = False,
) -> None:
    """Models side by side, with paired tests on the same questions.

    Example: `ot leaderboard --json`
    """
    from ot_assets.commands.leaderboard import run

    run(held_out=held_out, as_json=json)


@app.command()
def traces(
    recipe: Recipe,
    teacher: Annotated[str, typer.Argument(help="Key of a teacher.")],
    source: Annotated[str | None, typer.Option(help="Only this source.")] = None,
    verdict: Annotated[str | None, typer.Option(help="Only correct, wrong, unverifiable or verifier_failed.")] = None,
    limit: Annotated[int, typer.Option(help="At most so many; 0 = all.", min=0)] = 20,
    json: Json = False,
) -> None:
    """Read what a teacher wrote: question, reasoning, answer, verdict.

    Example: `ot traces demo smollm2-135m --verdict correct`
    """
    from ot_assets.commands.traces import run

    run(recipe, teacher, source=source, verdict=verdict, limit=limit, as_json=json)


@responses.command("stats")
def responses_stats(json: Json = False) -> None:
    """Replies, tokens and cost by model and purpose.

    Example: `ot responses stats`
    """
    from ot_assets.commands.responses import stats

    stats(as_json=json)


@responses.command("show")
def responses_show(
    key: Annotated[str, typer.Argument(help="Response key (a beginning is enough).")], json: Json = False
) -> None:
    """One request and its reply, as they went over the wire.

    Example: `ot responses show 3fa9c1`
    """
    from ot_assets.commands.responses import show

    show(key, as_json=json)


@responses.command("export")
def responses_export(
    path: Annotated[Path, typer.Argument(help="File to write: .jsonl or .parquet.")],
    model: Annotated[str | None, typer.Option(help="Only this model (its key).")] = None,
    purpose: Annotated[str | None, typer.Option(help="Only this purpose (a beginning is enough).")] = None,
) -> None:
    """Write stored requests and replies to a file.

    Example: `ot responses export replies.jsonl`
    """
    from ot_assets.commands.responses import export

    export(path, model, purpose)


@app.command()
def docs(
    open_browser: Annotated[bool, typer.Option("--open/--no-open", help="Open the page in a browser.")] = True,
) -> None:
    """Build and open the data docs: what the expectation suites found.

    Example: `ot docs --no-open`
    """
    from ot_assets.commands.docs import run

    run(open_browser=open_browser)


@app.command()
def gc(
    delete: Annotated[
        bool, typer.Option("--delete", help="Really remove; without it, only say what would go.")
    ] = False,
    grace_hours: Annotated[float, typer.Option(help="Leave alone what is younger.", min=0)] = 24,
    json: Json = False,
) -> None:
    """Remove artifacts that nothing points to, and leavings of killed runs. Says what it would do unless --delete.

    Example: `ot gc --delete`
    """
    from ot_assets.commands.gc import run

    run(delete=delete, grace_hours=grace_hours, as_json=json)


@app.command()
def serve(
    target: Annotated[str | None, typer.Argument(help="Key of a teacher or model with engine: vllm.")] = None,
    show: Annotated[bool, typer.Option("--list", help="Show what is served now.")] = False,
    stop: Annotated[bool, typer.Option("--stop", help="End that server, or all without a key.")] = False,
    json: Json = False,
) -> None:
    """Keep a model's server up for many runs: `ot run` uses it when its model and settings are the same. Ctrl-C ends it.

    Example: `ot serve qwq-32b`
    """
    from ot_assets.commands import serve as command

    if stop:
        command.end(target, as_json=json)
    elif show:
        command.show(as_json=json)
    elif target is None:
        raise typer.BadParameter("name a teacher or a model, or say --list or --stop")
    else:
        command.serve(target, as_json=json)


@app.command()
def ui(
    port: Annotated[int, typer.Option(help="Port on 127.0.0.1.", min=1, max=65535)] = 3000,
) -> None:
    """The Dagster UI over the same instance that `ot run` writes to. Bound to this machine: Dagster has no login.

    Example: `ot ui --port 3001`
    """
    from ot_assets.commands.ui import run

    run(port)


def main() -> None:
    """Entry point: shows what a user can mend as one message and no traceback."""
    from ot_assets.interrupts import keep_interrupts

    keep_interrupts()
    try:
        app(standalone_mode=True)
    except SystemExit as end:
        if end.code == _STOPPED:
            typer.echo("\nstopped; what was done is kept, run the same again to go on", err=True)
        raise
    except Exception as error:
        from ot_assets.commands.faults import explain

        told = explain(error)
        if told is None:
            raise
        typer.secho(str(told), fg=typer.colors.RED, err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
