"""What makes two judgings the same: the key under which a verdict is kept.

Contract: equal keys mean that the same code would judge the same content. The key holds the verifier, its version, its
settings, the gold answer, the answer and how the reply ended. A version is the hash of the source of the verifier's own
modules and the versions of the libraries that it computes with, so nobody has to remember to raise it: an edited
verifier judges anew. A verifier without an entry in `SOURCES` has no key and is never kept.
"""

from __future__ import annotations

import hashlib
import json
import sys
from dataclasses import asdict
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from ot_assets.verification.verdict import VerifyTask

_TEXT = ("extraction.py", "numbers.py", "verdict.py")
_MATH = ("math.py", *_TEXT)
_SANDBOX = tuple(f"../../resources/sandbox/{name}.py" for name in ("inside/programs", "inside/values", "inside/tested"))
SOURCES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "math": (_MATH, ("math-verify", "sympy", "latex2sympy2-extended")),
    "procedural": (("procedural.py", "guard.py", *_TEXT), ("reasoning-gym", "sympy")),
    "regex": (("regex.py", "exact.py", "args.py", *_TEXT), ()),
    "reading": (
        ("reading.py", "choice.py", "exact.py", "args.py", *_MATH),
        ("math-verify", "sympy", "latex2sympy2-extended"),
    ),
    "code": (("code.py", "code_tests.py", "code_program.py", "code_compare.py", "verdict.py", *_SANDBOX), ("python",)),
}
"""Verifier -> the modules of this folder and the packages that its verdicts depend on."""


def content_key(task: VerifyTask) -> bytes | None:
    """20 bytes that stand for a task's content; None for a verifier whose verdicts are not kept."""
    if task.verifier not in SOURCES:
        return None
    said = json.dumps([verifier_version(task.verifier), asdict(task)], sort_keys=True)
    return hashlib.sha256(said.encode()).digest()[:20]


@lru_cache(maxsize=64)
def verifier_version(verifier: str) -> str:
    """A hash of the code that judges for a verifier. KeyError for one without an entry in `SOURCES`."""
    modules, packages = SOURCES[verifier]
    digest = hashlib.sha256()
    for name in modules:
        digest.update((Path(__file__).parent / name).read_bytes())
    for package in packages:
        digest.update(f"{package} {_installed(package)}".encode())
    return digest.hexdigest()[:16]


def _installed(package: str) -> str:
    if package == "python":
        return sys.version
    try:
        return version(package)
    except PackageNotFoundError:
        return "none"
