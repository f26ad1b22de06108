"""The server in the sandbox: started once, warm, and forks a guarded process for every test.

It is process 1 of the sandbox, and every tested program lives in a process namespace below, from where it can neither
see nor signal it. It never runs a line of a tested program. Between two requests nothing of the first is left but the
server's own memory, from which the next program's is forked. It ends when its input ends, and with it, by the kernel,
everything in the sandbox; the outside then starts a new one.

Requests come on descriptor 0 and answers leave on 1; the first answer, `{"ready": true}`, comes without a request.
"""

from __future__ import annotations

import gc
import os
import signal
from contextlib import suppress
from pathlib import Path

from resources.sandbox.inside import kernel, supervise, wire

WARM = (
    "abc array base64 bisect calendar cmath collections collections.abc contextlib copy csv dataclasses datetime "
    "decimal enum fractions functools graphlib hashlib heapq inspect io itertools json math numbers operator "
    "pathlib pprint queue random re statistics string struct textwrap threading time traceback types typing "
    "unicodedata uuid zlib"
)
"""Modules that are loaded before the first test, so that no test waits for them."""


def main() -> None:
    """Serves until the input ends."""
    control = _own_descriptors()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)  # process 1 without a handler: the kernel lets no one inside signal it
    kernel.hide_from_debuggers()
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")
    _warm()
    wire.send(control[1], wire.pack({"ready": True}))
    own = os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC)
    while True:
        try:
            request = wire.receive(control[0])
        except EOFError:
            return
        wire.send(control[1], wire.pack({"nonce": request["nonce"], **supervise.account(request, own)}))


def _own_descriptors() -> tuple[int, int]:
    """The two ends of the channel, away from where a tested program's own streams will be."""
    control = os.dup(0), os.dup(1)
    nothing = os.open("/dev/null", os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(nothing, 1)
    os.close(nothing)
    return control


def _warm() -> None:
    for name in WARM.split():
        with suppress(ImportError):
            __import__(name)
    gc.collect()
    gc.freeze()  # what is here now is never looked at again, and so stays shared with the forks
