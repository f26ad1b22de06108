"""How commands print: rich to a terminal, plain lines to a file, JSON to a program."""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console

console = Console(highlight=False)
errors = Console(stderr=True, highlight=False)


def print_json(value: Any) -> None:
    """One JSON document on standard output, and nothing else."""
    console.file.write(json.dumps(value, indent=2, ensure_ascii=False, default=str) + "\n")


def own_console() -> Console:
    """A console on a copy of standard output: what it says reaches the terminal while a step's own output goes to a file."""
    try:
        copy = os.dup(sys.stdout.fileno())
    except (OSError, ValueError):
        return console
    return Console(file=os.fdopen(copy, "w", buffering=1, encoding=sys.stdout.encoding), highlight=False)


class _Telling(logging.Handler):
    def __init__(self, tell: Callable[[str], None]) -> None:
        super().__init__(logging.WARNING)
        self._tell = tell

    def emit(self, record: logging.LogRecord) -> None:
        self._tell(record.getMessage())


@contextmanager
def warnings_to(tell: Callable[[str], None]) -> Iterator[None]:
    """Sends what the stores warn of inside the block to `tell`, instead of to standard error."""
    log, handler = logging.getLogger("resources"), _Telling(tell)
    before, log.propagate = log.propagate, False
    log.addHandler(handler)
    try:
        yield
    finally:
        log.removeHandler(handler)
        log.propagate = before
