"""Several sandboxes, warm, shared by threads: `run` takes a free one, waits where there is none.

Contract: a run's limits are the pool's unless it brings its own; no run learns anything of another. `SandboxBroken`
where the sandbox itself fails, also after `close`. A pool is a context manager; its sandboxes are gone after `close`,
and also when this process dies in whatever way.
"""

from __future__ import annotations

import queue
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType

from resources.sandbox.available import bwrap
from resources.sandbox.box import Box, SandboxBroken
from resources.sandbox.runs import Program, Run, SandboxLimits


class SandboxPool:
    """A pool of sandboxes, each started when first needed."""

    def __init__(self, workers: int = 2, limits: SandboxLimits | None = None) -> None:
        if workers < 1:
            raise ValueError(f"workers must be 1 or more, not {workers}")
        self.workers = workers
        self.limits = limits or SandboxLimits()
        # A sandbox dies with the thread that started it, and threads that ask for runs come and go.
        self._starter = ThreadPoolExecutor(max_workers=1, thread_name_prefix="sandbox-starter")
        self._all = [Box(bwrap() or "bwrap", self._started) for _ in range(workers)]
        self._free: queue.LifoQueue[Box] = queue.LifoQueue()
        for box in self._all:
            self._free.put(box)
        self._closed = False

    def run(self, program: Program, limits: SandboxLimits | None = None) -> Run:
        """Runs one program. Waits for a free sandbox."""
        box = self._free.get()
        try:
            return box.run(program, limits or self.limits)
        finally:
            self._free.put(box)

    def warm(self) -> None:
        """Starts all sandboxes now."""
        boxes = [self._free.get() for _ in self._all]
        try:
            for box in boxes:
                box.warm()
        finally:
            for box in boxes:
                self._free.put(box)

    def close(self) -> None:
        """Ends all sandboxes at once; what runs in them ends with them."""
        if self._closed:
            return
        self._closed = True
        for box in self._all:
            box.kill(closing=True)
        boxes = [self._free.get() for _ in self._all]  # each as soon as the run in it has ended
        for box in boxes:
            box.stop()
            self._free.put(box)
        self._starter.shutdown(wait=True)

    def __enter__(self) -> SandboxPool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _started(self, make: Callable[[], subprocess.Popen[bytes]]) -> subprocess.Popen[bytes]:
        try:
            return self._starter.submit(make).result()
        except RuntimeError as error:  # the pool was closed meanwhile
            raise SandboxBroken("the sandbox was closed") from error
