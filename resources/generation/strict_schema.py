"""JSON schemas as strict mode takes them: pydantic writes more than OpenAI's endpoint and guided decoders accept.

What belongs here: the rewriting of one schema. Contract: pure; every value that the pydantic model accepts and that names
all its fields fits the schema; what the schema leaves out (lengths of text, formats and patterns that decoders do not
know) only allows more, and the model checks it when the reply is read. ValueError names the place of what strict mode
cannot say.
"""

from __future__ import annotations

from typing import Any

_UNSAID = {
    "title",
    "default",
    "examples",
    "deprecated",
    "discriminator",
    "minLength",
    "maxLength",
    "uniqueItems",
    "contentMediaType",
    "contentEncoding",
}
_FORMATS = {"date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6", "uuid"}
_UNSAYABLE = {"patternProperties", "prefixItems", "not", "if", "then", "else", "dependentRequired", "propertyNames"}


def strict_schema(schema: dict[str, Any], name: str) -> dict[str, Any]:
    """`schema` (a pydantic model's, `name` its name) with every field required and no other field allowed."""
    root = dict(schema)
    definitions = root.pop("$defs", {})
    if "$ref" in root:
        # A model that holds itself is written as a reference, but the root must say that it is an object.
        root = {**definitions[root["$ref"].rpartition("/")[2]]}
    if root.get("type") != "object":
        raise ValueError(
            f"{name}: a structured reply must be an object with fields, not {root.get('type', 'any JSON')}"
        )
    said = _node(root, name)
    if definitions:
        said["$defs"] = {key: _node(value, key) for key, value in definitions.items()}
    return said


def _node(schema: dict[str, Any], place: str) -> dict[str, Any]:
    if "$ref" in schema:
        return {"$ref": schema["$ref"]}
    if found := _UNSAYABLE & set(schema):
        raise ValueError(
            f"{place}: strict mode cannot say {', '.join(sorted(found))} (a tuple of fixed length, free keys)"
        )
    said = {key: value for key, value in schema.items() if key not in _UNSAID and not _is_unknown(key, value)}
    if not set(said) - {"description"}:
        raise ValueError(f"{place}: strict mode needs a type, not any JSON")
    for key in ("anyOf", "oneOf", "allOf"):
        if key in said:
            kinds = [_node(kind, place) for kind in said.pop(key)]
            said |= kinds[0] if key == "allOf" and len(kinds) == 1 else {"anyOf": kinds}
    if "items" in said:
        said["items"] = _node(said["items"], f"{place}[]")
    if said.get("type") == "object":
        said |= _fields(said, place)
    return said


def _fields(schema: dict[str, Any], place: str) -> dict[str, Any]:
    if schema.get("additionalProperties", False) is not False or "properties" not in schema:
        raise ValueError(f"{place}: strict mode needs named fields, not a mapping with free keys")
    fields = {name: _node(field, f"{place}.{name}") for name, field in schema["properties"].items()}
    return {"properties": fields, "required": list(fields), "additionalProperties": False}


def _is_unknown(key: str, value: Any) -> bool:
    """A format that decoders do not know, or a pattern that looks around, which their automata cannot."""
    return (key == "format" and value not in _FORMATS) or (key == "pattern" and "(?" in str(value))
