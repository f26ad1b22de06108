"""The inner loops of the search for near copies, compiled by numba.

What belongs here: counting, choosing and looking up pieces of texts, and comparing bags of characters; nothing that
allocates by the number of texts, reads files or decides what a pair is. Texts come as one array of code points and the
offsets that cut it. Every function runs without Python's lock, so threads run it side by side.

This module imports numba (`ot_assets.compiled`): import it inside a function.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ot_assets.compiled import compiled

Codes = npt.NDArray[np.uint32]
Longs = npt.NDArray[np.uint64]
Ints = npt.NDArray[np.int64]
Bags = npt.NDArray[np.uint8]
Counts = npt.NDArray[np.uint32]
Costs = npt.NDArray[np.int32]

BUCKETS = 64
"""Characters are counted in this many buckets; counts stop at 255, which keeps the bound a bound."""
WINDOW = 512
"""Pieces are chosen within stretches of at most this many characters: the cost grows with its square."""
PARTS = 16
"""The cost of one occurrence: of pieces that the sample has equally often, the longer one is rarer and costs a little less."""
LONGEST = 65_535
"""Longer texts have no pieces: the place of one is kept in 16 bits."""

_BASE = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)
_S30, _S27, _S31, _S32, _S16, _S3 = (np.uint64(bits) for bits in (30, 27, 31, 32, 16, 3))
_LOW_16 = np.uint64(0xFFFF)
_LOW_3 = np.uint64(7)
_FAR = np.int32(1 << 30)
_DEAREST = np.uint32(1 << 20)


@compiled
def mixed(value: np.uint64) -> np.uint64:
    """Every bit of the result depends on every bit of the value (the finaliser of splitmix64)."""
    value = (value ^ (value >> _S30)) * _MIX_1
    value = (value ^ (value >> _S27)) * _MIX_2
    return value ^ (value >> _S31)


@compiled
def rolled(codes: Codes, start: int, size: int, hashes: Longs) -> None:
    """hashes[i] = the polynomial hash of the first i characters of the text at `start`."""
    value = np.uint64(0)
    hashes[0] = value
    for place in range(size):
        value = value * _BASE + np.uint64(codes[start + place]) + np.uint64(1)
        hashes[place + 1] = value


@compiled
def powers(grams: Ints) -> Longs:
    """The base to the power of each piece length."""
    made = np.ones(len(grams), np.uint64)
    for g in range(len(grams)):
        for _ in range(grams[g]):
            made[g] *= _BASE
    return made


@compiled
def count_pieces(codes: Codes, offsets: Ints, groups: Longs, grams: Ints, sketch: Counts) -> None:
    """Adds how often each piece occurs to the sketch (one row a piece length; columns a power of two)."""
    times = powers(grams)
    mask = np.uint64(sketch.shape[1] - 1)
    hashes = np.empty(np.max(offsets[1:] - offsets[:-1]) + 1, np.uint64)
    for text in range(len(offsets) - 1):
        size = offsets[text + 1] - offsets[text]
        rolled(codes, offsets[text], size, hashes)
        for g in range(len(grams)):
            for place in range(size - grams[g] + 1):
                value = mixed((hashes[place + grams[g]] - hashes[place] * times[g]) ^ groups[text])
                sketch[g, (value >> _S16) & mask] += 1


@compiled
def bag(codes: Codes, start: int, size: int, counts: Bags) -> None:
    """How often each bucket of characters occurs, at most 255."""
    counts[:] = 0
    for place in range(start, start + size):
        bucket = codes[place] & np.uint32(BUCKETS - 1)
        if counts[bucket] < 255:
            counts[bucket] += 1


@compiled
def apart(left: Bags, right: Bags) -> int:
    """The least number of insertions and deletions by which the bags differ."""
    total = np.int32(0)
    for bucket in range(BUCKETS):  # every step in 32 bits, else it is not made into vector instructions
        total = np.int32(total + np.int32(abs(np.int32(np.int32(left[bucket]) - np.int32(right[bucket])))))
    return int(total)


@compiled
def most_edits(slack: float, sizes: int) -> int:
    """The most insertions and deletions that two texts of together `sizes` characters may need, rounded generously."""
    return int(slack * sizes + 1e-6)


@compiled
def choose_pieces(
    codes: Codes,
    offsets: Ints,
    groups: Longs,
    grams: Ints,
    sketch: Counts,
    reach: float,
    too_dear: float,
    shift: np.uint64,
    first: int,
    fine: Counts,
    entries: Longs,
    bags: Bags,
    plain: npt.NDArray[np.bool_],
) -> int:
    """Chooses for each text more disjoint pieces than edits can touch, as rare as possible; returns how many in all.

    A text of n characters gets more than reach n of them. Piece k goes to fine[k] (the top bits of its hash: those of
    the bucket, that is hash >> `shift`, and three more) and entries[k] (the text's number, counted from `first`, in 32 bits,
    16 bits of the hash, the place in 16 bits). A text for
    which that cannot be done, or whose pieces cost more than `too_dear`, is marked in `plain` and gets none.
    """
    times = powers(grams)
    mask = np.uint64(sketch.shape[1] - 1)
    longest = np.max(offsets[1:] - offsets[:-1])
    hashes = np.empty(longest + 1, np.uint64)
    most = int(reach * WINDOW) + 3
    best = np.empty((most + 1, WINDOW + 1), np.int32)
    costs = np.empty((len(grams), WINDOW + 1), np.int32)
    made = 0
    for text in range(len(offsets) - 1):
        start, size = offsets[text], offsets[text + 1] - offsets[text]
        bag(codes, start, size, bags[text])
        wanted = int(reach * size + 1e-5) + 1
        windows = max(1, (size + WINDOW - 1) // WINDOW)
        each = (wanted + windows - 1) // windows
        plain[text] = size > LONGEST or each > most or each * grams[0] > size // windows
        if plain[text]:
            continue
        rolled(codes, start, size, hashes)
        begun, total = made, 0.0
        for window in range(windows):
            low = size * window // windows
            width = size * (window + 1) // windows - low
            for g in range(len(grams)):
                for place in range(width - grams[g] + 1):
                    here = hashes[low + place + grams[g]] - hashes[low + place] * times[g]
                    times_seen = min(_DEAREST, sketch[g, (mixed(here ^ groups[text]) >> _S16) & mask])
                    costs[g, place] = times_seen * PARTS + (grams[-1] - grams[g])
            cheapest(costs, grams, width, each, best)
            total += best[each, width]
            if total > too_dear:
                break
            end = width
            for left in range(each, 0, -1):
                end, g = last_piece(costs, grams, best, left, end)
                place = low + end
                value = mixed((hashes[place + grams[g]] - hashes[place] * times[g]) ^ groups[text])
                fine[made] = np.uint32(value >> (shift - _S3))
                entries[made] = (np.uint64(first + text) << _S32) | ((value & _LOW_16) << _S16) | np.uint64(place)
                made += 1
        if total > too_dear:
            plain[text] = True
            made = begun
    return made


@compiled
def cheapest(costs: Costs, grams: Ints, width: int, wanted: int, best: Costs) -> None:
    """best[k, i] = the least cost of k disjoint pieces within the first i characters; costs[g, p] is that of the piece of
    length grams[g] (ascending) at p. Only those i are filled in from which the other pieces still fit.
    """
    shortest = grams[0]
    best[0, : width + 1] = 0
    for k in range(1, wanted + 1):
        low, high = k * shortest, width - (wanted - k) * shortest
        before = low - shortest
        row, last, cost = best[k, low : high + 1], best[k - 1, before:], costs[0, before:]
        for i in range(len(row)):
            row[i] = np.int32(last[i] + cost[i])
        for g in range(1, len(grams)):
            more, cost = row[grams[g] - shortest :], costs[g, before:]
            for i in range(len(more)):
                more[i] = min(more[i], np.int32(last[i] + cost[i]))
        least = np.int32(_FAR)
        for i in range(len(row)):
            least = min(least, row[i])
            row[i] = least
        best[k, low - 1] = _FAR


@compiled
def last_piece(costs: Costs, grams: Ints, best: Costs, left: int, end: int) -> tuple[int, int]:
    """Where the last of `left` cheapest pieces within the first `end` characters begins, and which length it has."""
    while best[left, end - 1] <= best[left, end]:
        end -= 1
    found, least = 0, _FAR
    for g in range(len(grams)):
        begin = end - grams[g]
        if begin >= (left - 1) * grams[0] and best[left - 1, begin] + costs[g, begin] < least:
            found, least = g, best[left - 1, begin] + costs[g, begin]
    return end - grams[found], found


@compiled
def count_buckets(fine: Counts, starts: Counts) -> None:
    """Counts the entries of each bucket two places on; the running sum of `starts` then opens the index."""
    for k in range(len(fine)):
        starts[(fine[k] >> 3) + 2] += 1


@compiled
def fill_index(fine: Counts, entries: Longs, starts: Counts, bits: Bags, placed: Longs) -> None:
    """Puts entries into their buckets, in their order; afterwards bucket b is placed[starts[b] : starts[b + 1]]."""
    for k in range(len(fine)):
        bucket = fine[k] >> 3
        placed[starts[bucket + 1]] = entries[k]
        starts[bucket + 1] += 1
        bits[bucket] |= np.uint8(1 << (fine[k] & 7))


@compiled
def first_from(placed: Longs, begin: np.int64, end: np.int64, low: int) -> np.int64:
    """A place in placed[begin:end], whose texts ascend, that at most 16 entries of texts before `low` follow."""
    while end - begin > 16:
        middle = (begin + end) // 2
        if np.int64(placed[middle] >> _S32) < low:
            begin = middle
        else:
            end = middle
    return begin


@compiled
def perhaps_indexed(
    hashes: Longs,
    size: int,
    gram: int,
    power: np.uint64,
    group: np.uint64,
    bits: Bags,
    shift: np.uint64,
    places: Ints,
    values: Longs,
) -> int:
    """Writes places and hashes of those pieces of a text whose bit is set; returns how many. Without a branch, so that the
    processor waits for many bits at once.
    """
    met = 0
    for place in range(size - gram + 1):
        value = mixed((hashes[place + gram] - hashes[place] * power) ^ group)
        fine = value >> (shift - _S3)
        places[met], values[met] = place, value
        met += int(np.int64((bits[fine >> _S3] >> (fine & _LOW_3)) & np.uint64(1)))
    return met


@compiled
def find_candidates(
    codes: Codes,
    offsets: Ints,
    groups: Longs,
    lows: Ints,
    highs: Ints,
    grams: Ints,
    shift: np.uint64,
    slack: float,
    starts: Counts,
    bits: Bags,
    placed: Longs,
    sizes: Ints,
    index_groups: Longs,
    bags: Bags,
    plain: Ints,
    plain_lows: Ints,
    plain_highs: Ints,
    seen: npt.NDArray[np.int32],
    stamp: int,
    text: int,
    found: Ints,
) -> tuple[int, int]:
    """Looks up texts from number `text` on among the indexed ones until `found` may overflow.

    Text i is compared with the indexed texts lows[i] <= j < highs[i] (lists ordered by length), and with those of them that
    have no pieces: plain[plain_lows[i] : plain_highs[i]]. Rows of `found` become (i, j): every pair that shares a piece at a
    place where `slack` times both sizes of edits allow it, and whose bags are not further apart than that. `seen` holds for
    each indexed text the stamp of the text that met it last; stamp + i is that of text i.

    Returns the next text to look up and the number of rows found.
    """
    times = powers(grams)
    hashes = np.empty(np.max(offsets[1:] - offsets[:-1]) + 1, np.uint64)
    places, values = np.empty(len(hashes), np.int64), np.empty(len(hashes), np.uint64)
    mine, rows = np.empty(BUCKETS, np.uint8), 0
    while text < len(offsets) - 1 and rows + highs[text] - lows[text] <= len(found):
        start, size, low, high = offsets[text], offsets[text + 1] - offsets[text], lows[text], highs[text]
        group, mark = groups[text], stamp + text
        if low < high:
            bag(codes, start, size, mine)
            if size <= 2 * LONGEST:
                rolled(codes, start, size, hashes)
            for g in range(len(grams)):
                if size > 2 * LONGEST:
                    break
                met = perhaps_indexed(hashes, size, grams[g], times[g], group, bits, shift, places, values)
                for m in range(met):
                    place, value = places[m], values[m]
                    bucket = value >> shift
                    begin, end = np.int64(starts[bucket]), np.int64(starts[bucket + np.uint64(1)])
                    begin = first_from(placed, begin, end, low)
                    for k in range(begin, end):
                        entry = placed[k]
                        other = np.int64(entry >> _S32)
                        if other >= high:
                            break
                        if other < low or (entry >> _S16) & _LOW_16 != value & _LOW_16:
                            continue
                        if seen[other] == mark or index_groups[other] != group:
                            continue
                        there = np.int64(entry & _LOW_16)
                        before = place - there
                        after = size - sizes[other] - before
                        edits = most_edits(slack, size + sizes[other])
                        if abs(before) + abs(after) > edits:
                            continue
                        seen[other] = mark
                        if apart(mine, bags[other]) <= edits:
                            found[rows, 0], found[rows, 1] = text, other
                            rows += 1
            for k in range(plain_lows[text], plain_highs[text]):
                other = plain[k]
                if index_groups[other] == group and apart(mine, bags[other]) <= most_edits(slack, size + sizes[other]):
                    found[rows, 0], found[rows, 1] = text, other
                    rows += 1
        text += 1
    return text, rows
