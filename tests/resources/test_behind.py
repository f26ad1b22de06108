"""Work behind the caller's back: in order, one at a time, and its errors come out."""

import threading
import time
from collections.abc import Iterator

import pytest

from resources.behind import Behind, ahead


def test_jobs_run_in_order_one_at_a_time_and_off_the_callers_thread() -> None:
    behind, done, busy = Behind(), [], threading.Lock()

    def job(number: int) -> None:
        assert busy.acquire(blocking=False)
        time.sleep(0.005)
        done.append((number, threading.current_thread()))
        busy.release()

    for number in range(5):
        behind.start(lambda number=number: job(number))
    behind.wait()
    behind.stop()
    assert [number for number, _ in done] == list(range(5))
    assert len({thread for _, thread in done}) == 1 and done[0][1] is not threading.current_thread()


def test_an_error_comes_out_at_the_next_call_and_once() -> None:
    behind, ran = Behind(), []

    def fail() -> None:
        raise OSError("full")

    behind.start(fail)
    with pytest.raises(OSError, match="full"):
        behind.start(lambda: ran.append(1))
    behind.wait()
    assert not ran
    behind.start(fail)
    with pytest.raises(OSError, match="full"):
        behind.wait()
    behind.start(fail)
    behind.stop()  # says nothing: whoever stops has an error of his own


def test_stop_waits_for_what_is_under_way() -> None:
    behind, done = Behind(), []
    behind.start(lambda: (time.sleep(0.05), done.append(1)))
    behind.stop()
    assert done == [1]
    behind.stop()
    Behind().stop()


def test_a_wait_that_is_interrupted_forgets_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    behind, go, done = Behind(), threading.Event(), []

    def interrupted(*_args: object) -> None:
        raise KeyboardInterrupt

    behind.start(lambda: (go.wait(), done.append(1)))
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("resources.behind.wait", interrupted)
        behind.wait()
    go.set()
    behind.wait()
    assert done == [1]
    behind.stop()


def test_items_are_made_one_ahead() -> None:
    made: list[int] = []
    threads = set()

    def items() -> Iterator[int]:
        for number in range(4):
            made.append(number)
            threads.add(threading.current_thread())
            yield number

    for number in ahead(items()):
        while len(made) < min(number + 2, 4):
            time.sleep(0.001)
        time.sleep(0.01)
        assert len(made) == min(number + 2, 4)
    assert threading.current_thread() not in threads


def test_an_error_comes_after_the_items_before_it() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise ValueError("torn")

    given = ahead(items())
    assert next(given) == 1
    with pytest.raises(ValueError, match="torn"):
        next(given)


def test_a_caller_who_leaves_closes_the_source() -> None:
    closed = []

    def items() -> Iterator[int]:
        try:
            yield from range(100)
        finally:
            closed.append(1)

    given = ahead(items())
    assert next(given) == 0
    given.close()
    assert closed == [1]
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("ahead")]
    assert list(ahead(iter_none())) == []


def iter_none() -> Iterator[int]:
    yield from ()
