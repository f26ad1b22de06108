"""`ot serve`: keeps the server of a model up for many runs, lists what is kept up, and ends it."""

from __future__ import annotations

from dataclasses import asdict

from ot_assets.asking import with_weights
from ot_assets.commands.output import console, print_json, warnings_to
from ot_assets.registry import ModelSpec, Registry, registry
from resources.errors import UserError
from resources.home import Home
from resources.serving.command import ServePlan
from resources.serving.keep import keep_up, stop
from resources.serving.record import ServeRecord, all_records


def serve(target: str, *, as_json: bool) -> None:
    """Serves the model of a teacher, or a model, until Ctrl-C."""
    home, spec = Home.from_env(), model_to_serve(registry(), target)

    def tell(line: str) -> None:
        if not as_json:
            console.print(line, markup=False, soft_wrap=True)

    def ready(record: ServeRecord) -> None:
        if as_json:
            print_json(asdict(record))
            console.file.flush()
        tell(f"{record.name} is served at {record.url} (pid {record.pid}); `ot run` uses it. Ctrl-C ends it.")

    with warnings_to(tell):
        keep_up(ServePlan.of(with_weights(spec, home)()), home, ready, tell)


def show(*, as_json: bool) -> None:
    """What is kept up now."""
    records = all_records(Home.from_env())
    if as_json:
        print_json([asdict(record) for record in records])
        return
    for record in records:
        line = f"{record.key:<28} {record.url}  pid {record.pid}  since {record.since}  {record.name}"
        console.print(line, markup=False, soft_wrap=True)
    if not records:
        console.print("nothing is served; `ot serve TEACHER` starts a server")


def end(target: str | None, *, as_json: bool) -> None:
    """Ends one server, or all."""
    key = model_to_serve(registry(), target).key if target else None
    ended = stop(Home.from_env(), key)
    if as_json:
        print_json([asdict(record) for record in ended])
        return
    for record in ended:
        console.print(f"{record.key}: stopped", markup=False)
    if not ended:
        console.print(f"nothing to stop{f': {target} is not served' if target else ''}", markup=False)


def model_to_serve(known: Registry, target: str) -> ModelSpec:
    """The model that a teacher's or model's key means; UserError when there is nothing to serve."""
    only_model = target not in known.teachers and target in known.all_models
    spec = known.all_models[target] if only_model else known.model_of(target)
    if spec is None:
        raise UserError(f"teacher {target!r} is no model: its answers are the source's own", fix="serve another")
    if spec.engine != "vllm":
        raise UserError(
            f"model {spec.key} has engine: {spec.engine}, which needs no server of ours",
            fix="a model with engine: vllm can be served",
        )
    return spec.model_copy(update={"base_url_env": None})  # it is our own server that is asked for
