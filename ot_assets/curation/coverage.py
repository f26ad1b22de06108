"""Whether a recipe's sources were screened against all benchmarks that the recipe names.

Screening is shared by all recipes and looks at every benchmark that has been made. What a recipe relies on must be among them:
otherwise its pool is refused, because nothing screened would read as "clean".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ot_assets.registry import Registry
from resources.errors import UserError


def require_screened(registry: Registry, recipe: str, stats: Mapping[str, Mapping[str, Any]]) -> None:
    """`stats` maps a source to the stats of its screened artifact. UserError names the source and the benchmarks it lacks."""
    wanted = registry.screened_against(recipe)
    for source, figures in stats.items():
        lacking = [key for key in wanted if key not in figures.get("screened_against", ())]
        if lacking:
            raise UserError(
                f"source {source} was not screened against {', '.join(lacking)}, which recipe {recipe} asks for",
                fix=f"`ot run {recipe}` makes benchmark_questions and screens again; or name fewer in `screen_against`",
            )
