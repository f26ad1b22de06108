"""`ot ladder`: the rungs of a recipe as recipes of their own, one YAML each.

Belongs here: reading sizes (316, 3.16k, 1M) and writing files that say no more than `base` and `rows`. Everything else is the
base's, so the questions of a rung are a subset of those of every larger one. Fails with `UserError`: a size that cannot be read
or that the recipe cannot give, no registry folder, a file that is there and says something else.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from ot_assets.commands.output import console, print_json
from ot_assets.registry import RecipeSpec, registry
from ot_assets.registry.loader import extra_folder
from resources.errors import UserError

RUNGS = ("316", "1k", "3.16k", "10k", "31.6k", "100k", "316k", "1M")
"""The paper's ladder: half powers of ten."""

_SIZE = re.compile(r"(\d+(?:\.\d+)?)([kM]?)", re.IGNORECASE)
_UNITS = {"": 1, "k": 1_000, "m": 1_000_000}


@dataclass(frozen=True)
class Rung:
    """One recipe of the ladder, and how many questions each part of it asks."""

    key: str
    rows: int
    questions: dict[str, int]

    def yaml(self, base: str) -> str:
        """What its file says."""
        return (
            f"# A rung of the ladder of {base}: the same choices, fewer rows. Its questions are among those of larger rungs.\n"
            f"description: {base} at {self.rows:,} rows.\nbase: {base}\nrows: {self.rows}\n"
        )


def run(recipe: str, sizes: Sequence[str], *, folder: Path | None, as_json: bool) -> None:
    """Writes one recipe a size into the user's registry."""
    into = folder if folder is not None else extra_folder()
    if into is None:
        raise UserError("no folder to write the rungs to", fix="set OT_REGISTRY, or name one with --folder")
    base = registry().recipe(recipe)
    rungs = [rung(base, size) for size in sizes or RUNGS]
    for one in rungs:
        _write(into / "recipes" / f"{one.key}.yaml", one.yaml(recipe))
    if as_json:
        print_json([{"recipe": one.key, "rows": one.rows, "questions": one.questions} for one in rungs])
        return
    for one in rungs:
        parts = ", ".join(f"{name} {number:,}" for name, number in one.questions.items())
        console.print(f"{one.key}: {one.rows:,} rows; questions: {parts}")
    console.print(f"Written to {into / 'recipes'}. Next: ot plan {rungs[0].key}")


def rung(base: RecipeSpec, size: str) -> Rung:
    """A rung of the recipe; `UserError` where it cannot be one."""
    read = _SIZE.fullmatch(size.strip())
    rows = round(float(read[1]) * _UNITS[read[2].lower()]) if read else 0
    if not rows:
        raise UserError(f"{size!r} is not a number of rows", fix="write 316, 1k, 3.16k or 1M")
    key = f"{base.key}-{size.strip().lower()}"
    try:
        spec = RecipeSpec.model_validate({**base.to_dict(), "key": key, "base": base.key, "rows": rows})
    except ValidationError as error:
        said = "; ".join(str(one["msg"]).removeprefix("Value error, ") for one in error.errors())
        raise UserError(f"recipe {base.key} has no rung of {rows:,} rows: {said}", fix="leave that rung out") from None
    return Rung(key, rows, {name: part.most or 0 for name, part in spec.exact_parts.items()})


def _write(file: Path, text: str) -> None:
    if file.exists() and file.read_text("utf-8") != text:
        raise UserError(
            f"{file} is there and says something else", fix="rename it, or write the rungs elsewhere (--folder)"
        )
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, "utf-8")
