"""The benchmarks of a registry as screening needs them: their items, their rules, their tokenizers.

Belongs here: finding the tokenizer that a benchmark's `screen.tokenizer` names: a model of the registry (its folder is fetched
or converted as for generation) or a folder (a path with a `/`, from the benchmark's YAML on where it is relative). A
tokenizer is read once, however many benchmarks name it. Fails with `UserError` for a name that is neither, and for a
folder without a readable tokenizer.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ot_assets.asking import weights_folder
from ot_assets.curation.screening import BenchmarkItems
from ot_assets.curation.tokens import Tokenizer, load_tokenizer
from ot_assets.registry import Registry
from resources.artifacts import Artifact
from resources.errors import UserError
from resources.home import Home


def items_of(registry: Registry, home: Home, artifacts: Mapping[str, Artifact]) -> list[BenchmarkItems]:
    """The items of these benchmarks (key -> their questions), in the mapping's order."""
    read: dict[Path, Tokenizer] = {}
    found = []
    for key, artifact in artifacts.items():
        spec = registry.benchmark(key)
        tokenizer = None
        items = artifact.scan().select("question_id", "question").collect()
        if spec.screen.tokenizer is not None:
            folder = _folder(registry, home, key, spec.screen.tokenizer)
            tokenizer = read.get(folder) or read.setdefault(folder, load_tokenizer(folder))
        found.append(BenchmarkItems.of(spec, items, tokenizer))
    return found


def _folder(registry: Registry, home: Home, benchmark: str, name: str) -> Path:
    if "/" in name:
        folder = registry.folder("benchmarks", benchmark) / Path(name).expanduser()
        if not folder.is_dir():
            raise UserError(
                f"benchmark {benchmark}: screen.tokenizer names {name}, and {folder} is no folder",
                fix="name a folder with a tokenizer.json, or a model of the registry, or leave it out for words",
            )
        return folder
    if name not in registry.models:
        raise UserError(
            f"benchmark {benchmark}: screen.tokenizer names {name!r}, which is no model of the registry",
            fix=f"models: {', '.join(registry.models) or 'none'}; a folder is written with a /, as in ./{name}",
        )
    return weights_folder(registry.model(name), home)
