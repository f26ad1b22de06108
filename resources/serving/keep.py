"""Keeps a server up for many runs, until it is told to stop: what `ot serve` does.

Contract: while `keep_up` runs, the server's record is in OT_HOME and runs whose plan is equal use it; when it ends, by
Ctrl-C, SIGTERM or an error, server and record are gone. A server that dies is started again as often as the plan says,
if it says so, and its record stays meanwhile: runs wait for it. One server a plan: a second `ot serve` is refused.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterator

from resources.artifacts.locks import try_hold
from resources.errors import UserError
from resources.home import Home
from resources.serving.command import ServePlan
from resources.serving.record import ServeRecord, all_records, find, remove, write
from resources.serving.server import Server

_LOOK = 0.3
_STOP_SECONDS = 90.0


def keep_up(plan: ServePlan, home: Home, ready: Callable[[ServeRecord], None], tell: Callable[[str], None]) -> None:
    """Serves until Ctrl-C or SIGTERM. `ready` is called when it answers, again after each restart."""
    with try_hold(home.serving / f"{plan.hash}.lock", plan.key) as mine, _terminate_as_ctrl_c():
        if not mine:
            other = find(home, plan)
            who = f"pid {other[0].pid} at {other[0].url}" if other else "a process that is starting it"
            raise UserError(f"model {plan.key} is served already by {who}", fix=f"end it: ot serve --stop {plan.key}")
        try:
            _serve(plan, home, ready, tell)
        except KeyboardInterrupt:
            tell(f"{plan.key}: stopped")
        finally:
            remove(home, plan.hash)


def stop(home: Home, key: str | None = None) -> list[ServeRecord]:
    """Ends what is kept up (only the model `key`, if given) and waits until it is gone; what was ended."""
    records = [record for record in all_records(home) if key is None or record.key == key]
    for record in records:
        with contextlib.suppress(ProcessLookupError):
            os.kill(record.pid, signal.SIGTERM)
    until = time.monotonic() + _STOP_SECONDS
    while any(record.alive() for record in records) and time.monotonic() < until:
        time.sleep(0.05)
    left = [f"{record.key} (pid {record.pid})" for record in records if record.alive()]
    if left:
        raise UserError(f"still there after {_STOP_SECONDS:g} s: {', '.join(left)}", fix="kill -9 ends them surely")
    return records


def _serve(plan: ServePlan, home: Home, ready: Callable[[ServeRecord], None], tell: Callable[[str], None]) -> None:
    for died in range(plan.options.restarts + 1):
        server = Server.start(plan, home=home)
        try:
            ready(write(home, server))
            while server.alive():
                time.sleep(_LOOK)
            what, fix = server.why_dead()
        finally:
            server.stop()
        if plan.options.on_death == "fail" or died == plan.options.restarts:
            raise UserError(f"model {plan.key}: its server died: {what}", fix=fix)
        tell(f"{plan.key}: its server died and is started again: {what.partition(';')[0]}")


@contextlib.contextmanager
def _terminate_as_ctrl_c() -> Iterator[None]:
    """`ot serve --stop` and service managers send SIGTERM; a closed terminal SIGHUP. All end it as Ctrl-C does."""
    before = {number: signal.signal(number, _interrupt) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _interrupt(number: int, frame: object) -> None:
    raise KeyboardInterrupt
