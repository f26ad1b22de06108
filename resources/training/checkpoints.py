"""Which checkpoints of a work folder are whole, and belong to the run that asks.

What belongs here: the marks that make a checkpoint usable. A checkpoint counts only with its mark, which is written
after all of its files; so a process that is killed while writing leaves one that is not gone on from. Checkpoints of
another config, base or data set are removed, never mixed in. Pure: no torch.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

_PREFIX = "checkpoint-"
_MARK = "whole.json"
_OWNER = "identity"


@dataclass(frozen=True)
class Checkpoints:
    """The checkpoints of one run in its work folder."""

    work: Path

    def claim(self, identity: str, log: Callable[[str], None]) -> None:
        """Makes the folder this run's; what another config left in it is removed, and so are half-written checkpoints."""
        self.work.mkdir(parents=True, exist_ok=True)
        owner = self.work / _OWNER
        same = owner.is_file() and owner.read_text(encoding="utf-8") == identity
        if not same and self._all():
            log("the checkpoints here are of another config, base or data set: starting afresh")
        for step, folder in self._all().items():
            if not same or self._step_of(folder) != step:
                shutil.rmtree(folder)
        owner.write_text(identity, encoding="utf-8")

    def latest(self) -> tuple[int, Path] | None:
        """Step and folder of the newest whole checkpoint."""
        whole = {step: folder for step, folder in self._all().items() if self._step_of(folder) == step}
        return max(whole.items()) if whole else None

    def finish(self, step: int) -> None:
        """Marks the checkpoint of a step as whole, then removes the older ones."""
        folder = self.work / f"{_PREFIX}{step}"
        temporary = folder / f".{_MARK}.tmp"
        temporary.write_text(json.dumps({"step": step}), encoding="utf-8")
        temporary.replace(folder / _MARK)
        for other, old in self._all().items():
            if other < step:
                shutil.rmtree(old, ignore_errors=True)

    def discard(self) -> None:
        """Removes all of them: the student is published."""
        for folder in self._all().values():
            shutil.rmtree(folder, ignore_errors=True)

    def _all(self) -> dict[int, Path]:
        found = (path for path in self.work.glob(f"{_PREFIX}*") if path.is_dir())
        return {int(path.name[len(_PREFIX) :]): path for path in found if path.name[len(_PREFIX) :].isdigit()}

    @staticmethod
    def _step_of(folder: Path) -> int | None:
        try:
            return int(json.loads((folder / _MARK).read_text(encoding="utf-8"))["step"])
        except (OSError, ValueError, KeyError, TypeError):
            return None
