"""In which order examples are seen: alike in length within a forward pass, so that little is padded, otherwise mixed.

What belongs here: the order of one epoch, as a pure function of lengths, seed and epoch. transformers' own sampler
draws from the global generator, so a run that goes on from the middle of an epoch would see other examples than the
undisturbed one; and it walks from long to short, which puts the sources of a mixed set one after the other. Pure: no
torch.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_WINDOW_BATCHES = 50


def order_of(lengths: Sequence[int], batch: int, *, seed: int, epoch: int) -> list[int]:
    """A permutation of the rows: each run of `batch` rows is alike in length, and the runs come in random order.

    The run with the longest row is first, so that memory that will not suffice is found out at once. Rows are
    compared within windows of up to 50 batches, and at least four windows, so that runs are not the same in every
    epoch.
    """
    draw = random.Random(f"{seed}/{epoch}")
    rows = list(range(len(lengths)))
    draw.shuffle(rows)
    window = batch * max(1, min(len(rows) // (batch * 4), _WINDOW_BATCHES))
    runs: list[list[int]] = []
    for start in range(0, len(rows), window):
        alike = sorted(rows[start : start + window], key=lambda row: lengths[row])
        runs += [alike[at : at + batch] for at in range(0, len(alike), batch)]
    draw.shuffle(runs)
    longest = max(runs, key=lambda run: max(lengths[row] for row in run), default=[])
    runs.sort(
        key=lambda run: (len(run) < batch, run is not longest)
    )  # a short run in the middle would shift all after it
    return [row for run in runs for row in run]


@dataclass
class ByLength:
    """The sampler that a data loader iterates: `order_of` for the epoch that it was told."""

    lengths: Sequence[int]
    batch: int
    seed: int
    epoch: int = 0

    def set_epoch(self, epoch: int) -> None:
        """Chooses the epoch; the trainer calls it before each."""
        self.epoch = epoch

    def __len__(self) -> int:
        return len(self.lengths)

    def __iter__(self) -> Iterator[int]:
        return iter(order_of(self.lengths, self.batch, seed=self.seed, epoch=self.epoch))
