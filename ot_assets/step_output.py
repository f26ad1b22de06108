"""Where standard output and errors of a running step go: into its file in Dagster's storage, and nowhere else.

Dagster's own manager also mirrors both to the terminal, by two helper processes a stream. There they would bury what
`ot run` says, cost time for each partition, and die with tracebacks at Ctrl-C. `dagster.yaml` names this class; the UI shows
the files as it always does.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dagster import Field, Float, StringSource
from dagster._core.execution.compute_logs import redirect_to_file
from dagster._core.storage.compute_log_manager import CapturedLogContext
from dagster._core.storage.local_compute_log_manager import LocalComputeLogManager
from dagster._serdes import ConfigurableClassData


class StepOutput(LocalComputeLogManager):
    """Dagster's local manager without the mirrors. `base_dir` is by default `$DAGSTER_HOME/storage`."""

    @classmethod
    def config_type(cls) -> dict[str, Any]:
        """The parent's settings, none of them required."""
        optional = {"base_dir": StringSource, "polling_timeout": Float}
        return {name: Field(kind, is_required=False) for name, kind in optional.items()}

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]) -> StepOutput:
        """Made by the instance from `dagster.yaml`."""
        base = config_value.get("base_dir") or str(Path(os.environ["DAGSTER_HOME"]) / "storage")
        return cls(**{**config_value, "base_dir": base}, inst_data=inst_data)

    @contextmanager
    def capture_logs(self, log_key: Sequence[str]) -> Generator[CapturedLogContext, None, None]:
        """Redirects both streams for the length of the block."""
        out, err = (self._file(log_key, kind) for kind in ("out", "err"))
        with redirect_to_file(sys.stdout, str(out)), redirect_to_file(sys.stderr, str(err)):
            yield CapturedLogContext(log_key)
        self._file(log_key, "complete").touch()

    def _file(self, log_key: Sequence[str], kind: str) -> Path:
        path = Path(self.get_captured_local_path(log_key, kind))
        path.parent.mkdir(parents=True, exist_ok=True)
        return path
