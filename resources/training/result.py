"""What a training run leaves behind: `result.json` for programs, and the names of its files.

What belongs here: `TrainingResult` and reading and writing it. A result is written last, so its being there means
that the student is whole. Pure.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

LOG = "training_log.jsonl"
RESULT = "result.json"
FAILURE = "failure.json"
CONFIG = "config.json"


@dataclass(frozen=True)
class TrainingResult:
    """One finished run. Counts are of examples, `seconds` of training over all runs that it took."""

    folder: Path
    log: Path
    steps: int
    final_loss: float
    first_loss: float
    examples: int
    truncated: int
    dropped: int
    tokens: int
    completion_tokens: int
    seconds: float
    tokens_per_second: float
    resumed_from: int | None
    peak_memory_bytes: int
    device: str

    def write(self, work: Path) -> None:
        """Writes `result.json` into the work folder."""
        said = {**asdict(self), "folder": str(self.folder), "log": str(self.log)}
        temporary = work / f".{RESULT}.tmp"
        temporary.write_text(json.dumps(said, indent=2) + "\n", encoding="utf-8")
        temporary.replace(work / RESULT)

    @classmethod
    def read(cls, work: Path) -> TrainingResult:
        """The result that a finished run wrote. Raises `FileNotFoundError` when none did."""
        said = json.loads((work / RESULT).read_text(encoding="utf-8"))
        return cls(**{**said, "folder": Path(said["folder"]), "log": Path(said["log"])})


@dataclass(frozen=True)
class TrainingFailure:
    """Why a run stopped: what the user is told, and what to do."""

    what: str
    fix: str

    def write(self, work: Path) -> None:
        """Writes `failure.json` into the work folder."""
        (work / FAILURE).write_text(json.dumps(asdict(self)), encoding="utf-8")

    @classmethod
    def read(cls, work: Path) -> TrainingFailure | None:
        """What a run said before it stopped, or None."""
        try:
            return cls(**json.loads((work / FAILURE).read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None
