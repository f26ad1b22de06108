from __future__ import annotations

import multiprocessing
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from ot_assets.verification import Limits, Verdict, VerdictCache, VerifierPool, VerifyTask
from ot_assets.verification import content as content_module
from ot_assets.verification.content import SOURCES, content_key, verifier_version

TASK = VerifyTask("math", None, "x+1", r"\boxed{1+x}")
SAID = Verdict("correct", "math", "1+x", "because ü\ud83d", '{"a":1}')


def key(number: int) -> bytes:
    return number.to_bytes(20, "big")


def test_what_was_put_is_got_here_and_later(tmp_path: Path) -> None:
    file = tmp_path / "deep" / "verdicts.sqlite"
    with VerdictCache(file) as cache:
        assert cache.get(key(1)) is None
        assert not file.exists()
        cache.put(key(1), SAID)
        assert cache.get(key(1)) == SAID
    with VerdictCache(file) as cache:
        assert cache.get(key(1)) == SAID
        assert cache.get(key(2)) is None


def test_it_holds_so_many_and_the_oldest_go(tmp_path: Path) -> None:
    with VerdictCache(tmp_path / "v.sqlite", rows=300) as cache:
        for number in range(1_000):
            cache.put(key(number), SAID)
        cache.flush()
        there = [number for number in range(1_000) if cache.get(key(number))]
    assert there == list(range(700, 1_000))


def test_a_damaged_file_turns_it_off_and_nothing_else(tmp_path: Path) -> None:
    file = tmp_path / "v.sqlite"
    file.write_bytes(b"no database, but long enough to be looked at " * 50)
    with VerdictCache(file) as cache:
        assert cache.get(key(1)) is None
        cache.put(key(1), SAID)
        cache.flush()
        assert cache.why_off is not None
        assert str(file) in cache.why_off
        assert cache.get(key(1)) is None


def test_a_row_that_nobody_can_read_turns_it_off(tmp_path: Path) -> None:
    file = tmp_path / "v.sqlite"
    with VerdictCache(file) as cache:
        cache.put(key(1), SAID)
    with sqlite3.connect(file) as connection:
        connection.execute("UPDATE verdicts SET said = '[1'")
    with VerdictCache(file) as cache:
        assert cache.get(key(1)) is None
        assert cache.why_off


def test_a_folder_that_cannot_be_made_turns_it_off(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with VerdictCache(tmp_path / "file" / "v.sqlite") as cache:
        cache.put(key(1), SAID)
        cache.flush()
        assert cache.why_off


def _fill(file: Path, start: int) -> None:
    with VerdictCache(file) as cache:
        for number in range(start, start + 600):
            cache.put(key(number), replace(SAID, reason=str(number)))
    assert cache.why_off is None, cache.why_off


def test_several_processes_write_at_once(tmp_path: Path) -> None:
    file = tmp_path / "v.sqlite"
    context = multiprocessing.get_context("spawn")
    crowd = [context.Process(target=_fill, args=(file, start)) for start in (0, 300, 600)]
    for process in crowd:
        process.start()
    for process in crowd:
        process.join()
    assert [process.exitcode for process in crowd] == [0, 0, 0]
    with VerdictCache(file) as cache:
        found = [cache.get(key(number)) for number in range(1_200)]
    assert [verdict and verdict.reason for verdict in found] == [str(number) for number in range(1_200)]


@pytest.mark.parametrize(
    "change",
    [
        {"verifier": "regex"},
        {"verifier_args": "{}"},
        {"gold": "x+2"},
        {"answer": "x"},
        {"answer": None},
        {"finish_reason": "length"},
        {"reasoning_closed": False},
        {"raw": True},
    ],
)
def test_whatever_a_verdict_depends_on_is_in_the_key(change: dict[str, object]) -> None:
    assert content_key(replace(TASK, **change)) != content_key(TASK)  # type: ignore[arg-type]
    assert content_key(replace(TASK)) == content_key(TASK)


def test_another_version_of_a_verifier_is_another_key(monkeypatch: pytest.MonkeyPatch) -> None:
    before = content_key(TASK)
    monkeypatch.setattr(content_module, "_installed", lambda _package: "another")
    verifier_version.cache_clear()
    try:
        assert content_key(TASK) != before
    finally:
        monkeypatch.undo()
        verifier_version.cache_clear()


def test_every_module_that_a_verifier_uses_is_part_of_its_version() -> None:
    folder = Path(content_module.__file__).parent
    for verifier, (modules, _) in SOURCES.items():
        for module in modules:
            for line in (folder / module).read_text().splitlines():
                if line.startswith("from ot_assets.verification."):
                    assert line.split()[1].rpartition(".")[2] + ".py" in modules, (verifier, module, line)
                if line.startswith("from ot_assets.verification import "):
                    names = {name.strip() for name in line.partition("import ")[2].split(",")}
                    assert {f"{name}.py" for name in names} <= set(modules), (verifier, module, line)


def test_what_is_not_a_workers_has_no_key() -> None:
    assert content_key(VerifyTask("choice", None, "A", "A")) is None
    assert content_key(VerifyTask("judge", None, "A", "A")) is None


def test_equal_answers_are_judged_once_in_a_run_and_over_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from ot_assets.verification import child

    tasks = [TASK, VerifyTask("math", None, "x+1", r"\boxed{x+2}"), TASK, TASK]
    asked: list[VerifyTask] = []
    real = child.Worker.judge

    def counting(self: object, task: VerifyTask) -> object:
        asked.append(task)
        return real(self, task)  # type: ignore[arg-type]

    monkeypatch.setattr(child.Worker, "judge", counting)
    with VerdictCache(tmp_path / "v.sqlite") as cache:
        with VerifierPool(2, cache=cache) as pool:
            first = list(pool.verify_many(tasks))
        assert len(asked) == 2
        cache.flush()
        with VerifierPool(2, cache=cache) as pool:
            assert list(pool.verify_many(tasks)) == first
    assert len(asked) == 2
    assert [verdict.verdict for verdict in first] == ["correct", "wrong", "correct", "correct"]


def test_what_failed_for_want_of_time_is_not_kept_over_runs(tmp_path: Path) -> None:
    hangs = VerifyTask("math", None, "y+1", r"\boxed{9^{9^{9^{9}}}}")
    with VerdictCache(tmp_path / "v.sqlite") as cache:
        with VerifierPool(1, Limits(seconds=0.5), cache=cache) as pool:
            again = list(pool.verify_many([hangs, hangs]))
        assert [verdict.verdict for verdict in again] == ["verifier_failed"] * 2
        key_of = content_key(hangs)
        assert key_of is not None
        assert cache.get(key_of) is None


def test_a_gold_answer_that_hangs_costs_one_try_and_makes_its_question_unverifiable() -> None:
    tasks = [VerifyTask("math", None, "(10^{9})!", rf"\boxed{{y+{n}}}") for n in range(8)]
    with VerifierPool(1, Limits(seconds=1)) as pool:
        fine, *said = pool.verify_many([TASK, *tasks])
        assert fine.correct
        assert {verdict.verdict for verdict in said} == {"unverifiable"}
        assert all("does not verify against itself" in verdict.reason for verdict in said)
        assert len(pool._bad_golds) == 1
