"""What the lines of a batch's result files mean.

What belongs here: reading the files, the index of replies, and the meaning of one line. Contract: a line is what a call
would have brought (`http_reply.judge`), or `Expired`/`Cancelled` where the endpoint never asked the model. `Damaged`
names a line that is no result: a file that came damaged must not be mistaken for requests without an answer, which would
be paid for again.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from resources.generation.batch_jobs import Job
from resources.generation.http_reply import Answer, Asked, TryAgain, judge
from resources.generation.reply import Failure, Reply


class Damaged(ValueError):
    """A result file holds a line that is no result."""


@dataclass(frozen=True, slots=True)
class NotAsked:
    """The endpoint never put the request to the model: the time ran out, or somebody cancelled the batch."""

    reason: str
    cancelled: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a result file: the request's key, what was said, and where the line begins, in bytes."""

    key: str
    said: dict[str, Any]
    offset: int


def lines(path: Path) -> Iterator[Line]:
    """The lines of a result file; none where there is no file."""
    if not path.is_file():
        return
    with path.open("rb") as file:
        offset = 0
        for number, text in enumerate(file, 1):
            if text.strip():
                yield _line(text, offset, f"{path}, line {number}")
            offset += len(text)


def line_at(path: Path, offset: int) -> Line:
    """The line that begins at a byte."""
    with path.open("rb") as file:
        file.seek(offset)
        return _line(file.readline(), offset, f"{path}, byte {offset}")


def write_index(job: Job) -> int:
    """Notes where each reply of a job lies, so that later runs read nothing else; how many there are."""
    count = 0
    with job.index.open("w") as index:
        for line in lines(job.output):
            response = line.said.get("response") or {}
            if response.get("status_code") == 200 and not line.said.get("error"):
                index.write(f"{line.key} {line.offset}\n")
                count += 1
    for _ in lines(job.errors):
        pass
    return count


def read_index(job: Job) -> dict[str, int]:
    """Key and byte of each reply of a fetched job."""
    pairs = (line.split() for line in job.index.read_text().splitlines())
    return {key: int(offset) for key, offset in pairs}


def meaning(line: Line, asked: Asked) -> Reply | Failure | TryAgain | NotAsked:
    """What a line says of its request. UserError where it says what every request would meet (no credit)."""
    error, response = line.said.get("error"), line.said.get("response")
    if error or not isinstance(response, dict):
        return _error(error if isinstance(error, dict) else {"message": str(error)})
    body = response.get("body")
    content = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")
    answer = Answer(int(response.get("status_code") or 0), {}, content, 0.0)
    result = judge(answer, asked)
    # How long the endpoint took over it is not known; hours of waiting would mean nothing.
    return replace(result, seconds=None, cost=asked.model.cost(result)) if isinstance(result, Reply) else result


def _error(error: dict[str, Any]) -> TryAgain | NotAsked | Failure:
    code, said = str(error.get("code")), f"{error.get('code')}: {error.get('message')}"
    if code == "batch_expired":
        return NotAsked(said)
    if code == "batch_cancelled":
        return NotAsked(said, cancelled=True)
    if "invalid" in code:
        return Failure(said, "bad_request", retryable=False)
    return TryAgain(said, "rate_limited" if "rate_limit" in code else "server")


def _line(text: bytes, offset: int, place: str) -> Line:
    try:
        said = json.loads(text)
        return Line(str(said["custom_id"]), said, offset)
    except (ValueError, KeyError, TypeError):
        raise Damaged(f"{place} is no result: {text[:120]!r}") from None
