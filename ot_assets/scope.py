"""What one `ot run` is about: the partitions that a recipe's rows of the leaderboard need, upstream first.

Pure: it looks at the registry and the store, and makes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from heapq import heapify, heappop, heappush

from ot_assets.graph import KINDS, Need, World, benchmark, language, model, models_of, recipe_teacher
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
        return self._in_order(found)

    def _in_order(self, found: dict[tuple[str, Partition], Need]) -> list[Need]:
        """Upstream before downstream; of those that could come next the earliest asset of the graph's table, in registry
        order. A written source is why the table's own order is not enough: it reads what is screened of another.
        """
        order = {name: i for i, name in enumerate(KINDS)}
        above = {key: {(n.asset, n.partition) for n in self._needs(need)} & found.keys() for key, need in found.items()}
        below: dict[tuple[str, Partition], list[tuple[str, Partition]]] = {key: [] for key in found}
        for key, needed in above.items():
            for one in needed:
                below[one].append(key)
        ready = [(order[n.asset], self._position(n), key) for key, n in found.items() if not above[key]]
        heapify(ready)
        steps: list[Need] = []
        while ready:
            _, _, key = heappop(ready)
            steps.append(found[key])
            for one in below[key]:
                above[one].discard(key)
                if not above[one]:
                    heappush(ready, (order[one[0]], self._position(found[one]), one))
        return steps

    def _needs(self, need: Need) -> tuple[Need, ...]:
        return KINDS[need.asset].needs(self.world, need.partition)

    def _targets(self) -> Iterable[Need]:
        yield Need("leaderboard", Partition())
        registry = self.world.registry
        evaluated = any(registry.benchmarks[key].repeats for key in registry.recipes[self.recipe].benchmarks)
        for teacher in self.teachers:
            yield Need("eval_scores" if evaluated else "student_model", recipe_teacher(self.recipe, teacher))
        for key in models_of(registry, self.recipe, self.teachers) if evaluated else ():
            yield Need("baseline_scores", model(key))
        spec = self.world.registry.recipes[self.recipe]
        screened = registry.screened_against(self.recipe)
        for key in dict.fromkeys((*screened, *spec.benchmarks)):
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
            "language": list(registry.conversations),
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


def conversation_steps(world: World, keys: tuple[str, ...] = ()) -> list[Need]:
    """Everything of some conversations, upstream first; of all that are registered where none is named. UserError for an
    unknown one.
    """
    wanted = keys or tuple(world.registry.conversations)
    for key in wanted:
        world.registry.conversation(key)
    return [Need(name, language(key)) for key in wanted for name, kind in KINDS.items() if kind.dims == ("language",)]
