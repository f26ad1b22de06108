"""`ot doctor`: whether this machine can do the work, and what to do where it cannot."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import asdict

import typer
from rich.text import Text

from ot_assets.commands.output import console, print_json
from ot_assets.registry import ModelSpec
from ot_assets.registry.check import check
from resources.doctor.endpoints import endpoint
from resources.doctor.finding import Finding, checked
from resources.doctor.machine import machine
from resources.doctor.state import state
from resources.home import Home

_AREAS = ("machine", "state", "registry", "models", "endpoints")
_MARKS = {"ok": ("✓", "green"), "warning": ("!", "yellow"), "fault": ("✗", "red")}


def run(*, endpoints: bool, as_json: bool) -> None:
    """Shows what was found; exit code 1 when something is at fault."""
    found = [
        *machine(),
        *checked("state", "OT_HOME", lambda: state(Home.from_env())),
        *checked("registry", "registry", lambda: _registry(endpoints=endpoints)),
    ]
    found.sort(key=lambda one: _AREAS.index(one.area))
    faults = sum(one.state == "fault" for one in found)
    if as_json:
        print_json({"ok": not faults, "findings": [asdict(one) for one in found]})
    else:
        _show(found)
    if faults:
        raise typer.Exit(1)


def _registry(*, endpoints: bool) -> Iterator[Finding]:
    """The YAML, and what its models need of this machine."""
    report = check()
    if not report.ok:
        yield Finding("registry", "registry", "fault", report.summary(), "`ot check` shows each")
        return
    yield Finding("registry", "registry", "ok", report.summary())
    from ot_assets.registry.loader import load_registry

    for key, model in load_registry().models.items():
        if model.engine == "vllm" and model.endpoint_url is None:
            yield from checked("models", key, lambda m=model: _server(m), otherwise="warning")  # type: ignore[misc]
        if model.api_key_env is not None:
            yield _key(model)
        if endpoints:
            yield from _endpoints(model)


def _server(model: ModelSpec) -> Iterator[Finding]:
    """Whether the program that serves the model is there."""
    from resources.serving.command import server_command
    from resources.serving.options import ServeOptions

    options = model.serve or ServeOptions()
    yield Finding("models", model.key, "ok", f"served by {' '.join(server_command(model.key, options))}")


def _key(model: ModelSpec) -> Finding:
    """Whether the model's API key is set; never what it is."""
    name = str(model.api_key_env)
    if os.environ.get(name, "").strip():
        return Finding("models", model.key, "ok", f"API key: ${name} is set")
    return Finding(
        "models",
        model.key,
        "warning",
        f"API key: ${name} is not set",
        f"export {name}=… before a recipe asks this model",
    )


def _endpoints(model: ModelSpec) -> Iterator[Finding]:
    secret = os.environ.get(model.api_key_env, "").strip() if model.api_key_env else ""
    for url in dict.fromkeys(url for url in (model.endpoint_url, *model.base_urls) if url):
        yield endpoint(model.key, url, model.model, secret or None)


def _show(found: list[Finding]) -> None:
    area = ""
    for one in found:
        if one.area != area:
            area = one.area
            console.print(Text(area, style="bold"))
        mark, colour = _MARKS[one.state]
        console.print(Text.assemble("  ", (mark, colour), f" {one.name}: {one.said}"))
        if one.fix and one.state != "ok":
            console.print(Text(f"    → {one.fix}"))
    faults = sum(one.state == "fault" for one in found)
    warnings = sum(one.state == "warning" for one in found)
    console.print(f"{len(found)} looked at: {faults} faults, {warnings} warnings", markup=False)
