"""Compiled loops of the Indel search: upper bounds of the LCS of one question and 64 items at a time.

Belongs here: what numba compiles, and nothing else; import it only inside a function (numba takes a second to load). The
arrays are those of `similarity_lanes`. Contract: a pair that `survivors` leaves out cannot reach its threshold.
The longest common subsequence (LCS) is counted with bits, one item a lane (H. Hyyro, "Bit-parallel LCS-length computation
revisited", 2004: S = (S + (S & M)) | (S - (S & M)), the LCS is the number of zeros). Loops over lanes have a fixed length,
so that the compiler turns them into vector instructions. Nothing here holds the GIL. Raises nothing.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ot_assets.compiled import compiled

LANES = 64

SLACK = 1e-6


@compiled
def _zeros(word: Any) -> Any:
    """Zero bits of a 64-bit word."""
    word = ~word
    word = word - ((word >> np.uint64(1)) & np.uint64(0x5555555555555555))
    word = (word & np.uint64(0x3333333333333333)) + ((word >> np.uint64(2)) & np.uint64(0x3333333333333333))
    word = (word + (word >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return (word * np.uint64(0x0101010101010101)) >> np.uint64(56)


@compiled
def _one_word(codes: Any, low: int, high: int, local: Any, masks: Any, mask_at: Any, state: Any, found: Any) -> None:
    """LCS of the text codes[low:high] with each lane's text of at most 64 characters."""
    lanes = np.uint64(LANES)
    for lane in range(lanes):
        state[lane] = ~np.uint64(0)
    for place in range(low, high):
        row = local[codes[place]]
        if row == 0:
            continue
        base = np.uint64(mask_at[row]) * lanes
        for lane in range(lanes):
            s = state[lane]
            u = s & masks[base + lane]
            state[lane] = (s + u) | (s - u)
    for lane in range(lanes):
        found[lane] = np.int32(_zeros(state[lane]))


@compiled
def _words(
    codes: Any,
    low: int,
    high: int,
    local: Any,
    masks: Any,
    mask_at: Any,
    words: int,
    state: Any,
    carry: Any,
    found: Any,
) -> None:
    """As `_one_word`, for lanes of several words: what one word's addition carries over goes into the next."""
    lanes = np.uint64(LANES)
    one, top = np.uint64(1), np.uint64(63)
    for lane in range(np.uint64(words) * lanes):
        state[lane] = ~np.uint64(0)
    for place in range(low, high):
        row = local[codes[place]]
        if row == 0:
            continue
        base = np.uint64(mask_at[row]) * lanes
        for lane in range(lanes):
            s = state[lane]
            u = s & masks[base + lane]
            total = s + u
            carry[lane] = ((s & u) | ((s | u) & ~total)) >> top
            state[lane] = total | (s - u)
        for word in range(one, np.uint64(words)):
            at = word * lanes
            for lane in range(lanes):
                s = state[at + lane]
                u = s & masks[base + at + lane]
                total = s + u + carry[lane]
                carry[lane] = ((s & u) | ((s | u) & ~total)) >> top
                state[at + lane] = total | (s - u)
    for lane in range(lanes):
        found[lane] = 0
    for word in range(np.uint64(words)):
        for lane in range(lanes):
            found[lane] += np.int32(_zeros(state[word * lanes + lane]))


@compiled
def survivors(
    low: int,
    high: int,
    lengths: Any,
    codes: Any,
    starts: Any,
    bag_codes: Any,
    bag_counts: Any,
    bag_starts: Any,
    code_class: Any,
    local: Any,
    masks: Any,
    mask_at: Any,
    words: Any,
    beyond: Any,
    counts: Any,
    lane_lengths: Any,
    lane_thresholds: Any,
    out_question: Any,
    out_lane: Any,
) -> int:
    """Pairs of a question (low..high) and a lane whose bound reaches the threshold; how many were written to `out_*`.

    First the characters in common as a bag; then, class by class, the LCS of the texts reduced to that class, as long as
    any lane is left. `beyond[k, lane]` characters of the lane's class text do not fit into its words; they count as found.
    """
    lanes = np.uint64(LANES)
    classes = len(words)
    state = np.empty(max(1, words.max()) * LANES, np.uint64)
    carry = np.empty(LANES, np.uint64)
    bags = np.empty(classes * LANES, np.int32)
    bound = np.empty(LANES, np.int32)
    need = np.empty(LANES, np.int32)
    found = np.empty(LANES, np.int32)
    some = np.empty(LANES, np.uint64)
    written = 0
    for question in range(low, high):
        length = lengths[question]
        for lane in range(lanes):
            need[lane] = np.int32(np.ceil(lane_thresholds[lane] * (length + lane_lengths[lane]) / 200 - SLACK))
            bound[lane] = 0
        for lane in range(np.uint64(classes) * lanes):
            bags[lane] = 0
        for entry in range(bag_starts[question], bag_starts[question + 1]):
            row = local[bag_codes[entry]]
            if row == 0:
                continue
            bag = np.uint64(code_class[bag_codes[entry]]) * lanes
            theirs = np.uint64(row) * lanes
            mine = bag_counts[entry]
            for lane in range(lanes):
                bags[bag + lane] += min(mine, counts[theirs + lane])
        for k in range(np.uint64(classes)):
            for lane in range(lanes):
                bound[lane] += bags[k * lanes + lane]
        alive = 0
        for lane in range(lanes):
            if bound[lane] >= need[lane]:
                some[alive] = lane
                alive += 1
        for k in range(classes):
            if alive == 0:
                break
            if words[k] == 0:
                continue
            first, last = starts[question, k], starts[question, k + 1]
            if words[k] == 1:
                _one_word(codes, first, last, local, masks, mask_at, state, found)
            else:
                _words(codes, first, last, local, masks, mask_at, words[k], state, carry, found)
            bag = np.uint64(k) * lanes
            left = 0
            for which in range(alive):
                lane = some[which]
                bound[lane] += min(0, found[lane] + beyond[bag + lane] - bags[bag + lane])
                if bound[lane] >= need[lane]:
                    some[left] = lane
                    left += 1
            alive = left
        for which in range(alive):
            out_question[written] = question
            out_lane[written] = some[which]
            written += 1
    return written


@compiled
def reduced(codes: Any, ends: Any, code_class: Any, classes: int, out: Any, starts: Any) -> None:
    """Each text's codes sorted by class, their order within a class kept, those that no item has left out.

    Text i is codes[ends[i - 1]:ends[i]]; its class k comes to out[starts[i, k]:starts[i, k + 1]].
    """
    size = np.zeros(classes + 1, np.int64)
    written = 0
    begin = 0
    for text in range(len(ends)):
        size[:] = 0
        for place in range(begin, ends[text]):
            if codes[place]:
                size[code_class[codes[place]]] += 1
        for k in range(classes):
            starts[text, k] = written
            written += size[k]
        starts[text, classes] = written
        for k in range(classes):
            size[k] = starts[text, k]
        for place in range(begin, ends[text]):
            if codes[place]:
                k = code_class[codes[place]]
                out[size[k]] = codes[place]
                size[k] += 1
        begin = ends[text]


@compiled
def bags(codes: Any, ends: Any, letters: int, out_codes: Any, out_counts: Any, starts: Any) -> int:
    """Each text's distinct codes and how often it has them; how many entries in all."""
    seen = np.zeros(letters, np.int32)
    written = 0
    begin = 0
    for text in range(len(ends)):
        starts[text] = written
        for place in range(begin, ends[text]):
            code = codes[place]
            if code:
                if seen[code] == 0:
                    out_codes[written] = code
                    written += 1
                seen[code] += 1
        for entry in range(starts[text], written):
            out_counts[entry] = seen[out_codes[entry]]
            seen[out_codes[entry]] = 0
        begin = ends[text]
    starts[len(ends)] = written
    return written
