"""One YAML file as plain data with the position of every value.

Belongs here: reading YAML text safely and telling where each value stands. Only the YAML 1.2 core types are resolved, so
``no`` is text, ``1e-5`` a number and a date text. Never raises for what a file holds: everything wrong becomes a
``Problem`` (not UTF-8, broken syntax, tags, duplicate keys, keys that are not text, aliases in a circle or without end).
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import yaml

from ot_assets.registry.errors import Problem, shown

if TYPE_CHECKING:
    from yaml import SafeLoader as BaseLoader
else:
    BaseLoader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

MAX_BYTES = 4_000_000
MAX_NODES = 100_000
_TAG = "tag:yaml.org,2002:"

Path_ = tuple[str | int, ...]


class Position(NamedTuple):
    """Line and column, both from 1."""

    line: int
    column: int


class _Loader(BaseLoader):
    """Composes nodes only; resolves the YAML 1.2 core types."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 - PyYAML's own protocol


_Loader.add_implicit_resolver(_TAG + "null", re.compile(r"^(?:~|null|Null|NULL|)$"), ["~", "n", "N", ""])
_Loader.add_implicit_resolver(_TAG + "bool", re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF"))
_Loader.add_implicit_resolver(_TAG + "int", re.compile(r"^[-+]?(?:0|[1-9][0-9]*(?:_[0-9]+)*)$"), list("-+0123456789"))
_Loader.add_implicit_resolver(
    _TAG + "float",
    re.compile(r"^[-+]?(?:\.[0-9]+|(?:0|[1-9][0-9_]*)(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$"),
    list("-+.0123456789"),
)


@dataclass
class Document:
    """Plain data, where each of its values stands, and what is wrong with the file as YAML."""

    file: Path
    data: Any = None
    positions: dict[Path_, Position] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def position(self, path: Path_) -> Position:
        """Position of the value at ``path``, or of the nearest value around it that is there."""
        while path and path not in self.positions:
            path = path[:-1]
        return self.positions.get(path, Position(1, 1))

    def problem(self, path: Path_, message: str, *, warning: bool = False) -> Problem:
        """A problem at ``path``."""
        at = self.position(path)
        return Problem(self.file, at.line, dotted(path), message, "warning" if warning else "error", at.column)


def dotted(path: Path_) -> str:
    """``parts.math.sources[0].share``."""
    text = ""
    for element in path:
        text += f"[{element}]" if isinstance(element, int) else f".{element}" if text else str(element)
    return text


def read_document(file: Path) -> Document:
    """Read and parse one file. The result's ``problems`` say what is wrong; ``data`` holds what could be read."""
    document = Document(file)
    try:
        raw = file.read_bytes()
    except OSError as error:
        document.problems.append(Problem(file, 1, "", f"cannot be read: {error.strerror or error}"))
        return document
    if len(raw) > MAX_BYTES:
        document.problems.append(Problem(file, 1, "", f"{len(raw):,} bytes is too long for a spec"))
        return document
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        document.problems.append(
            Problem(file, line, "", f"not UTF-8 text (byte 0x{raw[error.start]:02x}); save it as UTF-8")
        )
        return document
    _parse(text, document)
    return document


def _parse(text: str, document: Document) -> None:
    loader = None
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        if node is not None:
            document.data = _Walk(document).value(node, (), ())
    except yaml.YAMLError as error:
        document.problems.append(_syntax(document.file, text, error))
    except RecursionError:
        document.problems.append(Problem(document.file, 1, "", "nested too deeply"))
    except _TooManyNodes:
        document.problems.append(Problem(document.file, 1, "", f"more than {MAX_NODES:,} values; aliases without end?"))
    finally:
        if loader is not None:
            loader.dispose()


def _syntax(file: Path, text: str, error: yaml.YAMLError) -> Problem:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    what = getattr(error, "problem", None) or getattr(error, "reason", None) or "cannot be parsed"
    context = getattr(error, "context", None)
    position = getattr(error, "position", None)
    line = mark.line + 1 if mark is not None else text[:position].count("\n") + 1 if isinstance(position, int) else 1
    column = mark.column + 1 if mark is not None else 1
    hint = "; is a tab used for indenting?" if "\\t" in str(what) or "'\t'" in str(what) else ""
    return Problem(file, line, "", f"not valid YAML: {what}{f' {context}' if context else ''}{hint}", column=column)


class _TooManyNodes(Exception):
    """Aliases that multiply."""


class _Walk:
    """Turns nodes into plain data and notes the positions."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.nodes = 0

    def value(self, node: yaml.Node, path: Path_, above: tuple[int, ...]) -> Any:
        self.nodes += 1
        if self.nodes > MAX_NODES:
            raise _TooManyNodes
        self.document.positions.setdefault(path, _position(node))
        if id(node) in above:
            return self.wrong(path, "an alias refers to the value around it")
        if isinstance(node, yaml.MappingNode):
            return self.mapping(node, path, (*above, id(node)))
        if isinstance(node, yaml.SequenceNode):
            return [self.value(item, (*path, i), (*above, id(node))) for i, item in enumerate(node.value)]
        return self.scalar(node, path)

    def mapping(self, node: yaml.MappingNode, path: Path_, above: tuple[int, ...]) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                self.document.positions.setdefault((*path, "?"), _position(key_node))
                self.wrong((*path, "?"), "a key must be text")
                continue
            key = str(key_node.value)
            here = (*path, key)
            if key in result:
                first = self.document.positions[here].line
                at = _position(key_node)
                message = f"the key {key!r} stands twice (first in line {first}); keep one"
                self.document.problems.append(
                    Problem(self.document.file, at.line, dotted(here), message, column=at.column)
                )
                continue
            self.document.positions[here] = _position(key_node)
            result[key] = self.value(value_node, here, above)
        return result

    def scalar(self, node: yaml.Node, path: Path_) -> Any:
        text = str(node.value)
        try:
            match node.tag.removeprefix(_TAG):
                case "str":
                    return text
                case "null":
                    return None
                case "bool":
                    return text.lower() == "true"
                case "int":
                    return int(text)
                case "float":
                    number = float(text)
                    return (
                        number if math.isfinite(number) else self.wrong(path, f"{shown(text)} is not a finite number")
                    )
                case _:
                    return self.wrong(path, f"the tag {shown(node.tag)} is not supported; write plain values")
        except ValueError:
            return self.wrong(path, f"{shown(text)} is not a number that can be read")

    def wrong(self, path: Path_, message: str) -> None:
        self.document.problems.append(self.document.problem(path, message))


def _position(node: yaml.Node) -> Position:
    return Position(node.start_mark.line + 1, node.start_mark.column + 1)
