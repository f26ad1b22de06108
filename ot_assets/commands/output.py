"""How commands print: rich to a terminal, plain lines to a file, JSON to a program."""

from __future__ import annotations

import json
from typing import Any

from rich.console import Console

console = Console(highlight=False)
errors = Console(stderr=True, highlight=False)


def print_json(value: Any) -> None:
    """One JSON document on standard output, and nothing else."""
    console.file.write(json.dumps(value, indent=2, ensure_ascii=False, default=str) + "\n")
