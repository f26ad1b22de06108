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
from ot_assets.sourcing.places import find_places
from resources.errors import UserError


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
    """Files beside the YAML that parents come from, by the name under which they stand there. What is not there has no
    hash.
    """
    file = registry.files.get(("sources", key))
    parents = origin.parents
    if file is None:
        return {}
    if isinstance(parents.personas, str):
        return {parents.personas: digest(file.parent / parents.personas)}
    if not isinstance(parents.documents, tuple):
        return {}
    try:
        places = find_places(key, parents.documents, file.parent)
    except UserError:  # whoever makes the source is told
        return dict.fromkeys(parents.documents)
    return {place.name: digest(Path(place.path)) for place in places}
