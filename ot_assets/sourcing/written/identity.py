"""What a source's questions are made from, as its manifest says it.

Belongs here: the spec of `sourced_questions`. Contract: for a written source it counts, beside the source's own YAML,
everything else of the registry that changes a word: the identities of all teachers that are asked, and the content of
the files that it reads. Pure but for looking at those files.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ot_assets.distillation.sample_files import digest
from ot_assets.registry import Registry
from ot_assets.registry.specs.written import WrittenOrigin


def sourced_spec(registry: Registry, key: str) -> dict[str, Any]:
    """The source's own choices; for a written one also who writes, and from which files."""
    source = registry.sources[key]
    said: dict[str, Any] = {"source": source.content()}
    if not isinstance(source.origin, WrittenOrigin):
        return said
    said["teachers"] = {name: registry.teacher(name).identity(registry.model_of(name)) for name in source.origin.asked}
    said["terms"] = sorted(terms_of(registry, name) for name in source.origin.writers)
    if files := _files(registry, key, source.origin):
        said["files"] = files
    return said


def terms_of(registry: Registry, teacher: str) -> str:
    """Licence of what a teacher writes."""
    return registry.teacher(teacher).licence or registry.required_model(teacher).terms


def _files(registry: Registry, key: str, origin: WrittenOrigin) -> dict[str, str | None]:
    """Files beside the YAML that parents come from, by the name under which they stand there."""
    place = registry.files.get(("sources", key))
    parents = origin.parents
    names = parents.documents if isinstance(parents.documents, tuple) else ()
    if isinstance(parents.personas, str):
        names = (parents.personas,)
    if place is None or not names:
        return {}
    found: dict[str, str | None] = {}
    for name in names:
        there = [Path(name)] if Path(name).is_absolute() else sorted(place.parent.glob(name))
        found.update({_name(file, place.parent): digest(file) for file in there if file.is_file()})
    return found


def _name(file: Path, folder: Path) -> str:
    return file.relative_to(folder).as_posix() if file.is_relative_to(folder) else str(file)
