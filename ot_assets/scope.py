"""What one `ot run` is about: the partitions that a recipe's rows of the leaderboard need, upstream first.

Pure: it looks at the registry and the store, and makes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ot_assets.graph import KINDS, Need, World, benchmark, model, models_of, recipe_teacher
from resources.artifacts import Partition
from resources.errors import UserError


@dataclass(frozen=True)
class Scope:
    """What one `ot run` is about: the partitions of one recipe with some teachers, and all that they need."""

    world: World
    recipe: str
    teachers: tuple[str, ...]

    def steps(self) -> list[Need]:
        """Every partition that the recipe's leaderboard rows need, upstream first."""
        found: dict[tuple[str, Partition], Need] = {}
        stack = list(self._targets())
        while stack:
            need = stack.pop()
            if (need.asset, need.partition) not in found:
                found[need.asset, need.partition] = need
                stack.extend(self._wanted(need))
        order = {name: i for i, name in enumerate(KINDS)}
        return sorted(found.values(), key=lambda n: (order[n.asset], self._position(n)))

    def _targets(self) -> Iterable[Need]:
        yield Need("leaderboard", Partition())
        for teacher in self.teachers:
            yield Need("eval_scores", recipe_teacher(self.recipe, teacher))
        for key in models_of(self.world.registry, self.recipe, self.teachers):
            yield Need("baseline_scores", model(key))
        spec = self.world.registry.recipes[self.recipe]
        for key in dict.fromkeys((*self.world.registry.screened_against(self.recipe), *spec.benchmarks)):
            yield Need("benchmark_questions", benchmark(key))

    def _wanted(self, need: Need) -> Iterable[Need]:
        """Needs to make: the required ones, and of the optional ones only this recipe's own filtered set."""
        if need.asset == "leaderboard":
            return
        for upstream in KINDS[need.asset].needs(self.world, need.partition):
            own = upstream.asset == "filtered_set" and upstream.partition["recipe"] == self.recipe
            if upstream.required or own:
                yield upstream

    def _position(self, need: Need) -> tuple[int, ...]:
        """Partitions in registry order; all sources of one teacher together, so that its engine is loaded once."""
        registry = self.world.registry
        by_dim: dict[str, list[str]] = {
            "teacher": list(registry.teachers),
            "source": list(registry.sources),
            "recipe": list(registry.recipes),
            "benchmark": list(registry.benchmarks),
            "model": list(registry.all_models),
        }
        keys = need.partition.as_dict()
        return tuple(by_dim[dim].index(keys[dim]) for dim in by_dim if dim in keys)


def scope(world: World, recipe: str, teachers: tuple[str, ...] = ()) -> Scope:
    """The scope of a recipe; without teachers, those that the recipe lists. UserError for one that it does not want."""
    spec = world.registry.recipe(recipe)
    for teacher in teachers:
        world.registry.teacher(teacher)
        if not spec.wants(teacher):
            raise UserError(
                f"recipe {recipe} is not made with teacher {teacher}: it lists {', '.join(spec.teachers)}",
                fix=f"add {teacher} to `teachers` or `other_teachers` of {recipe}.yaml",
            )
    return Scope(world, recipe, teachers or spec.teachers)
