"""How many examples a recipe's conversations give.

Belongs here: `thread_rows`, which reads the manifests of `sft_threads`, and `planned`. What is not made yet is not known:
`rows` of the recipe is taken then, or nothing, and an assumption says so. Raises nothing of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ot_assets.registry.specs.recipe import RecipeSpec

if TYPE_CHECKING:
    from resources.artifacts import ArtifactStore

DOMAIN = "threads"
"""Under this name a plan counts them, beside the domains of the parts."""
THREAD_TOKENS = 700
"""Tokens of a thread, where none was counted yet."""


def thread_rows(store: ArtifactStore, recipe: RecipeSpec) -> dict[str, int]:
    """Rows of the languages whose threads are made."""
    from ot_assets.graph import language
    from resources.artifacts import DamagedArtifact

    found = {}
    for key in recipe.conversations.languages if recipe.conversations is not None else ():
        try:
            made = store.current("sft_threads", language(key))
        except DamagedArtifact:
            continue
        if made is not None:
            found[key] = made.manifest.rows_out
    return found


def planned(recipe: RecipeSpec, made: Mapping[str, int]) -> tuple[int, list[str]]:
    """Examples of the recipe's conversations, and what is taken as given; `made`: rows by language, where they are known."""
    draw = recipe.conversations
    if draw is None:
        return 0, []
    known = sum(made.get(key, 0) for key in draw.languages)
    missing = [key for key in draw.languages if key not in made]
    if draw.rows == "all":
        rows = known
        said = [f"nobody knows how many threads {', '.join(missing)} will give: not counted"] if missing else []
    else:
        rows = draw.rows if missing else min(draw.rows, known)
        said = [f"{', '.join(missing)}: taken to have threads enough, for none are made yet"] if missing else []
        if rows < draw.rows:
            said.append(f"SHORT: {draw.rows:,} examples of conversations are asked for, and {known:,} are there")
    if draw.split != "all" and known:
        said.append(f"conversations: threads outside the split {draw.split} are counted too")
    return rows, [*said, f"tokens a thread of conversations: {THREAD_TOKENS}"]
