"""Training examples as tokens: read from the parquet parts, rendered with the chat template, cut to the cutoff,
counted.

What belongs here: everything between a training set's rows and the ids that the model sees. Rows stream through in
batches and the ids are written to one memory-mapped Arrow file in the work folder, so a million examples need no more
memory than a thousand. Contract: `labels` are the ids of the completion and -100 on the prompt: the loss is on the
answer alone. Nothing is cut silently: how many examples were truncated or dropped stands in `Tokenised`.

How it fails: `UserError` for a part without the columns, rows that are not chats, a template that does not fit, and
no example left.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from resources.chat import ChatTokenizer, ChatTokens
from resources.errors import UserError

_ROWS = 1000
_NOT_LEARNT = -100
COLUMNS = ("prompt", "completion")


@dataclass(frozen=True)
class Tokenised:
    """The ids on disk, and what was counted on the way. Tokens are of the examples that stay."""

    path: Path
    examples: int
    truncated: int
    dropped: int
    tokens: int
    completion_tokens: int
    longest: int


def tokenise(
    parts: tuple[Path, ...],
    tokenizer: ChatTokenizer,
    to: Path,
    *,
    cutoff: int,
    too_long: Literal["truncate", "drop"],
) -> Tokenised:
    """Writes the examples of all parts, in order, as the Arrow file `to` with the columns input_ids, labels and length.

    An example over `cutoff` tokens is dropped or loses its end; one whose prompt leaves no room for an answer is
    dropped.
    """
    import pyarrow as pa

    ids = pa.list_(pa.int32())
    schema = pa.schema([("input_ids", ids), ("labels", ids), ("length", pa.int32())])
    rows = truncated = total = completion = longest = seen = 0
    with pa.OSFile(str(to), "wb") as sink, pa.ipc.new_stream(sink, schema) as writer:
        for batch in _batches(parts):
            examples = tokenizer.examples(batch["prompt"], batch["completion"])
            kept = [cut for cut in (_cut(example, cutoff, too_long) for example in examples) if cut is not None]
            writer.write_batch(pa.record_batch(_columns(kept), schema=schema))
            seen, rows = seen + len(examples), rows + len(kept)
            truncated += sum(len(example) > cutoff for example in examples) if too_long == "truncate" else 0
            total += sum(map(len, kept))
            completion += sum(len(example.completion) for example in kept)
            longest = max([longest, *map(len, kept)])
    if not rows:
        raise UserError(
            f"no example is left to train on: {seen} rows, all longer than the cutoff of {cutoff} tokens"
            if seen
            else "no example to train on: the training set is empty",
            fix="raise student.max_tokens in the recipe"
            if seen
            else "see the ledger of training_set for what was dropped",
        )
    dropped = seen - rows
    truncated -= dropped if too_long == "truncate" else 0
    return Tokenised(to, rows, truncated, dropped, total, completion, longest)


def save_counts(tokenised: Tokenised, path: Path) -> None:
    """Writes the counts, for the other processes of a run."""
    path.write_text(json.dumps({**asdict(tokenised), "path": str(tokenised.path)}), encoding="utf-8")


def load_counts(path: Path) -> Tokenised:
    """The counts that `save_counts` wrote."""
    said = json.loads(path.read_text(encoding="utf-8"))
    return Tokenised(**{**said, "path": Path(said["path"])})


def _cut(example: ChatTokens, cutoff: int, too_long: str) -> ChatTokens | None:
    if len(example) <= cutoff:
        return example
    room = cutoff - len(example.prompt)
    if too_long == "drop" or room <= 0:
        return None
    return ChatTokens(example.prompt, example.completion[:room])


def _columns(examples: list[ChatTokens]) -> dict[str, list[Any]]:
    return {
        "input_ids": [[*example.prompt, *example.completion] for example in examples],
        "labels": [[_NOT_LEARNT] * len(example.prompt) + list(example.completion) for example in examples],
        "length": [len(example) for example in examples],
    }


def _batches(parts: tuple[Path, ...]) -> Iterator[dict[str, list[Any]]]:
    import pyarrow.parquet as pq

    for path in parts:
        try:
            part = pq.ParquetFile(path)
        except (OSError, ValueError) as error:
            raise UserError(f"{path}: not a parquet file: {error}", fix="make the training set again") from error
        with part:
            missing = [name for name in COLUMNS if name not in part.schema_arrow.names]
            if missing:
                raise UserError(
                    f"{path}: no column {' and no column '.join(missing)}; it has {', '.join(part.schema_arrow.names)}",
                    fix="hand over a training set: prompt and completion, each a list of {role, content}",
                )
            for number, batch in enumerate(part.iter_batches(batch_size=_ROWS, columns=list(COLUMNS))):
                rows = {name: batch.column(name).to_pylist() for name in COLUMNS}
                _check(path, number * _ROWS, rows)
                yield rows


def _check(path: Path, first: int, rows: dict[str, list[Any]]) -> None:
    for name in COLUMNS:
        for offset, turns in enumerate(rows[name]):
            if not turns or not all(
                isinstance(turn, dict) and turn.get("role") and turn.get("content") for turn in turns
            ):
                raise UserError(
                    f"{path}, row {first + offset}: {name} is {str(turns)[:80]}, not a list of turns with role and content",
                    fix="hand over a training set in TRL's conversational prompt-completion form",
                )
