"""From folders of YAML to a ``Registry``, or to every error at once.

Belongs here: which files are read, how a file becomes a spec, in which order specs stand. What specs demand of each other
is in ``crosscheck``. Reads only. Fails with ``RegistryErrors`` alone, holding all problems of all files.
"""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from pydantic import ValidationError

from ot_assets.registry.catalogue import SECTIONS, AnySpec, Registry, Section
from ot_assets.registry.crosscheck import cross_check
from ot_assets.registry.document import Document, read_document
from ot_assets.registry.errors import Problem, RegistryErrors, nearest, suggestion
from ot_assets.registry.inherit import inherit
from ot_assets.registry.messages import problems_of
from ot_assets.registry.order import KeyRecord, arrange, key_record_path, read_record, record_keys
from ot_assets.registry.specs.source import QuestionSet
from ot_assets.registry.specs.teacher import TeacherSpec
from resources.errors import UserError

SHIPPED = Path(__file__).parent
KEYS_FILE = "keys.yaml"


@dataclass
class Loaded:
    """What was read so far: documents and specs by section and key, and all problems."""

    documents: dict[Section, dict[str, Document]] = field(default_factory=lambda: {name: {} for name in SECTIONS})
    specs: dict[Section, dict[str, AnySpec]] = field(default_factory=lambda: {name: {} for name in SECTIONS})
    own: dict[Section, list[str]] = field(default_factory=lambda: {name: [] for name in SECTIONS})
    problems: list[Problem] = field(default_factory=list)


@functools.cache
def registry() -> Registry:
    """The registry of this process: shipped plus ``OT_REGISTRY``, loaded once (``registry.cache_clear()`` loads anew)."""
    return load_registry()


def load_registry(extra: Path | None = None, *, record: Path | None = None, shipped: Path = SHIPPED) -> Registry:
    """Load and check everything. ``extra`` is a folder that adds to the shipped one (default: ``OT_REGISTRY``).

    ``record`` is the append-only record of a user's keys (default ``$OT_HOME/keys.json``); it is read, never written.
    Raises ``RegistryErrors`` with all problems, and nothing else for anything that a file may hold.
    """
    extra = extra if extra is not None else extra_folder()
    record = record if record is not None else key_record_path()
    loaded = Loaded()
    known = _read_index(shipped, loaded)
    _read_folder(shipped, loaded, own=False)
    if extra is not None:
        _read_folder(extra, loaded, own=True)
    _make_specs(loaded)
    _check_index(shipped, known, loaded)
    keys = _read_record(record, loaded)
    _check_reuse(known, keys, loaded, record)
    loaded.problems += cross_check(loaded.specs, loaded.documents)
    if any(problem.severity == "error" for problem in loaded.problems):
        raise RegistryErrors(loaded.problems)
    return _registry(known, keys, loaded)


def extra_folder() -> Path | None:
    """The user's own registry folder: ``OT_REGISTRY``, or None."""
    value = os.environ.get("OT_REGISTRY")
    return Path(value) if value else None


def _read_folder(folder: Path, loaded: Loaded, *, own: bool) -> None:
    if not folder.is_dir():
        what = "is a file, not a folder" if folder.exists() else "does not exist"
        loaded.problems.append(Problem(folder, 1, "OT_REGISTRY", f"the registry folder {what}"))
        return
    for entry in sorted(folder.iterdir()):
        if entry.name in SECTIONS and entry.is_dir():
            _read_section(entry.name, entry, loaded, own=own)
        elif own:
            _stray(entry, loaded)


def _stray(entry: Path, loaded: Loaded) -> None:
    """A user's YAML in a place where nobody reads it."""
    if entry.name.startswith("."):
        return
    if entry.is_dir():
        yamls = sorted(file for file in entry.iterdir() if _is_yaml(file)) if os.access(entry, os.R_OK) else []
        near = nearest(entry.name, list(SECTIONS))
        if yamls or near:
            message = f"no section of the registry is called {entry.name!r}{suggestion(entry.name, list(SECTIONS))}"
            loaded.problems.append(Problem(yamls[0] if yamls else entry, 1, "", message))
    elif _is_yaml(entry):
        message = f"stands outside the sections; move it into one of {', '.join(SECTIONS)}"
        loaded.problems.append(Problem(entry, 1, "", message))


def _is_yaml(file: Path) -> bool:
    return file.suffix.lower() in (".yaml", ".yml") and not file.name.startswith(".")


def _read_section(section: Section, folder: Path, loaded: Loaded, *, own: bool) -> None:
    for file in sorted(folder.iterdir()):
        if file.is_dir() or not _is_yaml(file):
            continue
        if file.suffix != ".yaml":
            loaded.problems.append(Problem(file, 1, "", f"is not read; rename it to {file.stem}.yaml"))
            continue
        _read_file(section, file, loaded, own=own)


def _read_file(section: Section, file: Path, loaded: Loaded, *, own: bool) -> None:
    key = file.stem
    there = loaded.documents[section].get(key)
    if there is not None:
        message = f"the key {key!r} is taken by {there.file}; keys are permanent, choose another"
        loaded.problems.append(Problem(file, 1, "key", message))
        return
    document = read_document(file)
    loaded.documents[section][key] = document
    loaded.problems += document.problems
    if own:
        loaded.own[section].append(key)


def _make_specs(loaded: Loaded) -> None:
    """Specs of all documents, once every file is read: a recipe may take over from one that stands elsewhere."""
    recipes, problems = inherit(loaded.documents["recipes"])
    loaded.problems += problems
    for key, data in recipes.items():
        loaded.documents["recipes"][key].data = data
    for section, documents in loaded.documents.items():
        for key, document in documents.items():
            spec = _spec(section, key, document, loaded.problems)
            if spec is not None:
                loaded.specs[section][key] = spec


def _spec(section: Section, key: str, document: Document, problems: list[Problem]) -> AnySpec | None:
    noun = section.removesuffix("s")
    if document.data is None:
        if not document.problems:
            problems.append(document.problem((), f"is empty; a {noun} needs at least a description"))
        return None
    if not isinstance(document.data, dict):
        problems.append(document.problem((), f"must be a mapping (name: value), not a {_kind(document.data)}"))
        return None
    stated = document.data.get("key", key)
    if stated != key:
        problems.append(
            document.problem(("key",), f"{stated!r} differs from the file name; name it {key!r} or rename the file")
        )
    model = SECTIONS[section]
    try:
        return model.model_validate_json(json.dumps(_completed(section, key, document.data)), strict=True)
    except ValidationError as error:
        problems += problems_of(error, model, document)
    except (ValueError, RecursionError) as error:
        problems.append(document.problem((), f"cannot be read: {error}"))
    return None


def _completed(section: Section, key: str, data: Mapping[str, Any]) -> dict[str, Any]:
    """The data with its key, which the file name gives; a model written out inside a teacher takes the teacher's."""
    data = {**data, "key": key}
    if section == "teachers" and isinstance(data.get("model"), dict):
        data["model"] = {"key": key, **data["model"]}
    return data


def _kind(data: Any) -> str:
    return "list" if isinstance(data, list) else "single value"


def _read_index(shipped: Path, loaded: Loaded) -> dict[str, list[str]]:
    """Shipped keys by section and, under ``retired``, as ``section/key``."""
    document = read_document(shipped / KEYS_FILE)
    loaded.problems += document.problems
    data = document.data if isinstance(document.data, dict) else {}
    known: dict[str, list[str]] = {}
    for section in (*SECTIONS, "retired"):
        values = data.get(section) or []
        if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
            loaded.problems.append(document.problem((section,), "must be a list of keys"))
            values = []
        for i, value in enumerate(values):
            if value in values[:i]:
                loaded.problems.append(document.problem((section, i), f"{value!r} stands twice"))
        known[section] = values
    for name in data:
        if name not in known:
            loaded.problems.append(document.problem((name,), f"unknown section{suggestion(name, list(known))}"))
    return known


def _check_index(shipped: Path, known: Mapping[str, list[str]], loaded: Loaded) -> None:
    index = shipped / KEYS_FILE
    for section in SECTIONS:
        present = {key for key in loaded.documents[section] if key not in loaded.own[section]}
        for key in known[section]:
            if key not in present:
                message = f"{key!r} has no {section}/{key}.yaml; a key that is given up moves to `retired`"
                loaded.problems.append(Problem(index, 1, section, message))
        for key in sorted(present - set(known[section])):
            file = loaded.documents[section][key].file
            loaded.problems.append(
                Problem(file, 1, "key", f"{key!r} is not in {KEYS_FILE}; append it at the end of {section}")
            )


def _read_record(record: Path, loaded: Loaded) -> KeyRecord:
    try:
        return read_record(record)
    except UserError as error:
        loaded.problems.append(Problem(record, 1, "", error.what))
        return KeyRecord()


def _check_reuse(known: Mapping[str, list[str]], record: KeyRecord, loaded: Loaded, path: Path) -> None:
    for name in known["retired"]:
        section, _, key = name.partition("/")
        document = loaded.documents.get(cast(Section, section), {}).get(key)
        if document is not None:
            loaded.problems.append(
                document.problem((), f"the key {key!r} is retired and cannot be used again; choose another")
            )
    for section in SECTIONS:
        for entry in record.sections.get(section, ()):
            spec = loaded.specs[section].get(entry.key)
            if entry.retired and spec is not None and form_of(spec) != entry.form:
                message = (
                    f"{entry.key!r} was a {entry.form or section} before and its history remains; choose another key"
                )
                loaded.problems.append(loaded.documents[section][entry.key].problem((), message))
            if not entry.retired and entry.key not in loaded.documents[section]:
                message = f"{entry.key!r} is no longer registered; what was made for it stays, and its name is not free"
                loaded.problems.append(Problem(path, 1, section, message, "warning"))


def form_of(spec: AnySpec) -> str:
    """What kind of thing a spec is within its section: origin of a question set, kind of a teacher, else empty."""
    if isinstance(spec, QuestionSet):
        return spec.origin.kind
    return spec.kind if isinstance(spec, TeacherSpec) else ""


def own_keys(loaded: Registry, shipped: Path = SHIPPED) -> dict[str, dict[str, str]]:
    """Section -> key -> form of everything that the user's folder added: what ``order.record_keys`` takes."""
    found: dict[str, dict[str, str]] = {name: {} for name in SECTIONS}
    for (section, key), file in loaded.files.items():
        if not file.is_relative_to(shipped):
            found[section][key] = form_of(loaded.section(section)[key])
    return found


def remember_keys(loaded: Registry, record: Path | None = None) -> None:
    """Append the user's keys to the record, so that their order never changes. The only thing here that writes."""
    forms = own_keys(loaded)
    if any(forms.values()) or any(loaded.retired.values()):
        record_keys(forms, record if record is not None else key_record_path())


def _registry(known: Mapping[str, list[str]], record: KeyRecord, loaded: Loaded) -> Registry:
    parts: dict[str, Any] = {}
    retired: dict[Section, tuple[str, ...]] = {}
    warnings = [problem for problem in loaded.problems if problem.severity == "warning"]
    for section in SECTIONS:
        users = arrange(loaded.own[section], record.keys(section))
        parts[section] = {key: loaded.specs[section][key] for key in (*known[section], *users.keys)}
        retired[section] = users.retired
    files = {(section, key): doc.file for section, docs in loaded.documents.items() for key, doc in docs.items()}
    return Registry(**parts, files=files, warnings=tuple(warnings), retired=retired)
