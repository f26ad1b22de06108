"""A lineage tree as text for a terminal, as JSON for programs, and as a Mermaid flowchart for documents.

Belongs here: renderings that need no page; `page.py` draws the HTML one. Pure: a tree in, a string out. Sub-trees
that are reached again are referred to, not printed twice. JSON alone repeats them, because it nests, until that would
grow beyond `JSON_NODES`.
"""

from __future__ import annotations

import io
import json
from typing import Any

from rich.console import Console
from rich.text import Text
from rich.tree import Tree

from ot_assets.lineage import words
from ot_assets.lineage.tree import Node, fold

JSON_NODES = 20_000
"""Above this many nested nodes a sub-tree stands in the JSON once; where it is met again, `inputs` is empty and
`repeated` is true.
"""


def as_rich(node: Node, *, depth: int | None = None, limit: int | None = None) -> Tree:
    """A tree for a rich console. `depth` levels below the root and `limit` artifacts at most are shown; what is left
    out is said.
    """
    drawing = _Drawing(node, depth, limit)
    tree = Tree(_label(node), guide_style="dim")
    drawing.grow(tree, node)
    return tree


def as_text(node: Node, *, width: int = 160, depth: int | None = None, limit: int | None = None) -> str:
    """The same without colours, lines at most `width` wide."""
    console = Console(file=io.StringIO(), width=width, color_system=None, force_terminal=False, legacy_windows=False)
    with console.capture() as capture:
        console.print(as_rich(node, depth=depth, limit=limit))
    return "\n".join(line.rstrip() for line in capture.get().splitlines()) + "\n"


class _Drawing:
    """What was drawn so far: how deep each node was first met, and how many are still allowed."""

    def __init__(self, root: Node, depth: int | None, limit: int | None) -> None:
        self.depth = depth
        self.left = limit if limit is not None else 1 << 62
        self.met: dict[int, int] = {}
        self.height = fold(root, lambda _, below: 1 + max(below, default=-1)) if depth is not None else {}

    def grow(self, root: Tree, node: Node) -> None:
        """Adds what is below `node` to its branch. With a loop: a deep tree must not run out of stack."""
        todo: list[tuple[Tree, Node, int]] = [(root, node, 0)]
        while todo:
            branch, current, level = todo.pop()
            self.met[id(current)] = level
            todo.extend(reversed(self._children(branch, current, level)))

    def _children(self, branch: Tree, node: Node, level: int) -> list[tuple[Tree, Node, int]]:
        if self.depth is not None and level >= self.depth and node.inputs:
            branch.add(Text(f"… {len(node.inputs)} inputs, deeper than shown", style="dim"))
            return []
        grown = []
        for position, child in enumerate(node.inputs):
            if self.left <= 0:
                branch.add(Text(f"… {len(node.inputs) - position} more inputs", style="dim"))
                break
            self.left -= 1
            if self._known(child, level + 1):
                branch.add(_again(child))
            else:
                self.met[id(child)] = level + 1
                grown.append((branch.add(_label(child)), child, level + 1))
        return grown

    def _known(self, node: Node, level: int) -> bool:
        """Met before, and not cut shorter there than it would be here."""
        met = self.met.get(id(node))
        if met is None or self.depth is None:
            return met is not None
        return met <= level or met + self.height[id(node)] <= self.depth


def _name(node: Node) -> Text:
    text = Text(words.clean(node.asset), style="bold red" if node.reason else "bold")
    if words.partition(node):
        text.append(f"  {words.partition(node)}", style="cyan")
    return text.append(f"  {words.short(node.artifact)}", style="magenta")


def _again(node: Node) -> Text:
    return _name(node).append("  ↑ shown in full elsewhere" if node.inputs else "  ↑", style="dim")


def _label(node: Node) -> Text:
    text = _name(node)
    if node.reason:
        text.append(f"\n✗ {words.clean(node.reason)}", style="red")
    facts = [words.rows(node)]
    if node.dropped:
        facts.append(f"dropped: {words.drops(node.dropped)}")
    if node.content_hash:
        facts.append(f"content {words.short(node.content_hash)}")
    if node.spec_hash:
        facts += [f"spec {words.short(node.spec_hash)}", f"commit {words.commit(node)}"]
    if node.licences:
        facts.append(f"licences: {words.listed(node.licences)}")
    line = " · ".join(fact for fact in facts if fact)
    return text.append(f"\n{line}", style="dim") if line else text


def as_dict(node: Node) -> dict[str, Any]:
    """The tree as plain, nested JSON values. A node that something is wrong with has a `reason` beside the usual
    keys.
    """
    order = list(node.walk())
    # Written out, the tree doubles with each diamond: it is counted, never built, before that is decided.
    repeat = fold(node, lambda _, below: 1 + sum(below))[id(node)] <= JSON_NODES
    done: dict[int, dict[str, Any]] = {}
    for current in order:
        done[id(current)] = _own(current)
    placed: set[int] = {id(node)}
    for current in order:
        for child in current.inputs:
            again = not repeat and id(child) in placed and bool(child.inputs)
            placed.add(id(child))
            done[id(current)]["inputs"].append({**_own(child), "repeated": True} if again else done[id(child)])
    return done[id(node)]


def _own(node: Node) -> dict[str, Any]:
    row: dict[str, Any] = {
        "asset": node.asset,
        "partition": node.partition.as_dict(),
        "artifact": node.artifact,
        "content_hash": node.content_hash,
        "spec_hash": node.spec_hash,
        "commit": node.commit,
        "rows_in": node.rows_in,
        "rows_out": node.rows_out,
        "dropped": dict(node.dropped),
        "licences": list(node.licences),
        "inputs": [],
    }
    return row | ({"reason": node.reason} if node.reason else {})


def as_json(node: Node, *, indent: int | None = 2) -> str:
    """`as_dict` as text."""
    return json.dumps(as_dict(node), indent=indent, ensure_ascii=False)


def as_mermaid(node: Node) -> str:
    """A Mermaid flowchart in the direction that data flows, each artifact once."""
    order = list(node.walk())
    names = {id(n): f"n{i}" for i, n in enumerate(order)}
    lines = ["flowchart LR"]
    lines += [f'    {names[id(n)]}["{_mermaid_label(n)}"]' for n in order]
    lines += [f"    {names[id(child)]} --> {names[id(n)]}" for n in order for child in n.inputs]
    broken = [names[id(n)] for n in order if n.reason]
    if broken:
        lines += ["    classDef broken stroke:#b00020,stroke-dasharray:4 3", f"    class {','.join(broken)} broken"]
    return "\n".join(lines) + "\n"


def _mermaid_label(node: Node) -> str:
    parts = [node.asset, words.partition(node), words.rows(node), words.drops(node.dropped), words.short(node.artifact)]
    parts.append(node.reason)
    return "<br/>".join(mermaid_escape(part) for part in parts if part)


def mermaid_escape(text: str) -> str:
    """Text inside a quoted Mermaid label: everything that Mermaid, its Markdown or HTML reads is written as an
    entity.
    """
    return "".join(c if c.isalnum() or c in " |.,-_→…/?:+" else f"#{ord(c)};" for c in words.clean(text))
