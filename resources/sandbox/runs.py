"""What is handed to the sandbox and what comes out: a program of one of three kinds, its limits, and its run.

Nothing here holds an expected result: those stay outside.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Ended = Literal["exit", "signal", "time", "memory", "output"]
"""How a program ended: by itself, by a signal, or by going over a limit."""


@dataclass(frozen=True)
class SandboxLimits:
    """What one run of a program may cost. Every figure is for the run and whatever processes it starts."""

    seconds: float = 10.0
    """Wall time; processor time is limited to the same, rounded up. A program that a busy machine kept waiting gets up to
    three times the wall time, so that a verdict says something of the program.
    """
    memory_mb: int = 512
    """Memory of all its processes together, and address space of each, in MiB."""
    processes: int = 32
    """Processes and threads at a time."""
    file_mb: int = 16
    """Size of a file that it writes, in MiB."""
    tmp_mb: int = 32
    """Size of its /tmp, in MiB; it counts beside the memory."""
    output_kb: int = 1024
    """What it may write to standard output, to standard error, and as its result, in KiB each."""
    files: int = 64
    """Open files of a process."""


@dataclass(frozen=True)
class Script:
    """A whole program that reads standard input and writes standard output."""

    source: str
    stdin: bytes = b""
    argv: tuple[str, ...] = ()


@dataclass(frozen=True)
class Function:
    """A program that defines a function, and one call of it. Arguments are as `values.encode` gives them."""

    source: str
    entry: str
    """`name`, or `Class.method` of a class that is made without arguments."""
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Doctests:
    """A program that defines a function, and examples that are run in one session, in order."""

    source: str
    function: str
    examples: tuple[str, ...]
    module: str = ""
    """Name of the module that the examples take for their own."""
    support: Mapping[str, str] = field(default_factory=dict)
    """Module name -> source of what examples and program may import beside the standard library, in order."""


Program = Script | Function | Doctests


@dataclass(frozen=True)
class Run:
    """What came of a run. All of it is the word of an untrusted program, but for `ended`, `code` and `seconds`."""

    ended: Ended
    code: int
    """Exit status, or the signal's number."""
    stdout: bytes
    stderr: bytes
    result: bytes
    """JSON lines, see `resources.sandbox.inside.programs`; not to be trusted to be even that."""
    seconds: float

    def lines(self) -> list[dict[str, Any]]:
        """The result's lines that are JSON objects, up to the first that is none."""
        found = []
        for line in self.result.splitlines():
            try:
                said = json.loads(line)
            except (ValueError, RecursionError):
                break
            if not isinstance(said, dict):
                break
            found.append(said)
        return found


def request(program: Program, limits: SandboxLimits, nonce: str) -> dict[str, Any]:
    """The message that asks for a run."""
    said: dict[str, Any] = {"nonce": nonce, "limits": asdict(limits)}
    if isinstance(program, Script):
        said["program"] = {"kind": "script", "source": program.source, "argv": list(program.argv)}
        said["stdin"] = base64.b64encode(program.stdin).decode()
    elif isinstance(program, Function):
        said["program"] = {"kind": "function", **_plain(program, "source", "entry", "args", "kwargs")}
    else:
        said["program"] = {
            "kind": "doctests",
            **_plain(program, "source", "function", "examples", "module", "support"),
        }
    return said


def read_run(answer: Mapping[str, Any]) -> Run:
    """The run that an answer tells of."""
    out, err, result = (base64.b64decode(answer[name]) for name in ("stdout", "stderr", "result"))
    return Run(answer["ended"], int(answer["code"]), out, err, result, float(answer["seconds"]))


def _plain(program: Program, *names: str) -> dict[str, Any]:
    return {name: getattr(program, name) for name in names}
