"""Memory of a process and everything that it started, while it runs.

What belongs here: `Watch`, which samples the proportional set size (shared pages counted once) of a process tree in a
thread and keeps the peak, in all and by label. Linux only. A process that ends while it is looked at counts as nothing.
"""

from __future__ import annotations

import threading
from pathlib import Path

import psutil

EVERY = 0.25


class Watch:
    """Use as a context manager around the life of a process. `label` may be set from another thread at any time."""

    def __init__(self, pid: int) -> None:
        self.label = ""
        self.peak = 0
        self.by_label: dict[str, int] = {}
        self._process = psutil.Process(pid)
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _sample(self) -> None:
        while not self._done.wait(EVERY):
            try:
                tree = [self._process, *self._process.children(recursive=True)]
            except psutil.Error:
                return
            size = sum(proportional(process.pid) for process in tree)
            self.peak = max(self.peak, size)
            self.by_label[self.label] = max(self.by_label.get(self.label, 0), size)


def proportional(pid: int) -> int:
    """Bytes of one process's proportional set size; 0 when it is gone."""
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 0
