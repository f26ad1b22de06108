"""`ot lineage`: the tree, or one row's path."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ot_assets.commands.output import console, print_json
from ot_assets.graph import KINDS
from ot_assets.lineage.page import as_html
from ot_assets.lineage.render import as_dict, as_mermaid, as_rich
from ot_assets.lineage.report import path_rich
from ot_assets.lineage.rows import example_path
from ot_assets.lineage.tree import lineage
from resources.artifacts import ArtifactStore, Partition
from resources.errors import UserError
from resources.home import Home

_BRIEF_DEPTH = 3


@dataclass(frozen=True)
class Form:
    """How it is shown."""

    brief: bool
    mermaid: bool
    html: Path | None
    as_json: bool


def run(asset: str, keys: Mapping[str, str], artifact: str | None, row: str | None, form: Form) -> None:
    """Shows what an artifact was made from, or where one training row comes from."""
    store = ArtifactStore(Home.from_env().artifacts)
    partition = _partition(asset, keys)
    if row is not None:
        _row(store, asset, partition, artifact, row, form)
        return
    node = lineage(store, asset, partition, artifact)
    if form.html is not None:
        _write(form.html, as_html(node))
    elif form.as_json:
        print_json(as_dict(node))
    elif form.mermaid:
        console.file.write(as_mermaid(node) + "\n")
    else:
        console.print(as_rich(node, depth=_BRIEF_DEPTH if form.brief else None))


def _write(path: Path, page: str) -> None:
    try:
        path.write_text(page, encoding="utf-8")
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error.strerror}", fix="name another file with --html") from error
    console.print(f"written: {path}", markup=False)


def _row(store: ArtifactStore, asset: str, partition: Partition, artifact: str | None, row: str, form: Form) -> None:
    """One row's path; from a student, through the training set that it was really trained on."""
    if asset not in ("training_set", "student_model"):
        raise UserError(
            f"--row follows training rows, not rows of {asset}", fix="use it with training_set or student_model"
        )
    if asset == "student_model":
        node = lineage(store, asset, partition, artifact)
        artifact = next((n.artifact for n in node.inputs if n.asset == "training_set"), None)
    path = example_path(store, partition["recipe"], partition["teacher"], row, artifact_id=artifact)
    if form.as_json:
        print_json(path.as_dict())
    else:
        console.print(path_rich(path))


def _partition(asset: str, keys: Mapping[str, str]) -> Partition:
    """The partition that the options name; a UserError that says which options the asset wants."""
    if asset not in KINDS:
        raise UserError(f"no asset {asset!r}", fix=f"assets: {', '.join(KINDS)}")
    dims = KINDS[asset].dims
    if set(keys) != set(dims):
        wanted = " ".join(f"--{dim} KEY" for dim in dims) or "no partition options"
        raise UserError(f"{asset} wants {wanted}", fix=f"ot lineage {asset} {wanted if dims else ''}".strip())
    return Partition({dim: keys[dim] for dim in dims})
