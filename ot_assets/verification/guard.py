"""Which texts may be handed to those reasoning-gym scorers that evaluate them as Python.

Nine scorers of reasoning-gym 0.1.25 call `eval` or sympy's `parse_expr` (which evaluates) on the answer. An answer is
written by a model, and untrusted code runs only in a sandbox. So each of these nine is listed here with the only form
of answer that it may see: a literal, or an expression of numbers, one-letter names, plain operators and known
functions. Anything else is not handed on. Powers stay possible and can be huge: time and memory are the pool's to
limit.
"""

from __future__ import annotations

import ast
from typing import Literal

Form = Literal["literal", "arithmetic", "algebra"]
Fitness = Literal["fit", "unreadable", "refused"]

EVALUATING: dict[str, Form] = {
    "binary_matrix": "literal",
    "n_queens": "literal",
    "spiral_matrix": "literal",
    "string_insertion": "literal",
    "countdown": "arithmetic",
    "puzzle24": "arithmetic",
    "intermediate_integration": "algebra",
    "polynomial_multiplication": "algebra",
    "simple_integration": "algebra",
}
"""Generator -> the only form of answer that its scorer may see."""

_NAMES = "sin cos tan cot sec csc asin acos atan sinh cosh tanh asinh acosh atanh exp log ln sqrt erf Abs pi E"
_FUNCTIONS = frozenset(_NAMES.split())
_OPERATORS = (ast.Add, ast.Sub, ast.Mult, ast.Div, ast.Pow, ast.BitXor, ast.UAdd, ast.USub, ast.FloorDiv, ast.Mod)
_LONGEST = 5_000


def fitness(dataset: str, answer: str) -> Fitness:
    """Whether the scorer of a generator may be handed this answer.

    `fit`: yes (always so for a scorer that does not evaluate). `unreadable`: it is no Python expression at all, so
    the scorer could only fail on it. `refused`: it is one, but of another form than the allowed one.
    """
    form = EVALUATING.get(dataset)
    if form is None:
        return "fit"
    if len(answer) > _LONGEST:
        return "refused"
    try:
        tree = ast.parse(answer.strip(), mode="eval").body
    except SyntaxError:
        # these scorers compare the plain text first and evaluate only then, and what is no Python fails before anything runs
        return "fit" if form == "literal" else "unreadable"
    except (ValueError, RecursionError, MemoryError):
        return "refused"
    allowed = _literal(tree) if form == "literal" else _expression(tree, names=form == "algebra")
    return "fit" if allowed else "refused"


def _literal(node: ast.expr) -> bool:
    """Whether a tree is a Python literal or a bare name (the answer `ABBA` of string_insertion is one)."""
    if isinstance(node, ast.Name):
        return True
    try:
        ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        return False
    return True


def _expression(node: ast.expr, *, names: bool) -> bool:
    """Whether a tree is numbers, operators and, with `names`, one-letter names and known functions; nothing else."""
    if isinstance(node, ast.Constant):
        return type(node.value) in (int, float)
    if isinstance(node, ast.UnaryOp):
        return isinstance(node.op, _OPERATORS) and _expression(node.operand, names=names)
    if isinstance(node, ast.BinOp):
        return (
            isinstance(node.op, _OPERATORS)
            and _expression(node.left, names=names)
            and _expression(node.right, names=names)
        )
    if isinstance(node, ast.Name):
        return names and (len(node.id) == 1 or node.id in _FUNCTIONS)
    if isinstance(node, ast.Call):
        function = isinstance(node.func, ast.Name) and node.func.id in _FUNCTIONS
        return names and function and not node.keywords and all(_expression(a, names=names) for a in node.args)
    return False
