"""What earlier searches for near copies found, so that only new texts are searched again.

What belongs here: `PairsCache`, the files of one folder. A file says: among the texts with these keys exactly these pairs
reach this threshold. It is complete in itself and never changed: written beside its place, synced, then renamed. So a search
that is killed leaves nothing that counts, and two processes at once do no harm. A search takes the file that knows most of
its texts, and writes one for all of its own. Files whose texts the new one knows too are removed, and the oldest when there
are more than `_KEPT`.

A file is an npz (a zip, whose checksums show a torn one) named after version, threshold and whether groups were given: `keys`
(two words for each text and its group, ascending), `left`, `right` (numbers into keys), `similarity`, and to choose
among files `size` and `sample`. What cannot be read, or is not what it should be, is removed and found again. Keys have
128 bits: that two of a million are taken for one has a chance of 1e-27. Raises nothing for the cache's own troubles: a full
disk, or a folder that cannot be written, costs the next search its time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ot_assets.curation.dedup import archives
from ot_assets.curation.mixing64 import mixed

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Longs = npt.NDArray[np.uint64]

_VERSION = 1
_KEPT = 6
_SAMPLE = 4_096


@dataclass(frozen=True)
class PairsCache:
    """The cache as one search sees it. `new[i]` says that the file it took does not know text i."""

    folder: Path
    prefix: str
    keys: Longs
    """Two columns; row i is text i."""
    new: npt.NDArray[np.bool_]
    _pairs: tuple[Ints, Ints, Floats]

    @classmethod
    def open(cls, folder: Path, threshold: float, mine: Longs, *, grouped: bool) -> PairsCache:
        """Takes the file that knows most of these texts (two words each), if there is one."""
        prefix = f"pairs-{_VERSION}-{float(threshold)!r}-{'groups' if grouped else 'all'}-"
        order = np.argsort(mine[:, 0], kind="stable")
        for path in _by_share(folder, prefix, mine[order]):
            known = _read(path)
            if known is None:
                archives.remove(path)
                continue
            keys_there, left, right, similarity = known
            place = np.full(len(keys_there), -1, np.int64)
            at = np.minimum(np.searchsorted(keys_there[:, 0], mine[order, 0]), len(keys_there) - 1)
            there = (keys_there[at] == mine[order]).all(axis=1)
            place[at[there]] = order[there]
            new = np.ones(len(mine), np.bool_)
            new[order[there]] = False
            both = (place[left] >= 0) & (place[right] >= 0)
            return cls(folder, prefix, mine, new, (place[left[both]], place[right[both]], similarity[both]))
        none = np.empty(0, np.int64)
        return cls(folder, prefix, mine, np.ones(len(mine), np.bool_), (none, none, np.empty(0)))

    def known(self) -> tuple[Ints, Ints, Floats]:
        """The pairs among the texts that are not new, in no order."""
        return self._pairs

    def write(self, left: Ints, right: Ints, similarity: Floats) -> None:
        """Keeps all pairs of this search."""
        order = np.lexsort((self.keys[:, 1], self.keys[:, 0]))
        rank = np.empty(len(order), np.uint32)
        rank[order] = np.arange(len(order), dtype=np.uint32)
        keys = self.keys[order]
        sample = keys[:: len(keys) // _SAMPLE + 1]
        name = self.prefix + blake2b(keys.tobytes(), digest_size=12).hexdigest()
        path = self.folder / f"{name}.npz"
        pairs = {"left": rank[left], "right": rank[right], "similarity": similarity}
        if archives.keep(path, size=len(keys), sample=sample, keys=keys, **pairs):
            self._tidy(path, keys)

    def _tidy(self, mine: Path, keys: Longs) -> None:
        """Removes what this search's file makes needless, and what killed searches left."""
        files = [path for path in archives.oldest_first(self.folder, self.prefix) if path != mine]
        needless = []
        for path in files:
            sample = _sample(path)
            if sample is None or _within(sample[1], keys).all():
                needless.append(path)
        left = [path for path in files if path not in needless]
        for path in needless + left[: max(0, len(left) + 1 - _KEPT)]:
            archives.remove(path)
        archives.remove_torn(self.folder, self.prefix)


def hashed(keys: Sequence[str], groups: Longs | None) -> Longs:
    """Two 64-bit numbers for each key and its group, as `PairsCache.open` takes them."""
    encoded = [key.encode("utf-8", "surrogatepass") for key in keys]
    sizes = np.fromiter(map(len, encoded), np.int64, len(encoded))
    made = np.empty((len(keys), 2), np.uint64)
    for size in np.unique(sizes).tolist():
        rows = np.flatnonzero(sizes == size)
        wide = np.zeros((len(rows), size + -size % 8), np.uint8)
        joined = b"".join(encoded if len(rows) == len(encoded) else [encoded[row] for row in rows.tolist()])
        wide[:, :size] = np.frombuffer(joined, np.uint8).reshape(len(rows), size)
        for column, seed in enumerate((0x9E3779B97F4A7C15, 0xD1342543DE82EF95)):
            value = np.full(len(rows), seed + size, np.uint64)
            for part in wide.view("<u8").T:
                value = mixed(value ^ part) + np.uint64(seed)
            made[rows, column] = mixed(value)
    if groups is not None:
        made += np.stack([mixed(groups), mixed(~groups)], axis=1)
    return made


def _by_share(folder: Path, prefix: str, keys: Longs) -> list[Path]:
    """The files that know some of the keys (ascending), the one that knows most first, by a sample of each."""
    known = []
    for path in archives.oldest_first(folder, prefix):
        sample = _sample(path)
        if sample is None:
            archives.remove(path)
        elif (share := float(_within(sample[1], keys).mean())) > 0:
            known.append((share * sample[0], path))
    return [path for _, path in sorted(known, reverse=True)]


def _sample(path: Path) -> tuple[int, Longs] | None:
    """How many texts a file knows, and the keys of some, evenly spread; None where it cannot be read."""
    found = archives.load(path, "size", "sample")
    if found is None or found[0].shape != ():
        return None
    size, sample = int(found[0]), found[1]
    return (
        (size, sample)
        if sample.ndim == 2 and sample.shape[1] == 2 and len(sample) and sample.dtype == np.uint64
        else None
    )


def _read(path: Path) -> tuple[Longs, Ints, Ints, Floats] | None:
    """Keys and pairs of a file; None where it is not what it should be."""
    found = archives.load(path, "keys", "left", "right", "similarity")
    if found is None:
        return None
    keys, left, right, similarity = found
    shapes = keys.ndim == 2 and keys.shape[1] == 2 and left.ndim == 1 and left.shape == right.shape == similarity.shape
    kinds = [array.dtype for array in (keys, left, right, similarity)]
    if not shapes or not len(keys) or kinds != [np.uint64, np.uint32, np.uint32, np.float64]:
        return None
    if (len(left) and max(left.max(), right.max()) >= len(keys)) or (keys[1:, 0] < keys[:-1, 0]).any():
        return None
    return keys, left, right, similarity


def _within(some: Longs, keys: Longs) -> npt.NDArray[np.bool_]:
    """Which of `some` are among the keys (ascending)."""
    at = np.minimum(np.searchsorted(keys[:, 0], some[:, 0]), len(keys) - 1)
    found: npt.NDArray[np.bool_] = (keys[at] == some).all(axis=1)
    return found
