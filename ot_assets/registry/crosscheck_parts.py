"""Whether a recipe asks its sources for more than they are declared to have.

Pure: a part and the sizes of its sources in, problems out. A source that says nothing of its size is taken to be large enough.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ot_assets.registry.document import Document
from ot_assets.registry.errors import Problem
from ot_assets.registry.specs.recipe import RecipeSpec
from ot_assets.registry.specs.source import SourceSpec


def asks_too_much(recipe: RecipeSpec, document: Document, sources: Mapping[str, SourceSpec]) -> Iterator[Problem]:
    """A warning for each part whose sources are too small, with what each lacks; an error where the part says `fill: error`."""
    for name, part in recipe.exact_parts.items():
        sizes = {
            draw.source: size for draw in part.used if (s := sources.get(draw.source)) and (size := s.size) is not None
        }
        if part.fill == "repeat" or (part.temperature is not None and len(sizes) < len(part.used)):
            continue
        quotas = part.quotas(sizes) or {}
        lacks = [
            f"{key} has {size:,} of {wanted:,}"
            for key, size in sizes.items()
            if (wanted := quotas.get(key)) is not None and size < wanted
        ]
        if lacks:
            message = (
                f"asks for more than its sources are declared to have: {'; '.join(lacks)} (`fill: repeat` repeats rows)"
            )
            yield document.problem(("parts", name, "rows"), message, warning=part.fill == "none")
