"""Pydantic's findings in the words of the registry: where in the YAML, which value, what is allowed, what was meant.

Belongs here: translating ``ValidationError`` with the document's positions. Union alternatives that fail in one place
become one problem. Fails never; an unknown kind of finding is passed on in pydantic's words.
"""

from __future__ import annotations

import re
import types
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from ot_assets.registry.document import Document, Path_
from ot_assets.registry.errors import Problem, nearest, shown, suggestion
from ot_assets.registry.specs.base import KEY_PATTERN

_PATTERNS = {
    KEY_PATTERN: "small letters, digits, '.', '_' and '-', starting with a letter or digit",
    r"^[a-z]{2,3}(-[A-Za-z0-9]{1,8})*$": "a BCP-47 language tag such as en, de or zh-Hans",
    r"^[0-9a-f]{64}$": "a sha256: 64 hex digits",
    r"^[A-Z_][A-Z0-9_]*$": "the name of an environment variable (capitals, digits, '_'), never the secret itself",
    r"^[\w.-]+(/[\w.-]+)?$": "a repository as owner/name",
}
_LICENCES = (
    *(
        "MIT",
        "Apache-2.0",
        "BSD-2-Clause",
        "BSD-3-Clause",
        "ISC",
        "Unlicense",
        "CC0-1.0",
        "PDDL-1.0",
        "ODC-By-1.0",
        "ODbL-1.0",
    ),
    *("CC-BY-3.0", "CC-BY-4.0", "CC-BY-SA-3.0", "CC-BY-SA-4.0", "CC-BY-NC-4.0", "CC-BY-NC-SA-4.0", "CC-BY-ND-4.0"),
    *(
        "CC-BY-NC-ND-4.0",
        "GPL-2.0-only",
        "GPL-3.0-only",
        "GPL-3.0-or-later",
        "LGPL-3.0-only",
        "AGPL-3.0-only",
        "MPL-2.0",
    ),
    *("CDLA-Permissive-2.0", "CDLA-Sharing-1.0", "GFDL-1.3-only", "unknown"),
)
"""What data and models usually come under: only to guess what a slip meant, any SPDX expression is allowed."""
_WANTED = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "int_parsing": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "tuple_type": "a list",
    "mapping_type": "a mapping (name: value)",
    "dict_type": "a mapping (name: value)",
    "model_type": "a mapping (name: value)",
    "model_attributes_type": "a mapping (name: value)",
}


def problems_of(error: ValidationError, model: type[BaseModel], document: Document) -> list[Problem]:
    """Every finding of ``error`` as a problem of ``document``, one a place and kind of mistake."""
    found: dict[Path_, list[str]] = {}
    for detail in error.errors(include_url=False):
        path = data_path(detail["loc"], document.data, detail["type"])
        message = _message(detail, model)
        if message not in found.setdefault(path, []):
            found[path].append(message)
    return [document.problem(path, "; or ".join(messages)) for path, messages in found.items()]


def data_path(loc: tuple[int | str, ...], data: Any, kind: str) -> Path_:
    """The place in the YAML that pydantic's ``loc`` means: without the names of union members."""
    path: list[str | int] = []
    for number, element in enumerate(loc):
        last = number == len(loc) - 1
        in_list = isinstance(data, list) and isinstance(element, int) and element < len(data)
        if in_list or (isinstance(data, Mapping) and element in data):
            data = data[element]
        elif not (last and kind in ("missing", "extra_forbidden")):
            continue
        path.append(element)
    return tuple(path)


def _message(detail: ErrorDetails, model: type[BaseModel]) -> str:
    kind, value, context = detail["type"], detail["input"], detail.get("ctx", {})
    if kind == "missing":
        return f"is missing{_described(model, detail['loc'])}"
    if kind == "extra_forbidden":
        known = sorted(fields_at(model, detail["loc"][:-1]))
        return f"unknown field{suggestion(detail['loc'][-1], known, most=30)}"
    if kind in ("literal_error", "enum"):
        return _choice(value, _quoted(context.get("expected")))
    if kind == "union_tag_invalid":
        return f"kind: {_choice(context.get('tag'), _quoted(context.get('expected_tags')))}"
    if kind == "union_tag_not_found":
        return f"must be a mapping that says its kind: one of {', '.join(_tags(model, detail['loc']))}; it is {shown(value)}"
    if kind == "value_error":
        return _own(str(context.get("error", detail["msg"])), value)
    if kind == "string_pattern_mismatch":
        pattern = str(context.get("pattern"))
        return f"{shown(value)} is not {_PATTERNS.get(pattern, f'of the form {pattern}')}"
    if kind in _WANTED:
        quotes = " (put it in quotes)" if kind == "string_type" and isinstance(value, int | float) else ""
        return f"must be {_WANTED[kind]}{quotes}, not {shown(value)}"
    return f"{detail['msg'].replace('Input should', 'must').replace(' valid ', ' ')}, not {shown(value)}"


def _own(text: str, value: Any) -> str:
    if text == "not an SPDX licence expression":
        near = _nearest_licence(value)
        meant = f"; did you mean {near!r}?" if near else "."
        return f"{shown(value)} is {text}{meant} Allowed: an SPDX id (MIT, Apache-2.0, CC-BY-4.0, ...), unknown, other:<terms>"
    return text if isinstance(value, Mapping) else f"{text}, not {shown(value)}" if "must" in text else text


def _quoted(text: Any) -> list[str]:
    return re.findall(r"'([^']*)'", str(text or ""))


def _nearest_licence(value: Any) -> str | None:
    return nearest(value, _LICENCES)


def _choice(value: Any, allowed: list[str]) -> str:
    near = nearest(value, allowed)
    return f"{shown(value)} is not known{f'; did you mean {near!r}?' if near else '.'} Allowed: {', '.join(allowed)}"


def _described(model: type[BaseModel], loc: tuple[int | str, ...]) -> str:
    field = fields_at(model, loc[:-1]).get(str(loc[-1]))
    return f": {field}" if field else ""


def _tags(model: type[BaseModel], loc: tuple[int | str, ...]) -> list[str]:
    found = []
    for member in _members(_walk(model, loc)):
        if isinstance(member, type) and issubclass(member, BaseModel) and "kind" in member.model_fields:
            found += [str(name) for name in get_args(member.model_fields["kind"].annotation)]
    return found


def fields_at(model: type[BaseModel], loc: tuple[int | str, ...]) -> dict[str, str]:
    """Field name -> description of the spec that pydantic's ``loc`` leads to; empty when it leads to none."""
    found: dict[str, str] = {}
    for member in _members(_walk(model, loc)):
        if isinstance(member, type) and issubclass(member, BaseModel):
            found |= {info.alias or name: info.description or "" for name, info in member.model_fields.items()}
    return found


def _walk(kind: Any, loc: tuple[int | str, ...]) -> Any:
    for element in loc:
        kind = _step(kind, element)
    return kind


def _members(kind: Any) -> list[Any]:
    while get_origin(kind) is Annotated:
        kind = get_args(kind)[0]
    if get_origin(kind) in (Union, types.UnionType):
        return [inner for member in get_args(kind) for inner in _members(member)]
    return [kind]


def _step(kind: Any, element: int | str) -> Any:
    """The type one element further; a union member's own name leads to that member."""
    members = _members(kind)
    for member in members if len(members) > 1 else ():
        if not (isinstance(member, type) and issubclass(member, BaseModel)):
            continue
        tag = member.model_fields.get("kind")
        if tag is not None and get_origin(tag.annotation) is Literal and element in get_args(tag.annotation):
            return member
    for member in members:
        if isinstance(member, type) and issubclass(member, BaseModel):
            for name, info in member.model_fields.items():
                if element == (info.alias or name):
                    return info.annotation
        if get_origin(member) is tuple and isinstance(element, int):
            return get_args(member)[0]
        outer = get_origin(member)
        if isinstance(outer, type) and issubclass(outer, Mapping):
            return get_args(member)[1]
    return kind
