"""`ot conversations`, `ot tree`, `ot contribute`, `ot crowd`: names, options and help of the commands about conversations.

As in `cli`, modules are imported inside the commands, and what a command does is in `ot_assets.commands`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Json = Annotated[bool, typer.Option("--json", help="Print JSON for a program to read.")]
Language = Annotated[str, typer.Argument(help="Key in conversations/, for example en or pt-br.")]

conversations = typer.Typer(no_args_is_help=True, help="Conversations of people: fold, look at, export.")
crowd = typer.Typer(help="The web page on which people contribute, and who may sign in.")


def add_to(app: typer.Typer) -> None:
    """Adds all of them."""
    app.add_typer(conversations, name="conversations")
    app.add_typer(crowd, name="crowd")
    app.command()(contribute)
    app.command()(tree)


@conversations.command()
def fold(
    languages: Annotated[list[str] | None, typer.Argument(help="Keys in conversations/ (default: all).")] = None,
    json: Json = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="One line a step, no progress.")] = False,
) -> None:
    """Take in what was contributed since: contributions, trees, chat examples, preference pairs, prompts.

    Example: `ot conversations fold en`
    """
    from ot_assets.commands.conversations import fold as run

    raise typer.Exit(run(tuple(languages or ()), as_json=json, quiet=quiet))


@conversations.command()
def report(
    language: Language,
    out: Annotated[Path | None, typer.Option(help="File to write; default: in $OT_HOME/reports.")] = None,
    open_browser: Annotated[bool, typer.Option("--open", help="Open the page in a browser.")] = False,
) -> None:
    """One page about a language's conversations: trees, labels, persons, agreement, topics. Opens offline.

    Example: `ot conversations report en --open`
    """
    from ot_assets.commands.conversations import report as run

    run(language, out=out, open_browser=open_browser)


@conversations.command()
def export(
    language: Language,
    out: Annotated[Path, typer.Option(help="File to write.")],
    form: Annotated[
        str, typer.Option("--as", help="trees, messages (JSON lines; .gz packs them) or parquet.")
    ] = "trees",
    anonymous: Annotated[
        bool, typer.Option("--anonymous", help="Hash ids with the secret text in OT_ANONYMISE_SEED.")
    ] = False,
    json: Json = False,
) -> None:
    """Write accepted trees in the published formats of OASST1 and OASST2.

    Example: `ot conversations export en --as parquet --out en.parquet`
    """
    from ot_assets.commands.conversations import export as run

    run(language, form, out, anonymous=anonymous, as_json=json)


@conversations.command()
def points(
    language: Language,
    person: Annotated[str | None, typer.Argument(help="Only this person, and what gave how many points.")] = None,
    window: Annotated[str, typer.Option(help="day, week, month or total.")] = "total",
    json: Json = False,
) -> None:
    """Who has how many points, and why.

    Example: `ot conversations points en --window week`
    """
    from ot_assets.commands.conversations import points as run

    run(language, person, window=window, as_json=json)


def tree(
    name: Annotated[str, typer.Argument(help="Id of a tree, or of a message in it.")],
    language: Annotated[str | None, typer.Option(help="Look only there.")] = None,
    why: Annotated[
        bool, typer.Option("--why", help="What decided on this message: reviews, ballots, margins.")
    ] = False,
    whole: Annotated[bool, typer.Option("--whole", help="Do not cut texts.")] = False,
) -> None:
    """A conversation tree: its messages, its state, and every event that brought it there.

    Example: `ot tree 6e3ae7cc --why`
    """
    from ot_assets.commands.conversations import tree as run

    run(name, key=language, why=why, whole=whole)


@crowd.callback(invoke_without_command=True)
def serve(
    context: typer.Context,
    port: Annotated[int, typer.Option(help="Port.", min=1, max=65535)] = 8100,
    host: Annotated[str, typer.Option(help="Address to listen at.")] = "127.0.0.1",
    language: Annotated[str, typer.Option(help="Key in conversations/.")] = "en",
) -> None:
    """Serve the page on which people write, review and rank, until Ctrl-C.

    Example: `ot crowd --language en`
    """
    if context.invoked_subcommand is None:
        from ot_assets.commands.crowd import serve as run

        run(host=host, port=port, language=language)


@crowd.command()
def invite(
    name: Annotated[str, typer.Argument(help="Who; only you see the name.")],
    again: Annotated[bool, typer.Option("--again", help="A new link for somebody who lost theirs.")] = False,
    moderator: Annotated[bool, typer.Option("--moderator", help="May delete, edit, halt and shut out.")] = False,
    by: Annotated[str | None, typer.Option(help="The moderator who names another one.")] = None,
    language: Annotated[str, typer.Option(help="Key in conversations/.")] = "en",
    url: Annotated[str | None, typer.Option(help="Where the page is reached; default: this machine.")] = None,
    json: Json = False,
) -> None:
    """Make a token for a person and print the link with which they sign in, once.

    Example: `ot crowd invite Ann`
    """
    from ot_assets.commands.crowd import invite as run

    run(name, again=again, moderator=moderator, by=by, language=language, url=url, as_json=json)


def contribute(
    what: Annotated[str, typer.Argument(help="A log of events (.jsonl, .gz; - for standard input), or `purge`.")],
    person: Annotated[str | None, typer.Argument(help="After `purge`: who is taken out.")] = None,
    by: Annotated[str | None, typer.Option(help="After `purge`: the moderator who says so.")] = None,
    json: Json = False,
) -> None:
    """Add events of a file to the house's log, each once; or take a person out of it for good.

    Example: `ot contribute events.jsonl`, `ot contribute purge Ann`
    """
    from ot_assets.commands import contribute as command

    if what == "purge" and person:
        command.purge(person, by=by, as_json=json)
    else:
        raise typer.Exit(command.run(what, as_json=json))
