"""Reads what a training says over Dagster Pipes, and passes its lines on to who watches the run live as well.

Part of the trainer, for runs under Dagster: imports it. Contract: every message goes to Dagster as it came; a line of
the log goes to `tell` too, in the context of the thread that made this reader.
"""

from __future__ import annotations

import contextvars
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import dagster as dg


class TellingReader(dg.PipesTempFileMessageReader):
    """Pipes' own reader by a temporary file, with `tell(line)` called for each line of the log."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        super().__init__()
        self._tell = tell
        self._here = contextvars.copy_context()  # messages are read in a thread of their own

    @contextmanager
    def read_messages(self, handler: Any) -> Iterator[Any]:
        """Reads while the block runs."""
        received = handler.handle_message

        def handle(message: Any) -> None:
            received(message)
            if message["method"] == "log":
                self._here.run(self._tell, message["params"]["message"])

        handler.handle_message = handle
        with super().read_messages(handler) as params:
            yield params
