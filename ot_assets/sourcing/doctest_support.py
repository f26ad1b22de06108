"""What of a package its documented examples need: the smallest modules that hold it, as text, without the function asked for.

A package that a tested program could import whole would hand it the answer. So an examples' row carries only those
functions, classes, constants and imports of the package that its examples and its own solution use, and what these use
in turn, each in a module of its own name; the function that the question asks for is never among them. Read as text:
nothing is imported or run. What cannot be found is left out; the solution then fails its own examples, and its
question is judged `unverifiable`.
"""

from __future__ import annotations

import ast
import builtins
import copy
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

_BUILTIN = frozenset(dir(builtins))
_DEEPEST = 20


@dataclass
class _Source:
    """A module of the package, and which of its top-level statements are needed."""

    tree: ast.Module
    package: bool
    needed: set[int] = field(default_factory=set)
    """Places of those statements in the module."""
    names: set[str] = field(default_factory=set)
    """Imported names that are needed."""
    stars: set[str] = field(default_factory=set)
    """Modules of the package from which names come by `*`, with the name: `module:name`."""


class Package:
    """The modules of a package as text; one for all questions of a member."""

    def __init__(self, texts: Callable[[str], tuple[str, bool] | None]) -> None:
        """`texts` gives a module's source by its dotted name, and whether it is a package's own; None where there is none."""
        self._texts = texts
        self._trees: dict[str, tuple[ast.Module, bool] | None] = {}

    def support(self, module: str, function: str, sources: Iterable[str]) -> dict[str, str]:
        """Module name -> source for what `sources` (examples, a solution) need of the package, `function` of `module` left out.

        `module` is always there, as the examples' own; modules come in an order in which they can be run.
        """
        walk = _Walk(self, module.partition(".")[0], function)
        for source in sources:
            walk.script(source, module)
        return walk.texts(module)

    def source(self, name: str) -> _Source | None:
        """A fresh reading of a module; None where there is none that is Python."""
        if name not in self._trees:
            found = self._texts(name)
            try:
                self._trees[name] = (ast.parse(found[0]), found[1]) if found else None
            except (SyntaxError, ValueError):
                self._trees[name] = None
        known = self._trees[name]
        return _Source(*known) if known else None


class _Walk:
    """One search for what is needed."""

    def __init__(self, package: Package, root: str, function: str) -> None:
        self._package = package
        self._root = root
        self._function = function
        self._sources: dict[str, _Source | None] = {}
        self._done: set[tuple[str, str]] = set()
        self._order: list[str] = []

    def script(self, source: str, module: str) -> None:
        """What a script uses of the package: by import, and by names of `module`, in which examples are run."""
        try:
            tree = ast.parse(source)
        except (SyntaxError, ValueError):
            return
        imported = self._imports(tree.body)
        bound = imported | {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and not _loads(node)}
        for name in sorted(_used(tree) - bound - _BUILTIN):
            self.name(module, name)

    def name(self, module: str, name: str, depth: int = 0) -> None:
        """Takes what a module calls by a name, and all that this needs."""
        source = self._source(module)
        if name == self._function or (module, name) in self._done or source is None or depth > _DEEPEST:
            return
        self._done.add((module, name))
        for place, node in enumerate(source.tree.body):
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                self._imported(module, source, node, name, depth)
            elif name in defined_names(node):
                source.needed.add(place)
                for used in sorted(_used(node) - _BUILTIN - {name}):
                    self.name(module, used, depth + 1)
        if module not in self._order:
            self._order.append(module)

    def texts(self, module: str) -> dict[str, str]:
        """The modules, with what they need, each after those that it imports from."""
        texts: dict[str, str] = {}
        begun: set[str] = set()

        def take(name: str) -> None:
            source = self._source(name)
            if name in begun or source is None:
                return
            begun.add(name)
            text = _text(source, name)
            for node in ast.parse(text).body:
                if isinstance(node, ast.ImportFrom) and self._inside(node.module or ""):
                    take(node.module or "")
            texts[name] = text

        for name in (*self._order, module, self._root):
            take(name)
        return texts

    def _imported(self, module: str, source: _Source, node: ast.Import | ast.ImportFrom, name: str, depth: int) -> None:
        """Takes a name that an import statement of a module brings."""
        if isinstance(node, ast.Import):
            if any((alias.asname or alias.name.partition(".")[0]) == name for alias in node.names):
                source.names.add(name)
            return
        origin = _absolute(node, module, source.package)
        for alias in node.names:
            if alias.name == "*" and self._inside(origin) and self._defined(origin, name):
                source.stars.add(f"{origin}:{name}")
                self.name(origin, name, depth + 1)
            elif (alias.asname or alias.name) == name:
                source.names.add(name)
                if self._inside(origin):
                    self.name(origin, alias.name, depth + 1)

    def _imports(self, body: Iterable[ast.stmt]) -> set[str]:
        """Takes all that a script imports of the package; the names that its imports bind."""
        bound: set[str] = set()
        for node in body:
            if isinstance(node, ast.Import):
                bound |= {alias.asname or alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                bound |= {alias.asname or alias.name for alias in node.names}
                if self._inside(node.module or ""):
                    for alias in node.names:
                        self.name(node.module or "", alias.name)
        return bound

    def _defined(self, module: str, name: str) -> bool:
        source = self._source(module)
        return source is not None and any(name in defined_names(node) for node in source.tree.body)

    def _inside(self, module: str) -> bool:
        return module.partition(".")[0] == self._root

    def _source(self, module: str) -> _Source | None:
        if module not in self._sources:
            self._sources[module] = self._package.source(module) if self._inside(module) else None
        return self._sources[module]


def _text(source: _Source, name: str) -> str:
    """A module with what is needed of it."""
    lines = []
    for place, node in enumerate(source.tree.body):
        if isinstance(node, ast.Import):
            wanted = [a for a in node.names if (a.asname or a.name.partition(".")[0]) in source.names]
            lines += [ast.unparse(ast.Import(wanted))] if wanted else []
        elif isinstance(node, ast.ImportFrom):
            wanted = [a for a in node.names if (a.asname or a.name) in source.names]
            origin = _absolute(node, name, source.package)
            lines += [ast.unparse(ast.ImportFrom(origin, wanted, 0))] if wanted else []
        elif place in source.needed:
            lines.append(_bare(node))
    stars = [f"from {star.partition(':')[0]} import {star.partition(':')[2]}" for star in sorted(source.stars)]
    return "\n".join([*stars, *lines]) + "\n"


def _bare(node: ast.stmt) -> str:
    """A statement without the documentation in it."""
    bare: ast.AST = _Undocumented().visit(copy.deepcopy(node))
    return ast.unparse(bare)


class _Undocumented(ast.NodeTransformer):
    """Leaves documentation out: it may show how the function asked for is written."""

    def generic_visit(self, node: ast.AST) -> ast.AST:
        """Visits what is inside, then drops a docstring."""
        super().generic_visit(node)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)) and ast.get_docstring(
            node, clean=False
        ):
            node.body = node.body[1:] or [ast.Pass()]
        return node


def defined_names(node: ast.AST) -> set[str]:
    """Names that a top-level statement gives a value, in its branches too."""
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return {node.name}
    if isinstance(node, ast.Name):
        return set() if _loads(node) else {node.id}
    if isinstance(node, (ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)):
        return set()
    inner = {name for child in ast.iter_child_nodes(node) for name in defined_names(child)}
    imports = node.names if isinstance(node, (ast.Import, ast.ImportFrom)) else []
    return inner | {alias.asname or alias.name for alias in imports}


def _used(tree: ast.AST) -> set[str]:
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and _loads(node)}


def _loads(node: ast.Name) -> bool:
    return isinstance(node.ctx, ast.Load)


def _absolute(node: ast.ImportFrom, module: str, package: bool) -> str:
    """The absolute name of the module that an import takes from."""
    if not node.level:
        return node.module or ""
    parts = module.split(".")
    above = parts[: len(parts) - node.level + package]
    return ".".join([*above, *([node.module] if node.module else [])])
