"""The server that an engine speaks to: one of ours, or the one that `ot serve` keeps up.

What belongs here: `Serving`, what an engine may know of a server, and `acquire`, which finds or starts one. Fails with
UserError when none can be had.
"""

from __future__ import annotations

import logging
import time
from typing import Protocol

from resources.errors import UserError
from resources.home import Home
from resources.serving.command import ServePlan
from resources.serving.record import ServeRecord, all_records, find
from resources.serving.server import Server, serving_fault

log = logging.getLogger(__name__)


class Serving(Protocol):
    """A server that somebody runs: where it is, its key, and whether it still is."""

    url: str
    secret: str

    def alive(self) -> bool:
        """Whether it still runs."""
        ...

    def why_dead(self) -> tuple[str, str]:
        """Cause, and what to do."""
        ...

    def stop(self) -> None:
        """Ends it, if it is ours."""
        ...


class Kept:
    """A server that `ot serve` keeps up: looked at, never stopped."""

    def __init__(self, record: ServeRecord, secret: str) -> None:
        self.record, self.url, self.secret = record, record.url, secret

    def alive(self) -> bool:
        """Whether `ot serve` and its server are there."""
        return self.record.alive() and self._found() == self.record

    def why_dead(self) -> tuple[str, str]:
        """Whoever keeps it up knows more."""
        what = f"the server that `ot serve {self.record.key}` kept up (pid {self.record.pid}) is gone"
        return what, f"see {self.record.log}; start it again, or run without it"

    def stop(self) -> None:
        """Nothing: it is kept up for others too."""

    def _found(self) -> ServeRecord | None:
        return next((one for one in all_records(Home.from_env()) if one.hash == self.record.hash), None)


def acquire(plan: ServePlan) -> Serving:
    """A healthy server for a plan: the one that is kept up, or a new one. One that is being restarted is waited for."""
    home, until, told = Home.from_env(), time.monotonic() + plan.options.start_seconds, False
    while kept := find(home, plan):
        record, secret = kept
        fault = serving_fault(record.url, secret, plan)
        if fault is None:
            log.info("%s is asked at %s, which `ot serve` keeps up", plan.key, record.url)
            return Kept(record, secret)
        if time.monotonic() > until:
            raise UserError(
                f"model {plan.key}: what `ot serve` keeps up (pid {record.pid}) does not answer: {fault or record.url}",
                fix=f"see {record.log}; end it with `ot serve --stop {record.key}`",
            )
        if not told:
            log.warning("waiting for the server of %s that `ot serve` keeps up (pid %d)", plan.key, record.pid)
            told = True
        time.sleep(0.5)
    return Server.start(plan)
