"""Rows of reasoning-gym generators. Size and seed come from the spec, so the same spec gives the same questions.

Each item's metadata is kept as JSON in `verifier_args`, so that the generator's own scorer can judge an answer from
the row alone. What reasoning-gym 0.1.25 is known to get wrong is refused as a whole (`REFUSED`) or dropped item by
item (rule `degenerate`): items without an answer, equations without their variable, programs that gave no output.

Fails with UserError: a generator or a setting that there is not, one that is refused, settings that the generator
does not take.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping
from contextlib import redirect_stdout
from typing import Any

from ot_assets.registry.errors import suggestion
from ot_assets.registry.specs.origin import ProceduralOrigin
from ot_assets.registry.specs.source import QuestionSet
from ot_assets.registry.traps import REFUSED
from ot_assets.sourcing.rows import RawRow
from ot_assets.verification.procedural import WITHOUT_GOLD, procedural_args
from resources.errors import UserError

_RESERVED = ("size", "seed")


def read(spec: QuestionSet, origin: ProceduralOrigin) -> Iterator[RawRow]:
    """One raw row an item, with columns question, gold, solution and verifier_args. The generator is made at once."""
    generator = _generator(spec, origin)
    return (_row(generator, index, spec, origin) for index in range(origin.size))


def _row(generator: Any, index: int, spec: QuestionSet, origin: ProceduralOrigin) -> RawRow:
    try:
        with redirect_stdout(io.StringIO()):  # some generators print
            entry = generator[index]
        args = procedural_args(origin.dataset, origin.config, entry["metadata"])
    except Exception as error:  # whatever a generator trips over, the other items are still good
        return RawRow(origin.dataset, index, None, f"{type(error).__name__}: {error}", "degenerate")
    why = _degenerate(origin.dataset, entry)
    values = {
        "question": entry["question"],
        "gold": entry["answer"],
        "solution": _worked(origin, entry),
        "verifier_args": args if spec.verifier == "procedural" else None,
    }
    return RawRow(origin.dataset, index, values, why, "degenerate")


def _degenerate(dataset: str, entry: Mapping[str, Any]) -> str:
    """Why an item is no question; blank where it is one."""
    metadata = entry["metadata"]
    if entry["answer"] is None and dataset not in WITHOUT_GOLD:
        return "the generator states no answer"
    if dataset == "simple_equations" and not re.search(
        rf"(?<![a-z]){metadata['variable']}(?![a-z])", metadata["equation"]
    ):
        return f"the equation {metadata['equation']!r} lacks its variable {metadata['variable']!r}"
    if dataset == "codeio" and metadata.get("output_data") in ({}, None):
        return "the program gave no output"
    return ""


def _worked(origin: ProceduralOrigin, entry: Mapping[str, Any]) -> str | None:
    """The worked solution of an item, where the spec wants one."""
    if not origin.worked:
        return None
    from ot_assets.sourcing.worked import worked_solution

    return worked_solution(origin.dataset, entry)


def _generator(spec: QuestionSet, origin: ProceduralOrigin) -> Any:
    """The generator with its settings. UserError where there is none such, or it does not take them."""
    import reasoning_gym
    from reasoning_gym.factory import DATASETS

    where = f"{spec.key}: origin"
    if origin.dataset not in DATASETS:
        raise UserError(
            f"{where}.dataset: reasoning-gym has no generator {origin.dataset!r}{suggestion(origin.dataset, sorted(DATASETS))}",
            fix=f"correct origin.dataset in {spec.key}.yaml",
        )
    _refuse(spec, origin)
    reserved = [name for name in _RESERVED if name in origin.config]
    if reserved:
        raise UserError(f"{where}.config holds {reserved[0]!r}", fix=f"write origin.{reserved[0]} instead")
    try:
        return reasoning_gym.create_dataset(origin.dataset, size=origin.size, seed=origin.seed, **origin.config)
    except (TypeError, AssertionError, ValueError, KeyError) as error:
        settings = sorted(set(DATASETS[origin.dataset][1].__dataclass_fields__) - set(_RESERVED))
        raise UserError(
            f"{where}.config: {origin.dataset} does not take {dict(origin.config)}: {error}",
            fix=f"its settings are: {', '.join(settings)}",
        ) from error


def _refuse(spec: QuestionSet, origin: ProceduralOrigin) -> None:
    if origin.dataset in REFUSED:
        raise UserError(
            f"{spec.key}: the generator {origin.dataset} is not used: {REFUSED[origin.dataset]}",
            fix="choose another generator",
        )
    # the setting's name says the opposite of what it does (reasoning-gym 0.1.25, code/codeio.py): 1.0 asks for outputs only
    if origin.dataset == "codeio" and origin.config.get("input_prediction_probability") != 1.0:
        raise UserError(
            f"{spec.key}: codeio asks for inputs, too, and accepts only one of many right ones",
            fix="write `input_prediction_probability: 1.0` into origin.config: 1.0 gives outputs only, despite its name",
        )
