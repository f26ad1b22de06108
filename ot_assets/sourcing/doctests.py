"""Programming questions from the documented functions of a Python package: read as text, never imported, never run.

A public top-level function whose docstring holds doctest examples becomes one question: its signature, the prose of
its docstring and its first examples; the solution, which is the gold answer too, is its own source, with the imports
that it needs; the examples are the tests, in `verifier_args` as `verification.code_tests` wants them. All examples of a
function are one session, in order; `shown` is how many of them the question gives away, `support` holds what else of
the package they use (see `doctest_support`).

Options of the origin: `shown` (examples with a result that the question shows, default 1), `least` (functions with
fewer results than this are left out, default 1). Fails with UserError for a member that is no Python and for an
option that there is not.
"""

from __future__ import annotations

import ast
import builtins
import doctest
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from ot_assets.registry.errors import suggestion
from ot_assets.registry.specs.origin import WheelOrigin
from ot_assets.sourcing.doctest_support import Package, defined_names
from ot_assets.sourcing.rows import RawRow
from resources.errors import UserError

_DEFAULTS = {"shown": 1, "least": 1}
_FLAGS = {flag: name for name, flag in doctest.OPTIONFLAGS_BY_NAME.items()}
_ROLE = re.compile(r":\w+:`~?([^`]+)`")
_FOOTNOTE = re.compile(r"^\.\. \[.*$|\s*\[\d+\]_", re.MULTILINE)

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class _Module:
    """A parsed member."""

    name: str
    source: str
    tree: ast.Module
    public: frozenset[str]


def read_functions(
    source: str, member: str, key: str, origin: WheelOrigin, package: Package | None = None
) -> Iterator[RawRow]:
    """One raw row a documented function, with columns question, gold, solution and verifier_args.

    `package` is where functions that examples use beside the one asked for are found.
    """
    options = _options(key, origin)
    module = _parsed(source, member, key)
    functions = [node for node in module.tree.body if isinstance(node, Function) and node.name in module.public]
    index = 0
    for function in functions:
        parts = _parts(function)
        wants = sum(bool(part.want) for part in parts if isinstance(part, doctest.Example))
        if wants >= max(1, options["least"]):
            yield RawRow(member, index, _row(function, parts, module, origin, options["shown"], package))
            index += 1


def _row(
    function: Function,
    parts: list[str | doctest.Example],
    module: _Module,
    origin: WheelOrigin,
    shown: int,
    package: Package | None,
) -> dict[str, str | None]:
    examples = [part for part in parts if isinstance(part, doctest.Example)]
    given = _given(examples, shown)
    solution = _solution(function, module)
    sources = [solution, *(example.source for example in examples)]
    args = {
        "kind": "doctests",
        "language": "python",
        "package": origin.package,
        "version": origin.version,
        "module": module.name,
        "function": function.name,
        "shown": given,
        "examples": [_example(example) for example in examples],
        "support": package.support(module.name, function.name, sources) if package else {},
    }
    return {
        "question": _question(function, parts, given),
        "gold": solution,
        "solution": f"```python\n{solution}\n```",
        "verifier_args": json.dumps(args, ensure_ascii=False),
    }


def _parts(function: Function) -> list[str | doctest.Example]:
    """Prose and examples of a docstring, in order, without the examples that are marked to be skipped."""
    try:
        parts = doctest.DocTestParser().parse(ast.get_docstring(function) or "")
    except ValueError:  # examples that are not indented as they should be
        return []
    return [p for p in parts if isinstance(p, str) or not p.options.get(doctest.SKIP)]


def _given(examples: list[doctest.Example], shown: int) -> int:
    """How many examples the question shows: up to and with the `shown`-th that has a result."""
    results = 0
    for number, example in enumerate(examples, 1):
        results += bool(example.want)
        if results >= shown:
            return number if shown else 0
    return len(examples)


def _question(function: Function, parts: list[str | doctest.Example], given: int) -> str:
    """The task in words: signature, prose, and the examples that are given away where they stand."""
    text, number = "", 0
    for part in parts:
        if isinstance(part, str):
            text += part
            continue
        number += 1
        if number <= given:
            text += doctest_text(part)
        else:
            text = re.sub(r"::?\s*$", ".\n", text)  # nothing follows that colon any more
    prose = _FOOTNOTE.sub("", _ROLE.sub(r"`\1`", text)).replace("``", "`")
    prose = re.sub(r"\n{3,}", "\n\n", prose).strip()
    return f"Write the Python function `{function.name}`.\n\n```python\n{_signature(function)}\n```\n\n{prose}"


def doctest_text(example: doctest.Example) -> str:
    """An example as it is written in a docstring, directives left out."""
    source = re.sub(r"[ \t]*#[ \t]*doctest:.*", "", example.source)
    first, *more = source.rstrip("\n").split("\n")
    prompt = "\n".join([f">>> {first}", *(f"... {line}" if line else "..." for line in more)])
    return f"{prompt}\n{example.want}"


def _example(example: doctest.Example) -> dict[str, object]:
    options = sorted(_FLAGS[flag] for flag, on in example.options.items() if on)
    return {"source": example.source, "want": example.want, "raises": example.exc_msg, "options": options}


def _signature(function: Function) -> str:
    returns = f" -> {ast.unparse(function.returns)}" if function.returns else ""
    prefix = "async def" if isinstance(function, ast.AsyncFunctionDef) else "def"
    return f"{prefix} {function.name}({ast.unparse(function.args)}){returns}:"


def _solution(function: Function, module: _Module) -> str:
    """The function's source without its docstring, below the imports and constants of its module that it uses."""
    lines = module.source.splitlines()
    first = min([function.lineno, *(d.lineno for d in function.decorator_list)])
    docstring = function.body[0]
    assert docstring.end_lineno is not None
    assert function.end_lineno is not None
    head, body = lines[first - 1 : docstring.lineno - 1], lines[docstring.end_lineno : function.end_lineno]
    source = (
        "\n".join([*head, *_trimmed(body)])
        if len(function.body) > 1
        else "\n".join(lines[first - 1 : function.end_lineno])
    )
    needed = _needs(function, module)
    return "\n".join(needed) + "\n\n\n" + source if needed else source


def _trimmed(lines: list[str]) -> list[str]:
    """Lines without the blank ones before the first."""
    start = next((number for number, line in enumerate(lines) if line.strip()), 0)
    return lines[start:]


def _needs(function: Function, module: _Module) -> list[str]:
    """Import lines for the names of the module that a function uses; plain constants as they are written."""
    said = [node for node in ast.walk(function) if isinstance(node, ast.Name)]
    own = {node.id for node in said if isinstance(node.ctx, ast.Store)} | {function.name}
    used = {node.id for node in said} - set(dir(builtins)) - own
    imports: list[str] = []
    constants: list[str] = []
    for node in module.tree.body:
        if isinstance(node, ast.Import):
            imports += [f"import {_alias(a)}" for a in node.names if (a.asname or a.name.split(".")[0]) in used]
        elif isinstance(node, ast.ImportFrom):
            names = [_alias(a) for a in node.names if (a.asname or a.name) in used]
            imports += [f"from {_absolute(node, module)} import {', '.join(names)}"] if names else []
        elif isinstance(node, ast.Assign) and not any(isinstance(part, ast.Name) for part in ast.walk(node.value)):
            constants += [ast.unparse(node)] if defined_names(node) & used else []
        else:
            imports += [f"from {module.name} import {name}" for name in sorted(defined_names(node) & used)]
    return [*imports, *constants]


def _alias(alias: ast.alias) -> str:
    return f"{alias.name} as {alias.asname}" if alias.asname else alias.name


def _absolute(node: ast.ImportFrom, module: _Module) -> str:
    """The absolute name of the module that an import takes from."""
    if not node.level:
        return node.module or ""
    parents = module.name.split(".")[: -node.level]
    return ".".join([*parents, *([node.module] if node.module else [])])


def _parsed(source: str, member: str, key: str) -> _Module:
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError) as error:
        raise UserError(f"{key}: {member} is no Python: {error}", fix="choose other origin.members") from error
    path = PurePosixPath(member)
    parts = path.parent.parts if path.name == "__init__.py" else (*path.parent.parts, path.stem)
    return _Module(".".join(parts), source, tree, _public(tree))


def _public(tree: ast.Module) -> frozenset[str]:
    """Names in `__all__`, or every top-level function without a leading underscore."""
    for node in tree.body:
        if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == "__all__" for t in node.targets):
            try:
                return frozenset(ast.literal_eval(node.value))
            except (ValueError, TypeError):
                break
    return frozenset(n.name for n in tree.body if isinstance(n, Function) and not n.name.startswith("_"))


def _options(key: str, origin: WheelOrigin) -> dict[str, int]:
    for name, value in origin.options.items():
        if name not in _DEFAULTS:
            raise UserError(
                f"{key}: origin.options has no {name!r} for reader: doctests{suggestion(name, list(_DEFAULTS))}",
                fix=f"correct origin.options in {key}.yaml",
            )
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            raise UserError(f"{key}: origin.options.{name} is {value!r}", fix="write a whole number, 0 or more")
    return {**_DEFAULTS, **{name: int(str(value)) for name, value in origin.options.items()}}
