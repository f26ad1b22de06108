"""The child process that runs mathematics-dataset: `python mathematics_child.py WHEEL`, a wish on standard input.

The wish is JSON: regime, modules, size, seed. Each question is a line of JSON on standard output: module, number, question
and answer, or module, number and problem. Modules that the regime does not have are one line with `unknown` and `modules`.

The package is of 2019. What no longer runs is mended here and nowhere else: absl's logging, numpy's `object` and
`itemset`, a name that sympy moved. All 56 modules of training and 15 of extrapolation run with it. It needs nothing of
this project, and is never imported for its functions by anything but its test.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import importlib.util
import io
import json
import logging
import resource
import signal
import sys
import types
from collections.abc import Callable, Iterator
from typing import Any

SECONDS = 60
"""Time that one question may take. Most take some milliseconds."""
TRIES = 50
"""Draws after which a module that keeps giving none, or only overlong questions, is given up for this number."""
LONGEST_QUESTION, LONGEST_ANSWER = 160, 30
"""Characters, as in the published data set (mathematics_dataset/generate_settings.py)."""
_MEMORY = 4 << 30
_LEVELS = {"train": (0, 1), "train-easy": (0, 3), "train-medium": (1, 3), "train-hard": (2, 3)}
_POLYNOMIALS = "mathematics_dataset.sample.polynomials"
_REPAIRS = (
    ("coeffs.itemset(index, value)", "coeffs[index] = value"),
    ("expanded_coefficients.itemset(power, coeffs)", "expanded_coefficients[power] = coeffs"),
)


def main() -> None:
    """Reads the wish and writes the questions."""
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    out, sys.stdout = sys.stdout, io.StringIO()  # some modules print
    wish = json.loads(sys.stdin.read())
    sys.path.insert(0, sys.argv[1])
    generators = regime(wish["regime"])
    for name in wish["modules"]:
        if name not in generators:
            print(json.dumps({"unknown": name, "modules": sorted(generators)}), file=out)
            return
    for line in lines(generators, wish["modules"], wish["size"], wish["seed"]):
        print(json.dumps(line), file=out)


def lines(
    generators: dict[str, Callable[[], Any]], modules: list[str], size: int, seed: int
) -> Iterator[dict[str, Any]]:
    """So many questions, the modules in turn."""
    for index in range(size):
        name, number = modules[index % len(modules)], index // len(modules)
        yield {"module": name, "number": number, **_made(generators[name], f"{seed}:{name}:{number}")}


def _made(generator: Callable[[], Any], seed: str) -> dict[str, str]:
    """One question and its answer, or why there is none."""
    _seeded(seed)
    signal.signal(signal.SIGALRM, _too_long)
    signal.alarm(SECONDS)
    try:
        for _ in range(TRIES):
            problem = generator()
            if problem is None:
                continue
            question, answer = str(problem.question), str(problem.answer)
            if len(question) <= LONGEST_QUESTION and len(answer) <= LONGEST_ANSWER:
                return {"question": question, "answer": answer}
        return {"problem": f"{TRIES} draws gave none that is short enough"}
    except Exception as error:
        return {"problem": f"{type(error).__name__}: {error}"[:300]}
    finally:
        signal.alarm(0)


def _too_long(*_: Any) -> None:
    raise TimeoutError(f"it took more than {SECONDS} s")


def _seeded(seed: str) -> None:
    """All sources of chance that the package draws from."""
    import random

    import numpy
    import sympy.core.random

    number = int.from_bytes(hashlib.sha256(seed.encode()).digest()[:4], "big")
    random.seed(number)
    numpy.random.seed(number)
    sympy.core.random.seed(number)


def regime(name: str) -> dict[str, Callable[[], Any]]:
    """The generators of one difficulty by their names, as `arithmetic__add_or_sub`."""
    with contextlib.redirect_stderr(io.StringIO()):
        _mend()
        modules = importlib.import_module("mathematics_dataset.modules.modules")
    if name == "interpolate":
        return _flat(modules.test())
    if name == "extrapolate":
        return _flat(modules.test_extra())
    level, levels = _LEVELS[name]

    def narrowed(entropy: tuple[float, float]) -> tuple[float, float]:
        """The part of a range of difficulty that this level takes."""
        low, high = entropy
        step = (high - low) / levels
        return low + level * step, low + (level + 1) * step

    return _flat(modules.train(narrowed))


def _flat(there: dict[str, Any], before: str = "") -> dict[str, Callable[[], Any]]:
    found: dict[str, Callable[[], Any]] = {}
    for name, one in there.items():
        found.update(_flat(one, f"{before}{name}__") if isinstance(one, dict) else {f"{before}{name}": one})
    return found


def _mend() -> None:
    """Lets a package of 2019 run with the libraries of today. RuntimeError where the wheel is another."""
    import numpy

    absl = types.ModuleType("absl")
    absl.logging = logging  # type: ignore[attr-defined]
    sys.modules.update({"absl": absl, "absl.logging": logging})
    numpy.object = object  # type: ignore[attr-defined]
    moved = importlib.import_module("sympy.solvers.diophantine.diophantine")
    folder = sys.modules["sympy.solvers.diophantine"]  # by its name in `sympy.solvers` one gets a function
    folder.base_solution_linear = moved.base_solution_linear  # type: ignore[attr-defined]
    found = importlib.util.find_spec(_POLYNOMIALS)
    source = found.loader.get_source(_POLYNOMIALS) if found and found.loader else ""  # type: ignore[attr-defined]
    for old, new in _REPAIRS:
        if source.count(old) != 1:
            raise RuntimeError(f"{_POLYNOMIALS} is not the one that is mended here")
        source = source.replace(old, new)
    assert found is not None
    module = importlib.util.module_from_spec(found)
    sys.modules[_POLYNOMIALS] = module
    exec(compile(source, _POLYNOMIALS, "exec"), module.__dict__)
    importlib.import_module("mathematics_dataset.sample").polynomials = module  # type: ignore[attr-defined]


if __name__ == "__main__":
    main()
