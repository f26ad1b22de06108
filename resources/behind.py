"""Work that goes on behind its caller's back, one piece at a time.

What belongs here: `Behind`, which writes a row group while the next one is checked, and `ahead`, which reads the next row
group while the one before is used. Both let another core do what is done outside Python's lock (compression, files), and
both hold one piece more than working in turn does. An error comes out at the next call, as if the work were done there.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import TypeVar

Item = TypeVar("Item")


class Behind:
    """Runs jobs in order on a thread of its own, which is there once there is a first job."""

    def __init__(self) -> None:
        self._pool: ThreadPoolExecutor | None = None
        self._last: Future[None] | None = None

    def start(self, job: Callable[[], None]) -> None:
        """Waits for the job before, raises what it raised, and does not wait for this one."""
        self.wait()
        if self._pool is None:
            self._pool = ThreadPoolExecutor(1, thread_name_prefix="behind")
        self._last = self._pool.submit(job)

    def wait(self) -> None:
        """Until nothing is under way; raises what the last job raised, once."""
        if (last := self._last) is not None:
            wait([last])  # an interrupt comes out here, and the job is still the last one then
            self._last = None
            last.result()

    def stop(self) -> None:
        """Until nothing is under way, whatever became of it. Nothing may be started afterwards."""
        self._last = None
        if self._pool is not None:
            self._pool.shutdown()


def ahead(source: Generator[Item, None, None]) -> Iterator[Item]:
    """The items of a generator; the one after is made, on another thread, while one is used. A caller who leaves early waits
    for that one.
    """
    end = object()
    with ThreadPoolExecutor(1, thread_name_prefix="ahead") as pool:
        coming = pool.submit(next, source, end)
        try:
            while (item := coming.result()) is not end:
                coming = pool.submit(next, source, end)
                yield item  # type: ignore[misc]
        finally:
            wait([coming])  # or it could not be closed
            source.close()
