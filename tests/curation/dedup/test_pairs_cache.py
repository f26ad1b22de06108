"""Adding texts: the same pairs as from the beginning, and only new ones are searched."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ot_assets.curation.dedup import pairs_cache, pairs_search
from ot_assets.curation.dedup.pairs import Pairs, different_pairs, similar_pairs

ROOT = Path(__file__).parents[3]
sys.path.insert(0, str(ROOT / "benchmarks"))
from questions_made import questions  # noqa: E402

TEXTS = list(questions(500, seed=21, copies=0.5))


def keys_of(texts: Sequence[str]) -> list[str]:
    return [sha256(text.encode()).hexdigest() for text in texts]


def cached(texts: Sequence[str], cache: Path, threshold: float = 93, **options: object) -> Pairs:
    return similar_pairs(texts, threshold, cache=cache, keys=keys_of(texts), **options)  # type: ignore[arg-type]


def same(one: Pairs, two: Pairs) -> bool:
    return all(np.array_equal(getattr(one, name), getattr(two, name)) for name in ("left", "right", "similarity"))


@pytest.fixture(autouse=True)
def no_shortcut(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(pairs_search, "FEW", 0)


@pytest.fixture
def searched(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many new texts each search was handed."""
    news: list[int] = []
    real = pairs_search.search

    def counted(column, new, *rest):
        news.append(int(new.sum()))
        return real(column, new, *rest)

    monkeypatch.setattr(pairs_search, "search", counted)
    return news


def files(folder: Path) -> list[Path]:
    return sorted(folder.iterdir())


@given(seed=st.integers(0, 2**32), cuts=st.lists(st.integers(0, 500), min_size=1, max_size=3))
@settings(deadline=None, max_examples=8)
def test_any_order_of_additions_gives_the_same(tmp_path_factory: pytest.TempPathFactory, seed: int, cuts: list[int]):
    cache = tmp_path_factory.mktemp("cache")
    draw = random.Random(seed)
    texts = TEXTS[:]
    draw.shuffle(texts)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pairs_search, "FEW", 0)
        for cut in [*sorted(cuts), len(texts)]:
            some = texts[:cut]
            draw.shuffle(some)
            assert same(cached(some, cache), similar_pairs(some, 93))


def test_only_what_is_new_is_searched(tmp_path: Path, searched: list[int]):
    different = list(dict.fromkeys(TEXTS))
    first = cached(different[:400], tmp_path)
    again = cached(different[:400], tmp_path)
    more = cached(different, tmp_path)
    fewer = cached(different[100:200], tmp_path)
    assert searched == [400, len(different) - 400]
    assert same(first, again) and same(more, similar_pairs(different, 93)) and len(more) > len(first) > 50
    assert same(fewer, similar_pairs(different[100:200], 93))
    assert len(files(tmp_path)) == 1  # the smaller one is known to the larger one


@given(seed=st.integers(0, 2**32), few=st.integers(1, 60), threshold=st.sampled_from([80.0, 93.0, 99.0, 100.0]))
@settings(deadline=None, max_examples=12)
def test_added_texts_meet_what_is_alike_in_their_groups_and_nothing_else_is_read(
    tmp_path_factory: pytest.TempPathFactory, seed: int, few: int, threshold: float
):
    cache, draw = tmp_path_factory.mktemp("cache"), random.Random(seed)
    texts = [text[: draw.randint(20, 400)] for text in dict.fromkeys(TEXTS)]
    texts = list(dict.fromkeys(texts))
    draw.shuffle(texts)
    groups = np.array([draw.randint(1, 6) for _ in texts], np.uint64)
    keys = np.array(
        [np.frombuffer(sha256(f"{g} {t}".encode()).digest()[:16], "<u8") for t, g in zip(texts, groups, strict=True)]
    )
    asked: list[int] = []

    def found(count: int, folder: Path | None) -> Pairs:
        def read(places: np.ndarray) -> list[str]:
            asked.extend(places.tolist())
            return [texts[place] for place in places]

        lengths = np.array([len(text) for text in texts[:count]])
        return different_pairs(
            read, lengths, threshold, groups=groups[:count], cache=folder, keys=keys[:count], workers=1
        )

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pairs_search, "FEW", 0)
        old = len(texts) - few
        found(old, cache)
        del asked[:]
        more = found(len(texts), cache)
        read = list(asked)
        assert same(more, found(len(texts), None))
        del asked[:]
        assert same(more, found(len(texts), cache)) and asked == []
    assert same(more, similar_pairs(texts, threshold, groups=groups.tolist()))
    assert len(read) == len(set(read))
    reach = 2 / (threshold / 100) - 1
    for place in read:
        partners = [new for new in range(old, len(texts)) if groups[new] == groups[place]]
        sizes = [sorted((len(texts[place]), len(texts[new]))) for new in partners]
        assert place >= old or any(longer <= reach * shorter + 1e-3 for shorter, longer in sizes)


def test_two_sets_that_overlap_are_both_kept_and_the_better_one_is_taken(tmp_path: Path, searched: list[int]):
    different = list(dict.fromkeys(TEXTS))
    cached(different[:200], tmp_path)
    cached(different[150:400], tmp_path)
    assert len(files(tmp_path)) == 2
    joined = cached(different[:400], tmp_path)
    assert searched == [200, 200, 150]
    assert same(joined, similar_pairs(different[:400], 93))


def test_other_thresholds_and_groups_are_other_searches(tmp_path: Path, searched: list[int]):
    groups = [place % 2 for place in range(len(TEXTS))]
    want = [similar_pairs(TEXTS, 93), similar_pairs(TEXTS, 97), similar_pairs(TEXTS, 93, groups=groups)]
    del searched[:]
    for _ in range(2):
        got = [cached(TEXTS, tmp_path), cached(TEXTS, tmp_path, 97), cached(TEXTS, tmp_path, groups=groups)]
        assert all(map(same, got, want))
    assert len(searched) == 3
    moved = [1 - group if place < 50 else group for place, group in enumerate(groups)]
    assert same(cached(TEXTS, tmp_path, groups=moved), similar_pairs(TEXTS, 93, groups=moved))


@pytest.mark.parametrize("spoil", ["torn", "empty", "text", "flipped", "foreign", "out of range", "folder"])
def test_a_file_that_cannot_be_read_is_thrown_away(tmp_path: Path, searched: list[int], spoil: str):
    cached(TEXTS[:400], tmp_path)
    (file,) = files(tmp_path)
    data = file.read_bytes()
    if spoil == "torn":
        file.write_bytes(data[: len(data) // 2])
    elif spoil == "empty":
        file.write_bytes(b"")
    elif spoil == "text":
        file.write_text("not ours")
    elif spoil == "flipped":
        file.write_bytes(data[:3000] + bytes([data[3000] ^ 255]) + data[3001:])
    elif spoil == "foreign":
        with np.load(file) as loaded:
            sample = loaded["sample"]
        with file.open("wb") as handle:
            np.savez(handle, size=400, sample=sample, other=np.arange(3))
    elif spoil == "out of range":
        with np.load(file) as loaded:
            parts = dict(loaded)
        parts["left"] = parts["left"] + np.uint32(10_000)
        with file.open("wb") as handle:
            np.savez(handle, **parts)
    else:
        file.unlink()
        file.mkdir()
    assert same(cached(TEXTS, tmp_path), similar_pairs(TEXTS, 93))
    if spoil != "folder":
        assert len(files(tmp_path)) == 1
    del searched[:]
    assert same(cached(TEXTS, tmp_path), similar_pairs(TEXTS, 93))
    assert len(searched) == 1  # the one without a cache


def test_a_folder_that_cannot_be_written_changes_nothing(tmp_path: Path):
    (tmp_path / "file").write_text("in the way")
    assert same(cached(TEXTS, tmp_path / "file" / "cache"), similar_pairs(TEXTS, 93))


def test_old_files_make_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(pairs_cache, "_KEPT", 2)
    stale = tmp_path / ".pairs-1-93.0-all-abc.1.2"
    stale.write_bytes(b"half")
    os.utime(stale, (1, 1))
    for start in (0, 100, 200, 300):
        cached(TEXTS[start : start + 100], tmp_path)
    assert len(files(tmp_path)) == 2
    assert not stale.exists()


def test_no_texts_and_no_pairs(tmp_path: Path):
    for _ in range(2):
        assert len(cached([], tmp_path)) == 0
        assert len(cached(["a"], tmp_path)) == 0
        assert len(cached(["a", "something else"], tmp_path)) == 0


SEARCH = """
    import sys; sys.path.insert(0, {tests!r}); sys.path.insert(0, {benchmarks!r})
    from hashlib import sha256; from pathlib import Path
    from questions_made import questions
    from ot_assets.curation.dedup import pairs_search; pairs_search.FEW = 0
    from ot_assets.curation.dedup.pairs import similar_pairs
    texts = list(questions({count}, seed=21, copies=0.5))
    keys = [sha256(text.encode()).hexdigest() for text in texts]
    print("ready", flush=True)
    print(len(similar_pairs(texts, 93, cache=Path({cache!r}), keys=keys)), flush=True)
"""


def started(cache: Path, count: int) -> subprocess.Popen[str]:
    code = textwrap.dedent(SEARCH).format(
        tests=str(ROOT), benchmarks=str(ROOT / "benchmarks"), cache=str(cache), count=count
    )
    return subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, cwd=ROOT)


def test_two_processes_at_once(tmp_path: Path):
    both = [started(tmp_path, 500) for _ in range(2)]
    said = [process.communicate()[0].split() for process in both]
    want = similar_pairs(TEXTS, 93)
    assert said == [["ready", str(len(want))]] * 2
    assert len(files(tmp_path)) == 1
    assert same(cached(TEXTS, tmp_path), want)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_search_that_is_stopped_leaves_nothing_that_counts(tmp_path: Path, how: signal.Signals):
    process = started(tmp_path, 40_000)
    assert process.stdout is not None
    process.stdout.readline()
    time.sleep(0.3)
    process.send_signal(how)
    process.communicate(timeout=60)
    assert process.returncode != 0
    assert [file for file in files(tmp_path) if not file.name.startswith(".")] == []
    assert same(cached(TEXTS, tmp_path), similar_pairs(TEXTS, 93))
