"""Specs and wheels for the tests of sourcing."""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import polars as pl

from ot_assets.registry.specs.source import SourceSpec
from ot_assets.sourcing.read import read_source
from ot_assets.sourcing.rows import SourcedBatch, SourcingContext
from schemas.base import violations
from schemas.ledger import Ledger
from schemas.questions import Questions

CHOICE: dict[str, Any] = {
    "columns": {"question": "question", "gold": "answer", "options": "options"},
    "verifier": "choice",
}
MATH: dict[str, Any] = {"columns": {"question": "question", "gold": "answer"}, "verifier": "math"}


def spec(origin: Mapping[str, Any], **fields: Any) -> SourceSpec:
    """A source with an origin; any other field can be given."""
    described = {"key": "tiny", "description": "For a test.", "domain": "math", "licence": "MIT"}
    data = {**described, "columns": {"question": "question"}, "origin": origin, **fields}
    return SourceSpec.model_validate_json(json.dumps(data))


def files_spec(*paths: str, **fields: Any) -> SourceSpec:
    """A source of files."""
    return spec({"kind": "files", "paths": list(paths)}, **fields)


def write_jsonl(path: Path, rows: Iterable[Any]) -> Path:
    """One line a row; a text or bytes is written as it is."""
    with path.open("wb") as stream:
        for row in rows:
            line = row if isinstance(row, bytes) else row.encode() if isinstance(row, str) else json.dumps(row).encode()
            stream.write(line + b"\n")
    return path


def context(folder: Path, **more: Any) -> SourcingContext:
    """A context that keeps everything in a folder."""
    return SourcingContext(**{"cache": folder / "cache", "base": folder, "workers": 0, **more})


def read_all(source: SourceSpec, surroundings: SourcingContext) -> SourcedBatch:
    """All batches as one; their schemas and their sums are checked on the way."""
    batches = list(read_source(source, surroundings))
    for batch in batches:
        assert not violations(Questions, batch.frame)
        assert not violations(Ledger, batch.rejected)
        assert batch.read == len(batch.frame) + len(batch.rejected)
    notes: dict[str, int] = {}
    for batch in batches:
        for note, count in batch.notes.items():
            notes[note] = notes.get(note, 0) + count
    frame = pl.concat([batch.frame for batch in batches])
    assert frame["question_id"].is_unique().all()
    return SourcedBatch(
        frame,
        pl.concat([batch.rejected for batch in batches]),
        sum(batch.read for batch in batches),
        sum(batch.not_selected for batch in batches),
        notes,
        tuple(example for batch in batches for example in batch.examples),
        batches[-1].facts,
    )


def put_wheel(cache: Path, members: Mapping[str, str | bytes], package: str = "tiny", version: str = "1.0") -> str:
    """Puts a wheel into a cache, where it is found without a connection; its sha256 comes back."""
    folder = cache / f"{package}-{version}"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{package}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return hashlib.sha256(path.read_bytes()).hexdigest()


def rules(batch: SourcedBatch) -> dict[str, str]:
    """Place -> rule of the rejected rows."""
    return dict(zip(batch.rejected["row_id"].to_list(), batch.rejected["rule"].to_list(), strict=True))
