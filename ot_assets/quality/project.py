"""The Great Expectations project in the state folder: where validations are recorded.

Belongs here: everything that touches GX's own stores. Contract: `<home>/gx` is a usual file-backed GX project, made
when it is first needed; one process at a time works on it (a file lock), so concurrent steps cannot corrupt it; the
newest `KEEP` validations of each data set are kept. All but the validations can be made anew, so a project that a crash
left unreadable is.
GX sends nothing: analytics are off before it is imported and in the project's own file.
Fails with UserError when the folder cannot be written.
"""

from __future__ import annotations

import fcntl
import gc
import json
import logging
import os
import re
import shutil
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from resources.errors import UserError

if TYPE_CHECKING:
    import pandas as pd
    from great_expectations import ExpectationSuite
    from great_expectations.core.batch_definition import BatchDefinition
    from great_expectations.data_context.data_context.abstract_data_context import AbstractDataContext
    from great_expectations.data_context.data_context.file_data_context import FileDataContext

KEEP = 3
"""Validations kept of each data set."""

_FOLDER = "gx"
_DATASOURCE, _BATCH, _SITE = "ot-assets", "profile", "local_site"
_MADE_ANEW = ("great_expectations.yml", "expectations", "validation_definitions", "checkpoints")
_VIEW = {"module_name": "ot_assets.quality.site", "class_name": "OfflinePageView"}
_LOOKS: dict[str, Any] = {
    "show_how_to_buttons": False,
    "site_index_builder": {
        "class_name": "DefaultSiteIndexBuilder",
        "renderer": {"module_name": "ot_assets.quality.site", "class_name": "IndexRenderer"},
        "view": {"module_name": "ot_assets.quality.site", "class_name": "IndexView"},
    },
    "site_section_builders": {"expectations": {"view": _VIEW}, "validations": {"view": _VIEW}, "profiling": "None"},
}
# GX keeps the project it works on in a global.
_ONE_AT_A_TIME = threading.RLock()


def gx() -> Any:
    """The great_expectations module, imported late (seconds) and with analytics off."""
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    with _no_collection():
        import great_expectations

    logging.getLogger("great_expectations").setLevel(logging.WARNING)
    return great_expectations


@contextmanager
def _no_collection() -> Iterator[None]:
    """An import makes a great many objects that stay: looking for garbage among them is a tenth of its time."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


def validate(profile: pd.DataFrame, suite: ExpectationSuite) -> list[dict[str, Any]]:
    """GX's result of each expectation, recorded nowhere."""
    with _ONE_AT_A_TIME:
        context = _in_memory()
        _make_current(context)
        batch = _batch(context, suite.name).get_batch(batch_parameters={"dataframe": profile})
        return _results(batch.validate(suite))


def record(home: Path, profile: pd.DataFrame, suite: ExpectationSuite, run_name: str) -> list[dict[str, Any]]:
    """The same, kept in the project under the run's name; older ones beyond `KEEP` go."""
    with opened(home) as context:
        definition = gx().ValidationDefinition(
            name=suite.name,
            data=_batch(context, suite.name),
            suite=context.suites.add_or_update(suite),
        )
        definition = context.validation_definitions.add_or_update(definition)
        run_id = gx().RunIdentifier(run_name=folder_name(run_name))
        said = definition.run(batch_parameters={"dataframe": profile}, run_id=run_id)
        _forget_older(validations_folder(home) / suite.name / folder_name(run_name))
        return _results(said)


@contextmanager
def opened(home: Path) -> Iterator[FileDataContext]:
    """The project, made or mended if need be, with nobody else at work on it."""
    with _ONE_AT_A_TIME, _locked(home / _FOLDER):
        yield _open(home / _FOLDER)


def validations_folder(home: Path) -> Path:
    """Where GX keeps validations: `<suite>/<run name>/<time>/<batch>.json`."""
    return home / _FOLDER / "uncommitted" / "validations"


def site_folder(home: Path) -> Path:
    """Where GX writes the pages of its docs."""
    return home / _FOLDER / "uncommitted" / "data_docs" / _SITE


def folder_name(run_name: str) -> str:
    """A run's name as GX's stores can take it: one folder, no odd characters."""
    return re.sub(r"[^\w.=,-]+", " ", run_name.replace("|", ", "), flags=re.ASCII).strip(" .") or "-"


def readable(path: Path) -> dict[str, Any] | None:
    """A recorded validation; None for a file that a crash left torn."""
    try:
        said = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    return said if isinstance(said, dict) and "meta" in said and "results" in said else None


@cache
def _in_memory() -> AbstractDataContext:
    """One a process: GX makes a temporary folder for each."""
    context: AbstractDataContext = gx().get_context(mode="ephemeral")
    _quiet(context)
    return context


def _make_current(context: AbstractDataContext) -> None:
    """A validation looks its project up in GX's global, where the last opened one stands."""
    from great_expectations.data_context.data_context.context_factory import set_context

    set_context(context)


def _results(said: Any) -> list[dict[str, Any]]:
    return list(said.to_json_dict()["results"])


def _open(root: Path) -> FileDataContext:
    try:
        return _load(root)
    except Exception:
        # Only what can be made anew is thrown away; if that does not help, the error is real.
        for name in _MADE_ANEW:
            path = root / name
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
        return _load(root)


def _load(root: Path) -> FileDataContext:
    made = (root / "great_expectations.yml").exists()
    context: FileDataContext = gx().get_context(mode="file", context_root_dir=root)
    if not made:
        _quiet(context)
        context.enable_analytics(False)
        sites: Any = context.variables.data_docs_sites
        site: Any = {**sites[_SITE], **_LOOKS}
        context.update_data_docs_site(_SITE, site)
    return context


def _quiet(context: AbstractDataContext) -> None:
    from great_expectations.data_context.types.base import ProgressBarsConfig

    context.variables.progress_bars = ProgressBarsConfig(globally=False, metric_calculations=False)


def _batch(context: AbstractDataContext, name: str) -> BatchDefinition[Any]:
    """The one batch of a suite: the profile that it is handed."""
    if _DATASOURCE in context.data_sources.all():
        source: Any = context.data_sources.get(_DATASOURCE)
    else:
        source = context.data_sources.add_pandas(_DATASOURCE)
    if name not in source.get_asset_names():
        source.add_dataframe_asset(name).add_batch_definition_whole_dataframe(_BATCH)
    found: BatchDefinition[Any] = source.get_asset(name).get_batch_definition(_BATCH)
    return found


def _forget_older(runs: Path) -> None:
    times: Sequence[Path] = sorted((p for p in runs.iterdir() if p.is_dir()), key=lambda p: p.name)
    for old in times[:-KEEP]:
        shutil.rmtree(old, ignore_errors=True)


@contextmanager
def _locked(root: Path) -> Iterator[None]:
    try:
        root.mkdir(parents=True, exist_ok=True)
        lock = (root / ".lock").open("w")
    except OSError as error:
        raise UserError(
            f"{root}: {error.strerror}", fix="make the folder writable or point OT_HOME elsewhere"
        ) from None
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
