"""Programming questions with tests as HumanEval has them: JSON lines of prompt, entry point, solution and a `check`.

`check(candidate)` is read as text, never run here. Where it only compares calls of literals with literals (143 of the 164),
it becomes function tests, whose expected values never enter the sandbox; a list is taken for a tuple there, and nothing
but a truth for a truth. Where it does more (loops, tolerances, helpers), its statements become one session of examples:
each assertion must be true.

Columns: question, gold (the prompt with its solution), solution, verifier_args, task_id. A row that lacks a field or whose
`check` is no Python is unreadable.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import IO, Any

from ot_assets.sourcing.lines import read_lines
from ot_assets.sourcing.rows import RawRow
from resources.sandbox.inside.values import encode

_HELD = "every assertion held"
_FIELDS = ("task_id", "prompt", "entry_point", "canonical_solution", "test")


def read_tasks(stream: IO[bytes], member: str) -> Iterator[RawRow]:
    """One raw row a task."""
    for row in read_lines(stream, member):
        if row.values is None:
            yield row
            continue
        try:
            yield replace(row, values=_values(row.values))
        except (ValueError, SyntaxError, RecursionError) as error:
            yield replace(row, values=None, problem=f"line {row.index + 1}: {error}")


def _values(task: Mapping[str, Any]) -> dict[str, str]:
    for name in _FIELDS:
        if not isinstance(task.get(name), str):
            raise ValueError(f"{name} is missing, or no text")
    entry, prompt = task["entry_point"], task["prompt"]
    gold = f"{prompt.rstrip()}\n{task['canonical_solution'].rstrip()}".strip("\n")
    args = {"language": "python", **_tests(task["test"], entry)}
    return {
        "question": f"Complete the Python function `{entry}`. Answer with the whole program, "
        f"helpers and imports included.\n\n```python\n{prompt.strip(chr(10)).rstrip()}\n```",
        "gold": gold,
        "solution": f"```python\n{gold}\n```",
        "verifier_args": json.dumps(args, ensure_ascii=False),
        "task_id": task["task_id"],
    }


def _tests(source: str, entry: str) -> dict[str, Any]:
    """What the code verifier wants of a `check`. ValueError where there is none."""
    tree = ast.parse(source)
    checks = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "check"]
    if len(checks) != 1 or len(checks[0].args.args) != 1:
        raise ValueError("its test has no check(candidate)")
    candidate = checks[0].args.args[0].arg
    said = [node for node in checks[0].body if not _says_nothing(node)]
    calls = [_call(node, candidate) for node in said]
    if calls and all(call is not None for call in calls):
        return {"kind": "function", "entry": entry, "tests": calls}
    before = [node for node in tree.body if isinstance(node, (ast.Import, ast.ImportFrom, ast.FunctionDef))]
    examples = [{"source": f"{ast.unparse(node)}\n"} for node in before if node is not checks[0]]
    examples += [{"source": f"{candidate} = {entry}\n"}, *(_example(node) for node in said)]
    if not any("want" in example for example in examples):  # its assertions stand in loops
        examples.append({"source": f"{_HELD!r}\n", "want": f"{_HELD!r}\n"})
    return {"kind": "doctests", "function": entry, "examples": examples}


def _says_nothing(node: ast.stmt) -> bool:
    """`assert True`, `print(...)`, `print`, a text, `pass`."""
    if isinstance(node, ast.Assert):
        return isinstance(node.test, ast.Constant) and bool(node.test.value)
    if not isinstance(node, ast.Expr):
        return isinstance(node, ast.Pass)
    said = node.value.func if isinstance(node.value, ast.Call) else node.value
    return isinstance(said, ast.Constant) or (isinstance(said, ast.Name) and said.id == "print")


def _call(node: ast.stmt, candidate: str) -> dict[str, Any] | None:
    """`assert candidate(1, [2]) == 3` as a test of a function; None for anything else."""
    compared = node.test if isinstance(node, ast.Assert) else None
    if not isinstance(compared, ast.Compare) or [type(op) for op in compared.ops] != [ast.Eq]:
        return None
    call = compared.left
    if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name) or call.func.id != candidate:
        return None
    try:
        args = [encode(ast.literal_eval(arg)) for arg in call.args]
        kwargs = {str(word.arg): encode(ast.literal_eval(word.value)) for word in call.keywords if word.arg}
        expected = encode(ast.literal_eval(compared.comparators[0]))
    except ValueError:
        return None
    whole = len(kwargs) == len(call.keywords)
    return {"args": args, "kwargs": kwargs, "expected": expected} if whole else None


def _example(node: ast.stmt) -> dict[str, str]:
    if isinstance(node, ast.Assert):
        return {"source": f"bool({ast.unparse(node.test)})\n", "want": "True\n"}
    return {"source": f"{ast.unparse(node)}\n"}
