"""Questions of DeepMind's mathematics-dataset, a generator of school mathematics, made anew by a stated seed.

The package is a wheel pinned by hash, read as a zip like any other; its code runs in a child process with a limit on
memory, an empty environment and time for each question (`mathematics_child`, which also mends what of 2019 no longer runs
with today's numpy and sympy). The modules take turns; every question has a seed of its own, made of the spec's seed, the
module and the question's number there, so that a larger `size` only adds questions.

A question whose making fails or takes too long is a row of the ledger (rule `degenerate`). UserError: a module that the
difficulty does not have, a child that ends.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from ot_assets.registry.errors import suggestion
from ot_assets.registry.specs.origin import ProceduralOrigin
from ot_assets.registry.specs.source import QuestionSet
from ot_assets.sourcing import mathematics_child
from ot_assets.sourcing.rows import RawRow, SourcingContext
from resources.errors import UserError
from resources.wheels import fetch_wheel

PACKAGE = "mathematics-dataset"
VERSION = "1.0.1"
SHA256 = "8ebfe083ed65e07a9a555c9a51449c8e7c0ee097a96880a7183d2e8606081de6"
"""The wheel that the child's repairs are made for."""
LICENCE = "Apache-2.0"


def read(spec: QuestionSet, origin: ProceduralOrigin, context: SourcingContext) -> Iterator[RawRow]:
    """One raw row a question, with columns question, gold and module. The wheel is fetched at once."""
    wheel = fetch_wheel(PACKAGE, VERSION, SHA256, context.cache, log=context.log)
    return _rows(spec, origin, wheel)


def _rows(spec: QuestionSet, origin: ProceduralOrigin, wheel: Path) -> Iterator[RawRow]:
    wanted = {"regime": origin.dataset, "modules": list(origin.modules), "size": origin.size, "seed": origin.seed}
    child = _start(wheel)
    try:
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdin.write(json.dumps(wanted))
        child.stdin.close()
        count = 0
        for line in child.stdout:
            yield _row(json.loads(line), spec, origin)
            count += 1
        if child.wait() != 0 or count != origin.size:
            raise UserError(
                f"{spec.key}: {PACKAGE} ended after {count:,} of {origin.size:,} questions: {_said(child.stderr)}",
                fix="take other origin.modules, or run again",
            )
    finally:
        child.kill()
        child.wait()
        for stream in (child.stdout, child.stderr):
            if stream is not None:
                stream.close()


def _row(said: dict[str, Any], spec: QuestionSet, origin: ProceduralOrigin) -> RawRow:
    if "modules" in said:
        known = said["modules"]
        raise UserError(
            f"{spec.key}: origin.modules: {origin.dataset} has no module {said['unknown']!r}"
            f"{suggestion(said['unknown'], known)}",
            fix=f"correct origin.modules in {spec.key}.yaml",
        )
    place, number = f"{origin.dataset}/{said['module']}", said["number"]
    if "problem" in said:
        return RawRow(place, number, None, said["problem"], "degenerate")
    values = {"question": powers(said["question"]), "gold": powers(said["answer"]), "module": said["module"]}
    return RawRow(place, number, {**values, "solution": None, "verifier_args": None})


def powers(text: str) -> str:
    """`x**2` as `x^2` and `x**(-1/4)` as `x^{-1/4}`: the verifier reads LaTeX, to which two stars are markup."""
    text = re.sub(r"\*\*\(([^()]*)\)", r"^{\1}", text)
    return re.sub(r"\*\*(\d{2,})", r"^{\1}", text).replace("**", "^")


def _start(wheel: Path) -> subprocess.Popen[str]:
    """The child, with nothing of our environment but what Python needs; the same hashes every time."""
    command = [sys.executable, "-s", "-P", mathematics_child.__file__, str(wheel)]
    return subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={"PYTHONHASHSEED": "0", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
    )


def _said(stream: IO[str] | None) -> str:
    """The last line of what the child complained about."""
    lines = [line.strip() for line in (stream.read() if stream else "").splitlines() if line.strip()]
    return lines[-1] if lines else "it said nothing"
