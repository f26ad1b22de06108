"""What `ot run` shows: the block in a terminal, lines in a log, nothing but steps in CI."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console

from ot_assets.commands import live
from ot_assets.commands.live import Live, block, in_ci, lines
from ot_assets.progress import listening, report
from resources.generation.progress import Progress

BUSY = Progress(
    total=10_000, from_store=200, new=1_000, failed=3, cut=50, prompt_tokens=40_000, completion_tokens=900_000, cost=1.5,
    seconds=110.0, rate=10.0, eta_seconds=880.0, busy_seconds=100.0, in_flight=64,
    retries={"rate_limited": 12, "timeout": 3}, read=1_200, closed=1_140,
)  # fmt: skip
IDLE = Progress(None, 0, 0, 0, 0, 0, 0, 0.0, 0.1, 0.0, None)


def shown(monkeypatch: pytest.MonkeyPatch, *, terminal: bool, **fields: Any) -> tuple[Live, io.StringIO]:
    out = io.StringIO()
    console = Console(file=out, force_terminal=terminal, width=100, highlight=False)
    monkeypatch.setattr(live, "own_console", lambda: console)
    return Live(3, **fields), out


def test_the_block_says_everything_in_a_few_lines() -> None:
    text = "\n".join(lines(BUSY))
    for words in (
        "1,203/10,000 requests", "200 from store", "1,000 new", "3 failed", "10 replies/s", "400 in, 9k out",
        "64 in flight", "tried again: 12 rate limited, 3 timeout", "5.0% cut", "closed in 95.0%", "$1.50", "14m40s left",
    ):  # fmt: skip
        assert words in text
    assert len(lines(BUSY)) == 5
    out = io.StringIO()
    Console(file=out, width=100).print(block("[1/3] traces[[a]|b]", BUSY))
    assert "[1/3] traces[[a]|b]" in out.getvalue(), "brackets are no markup"


def test_the_block_leaves_out_what_is_nothing() -> None:
    assert lines(IDLE) == ["0 requests · 0 from store · 0 new"]


def test_a_terminal_gets_the_block_and_the_step(monkeypatch: pytest.MonkeyPatch) -> None:
    screen, out = shown(monkeypatch, terminal=True)
    screen.begin(1, "traces[s|t]")
    screen.asking(BUSY)
    screen.progress("step 3/10, loss 1.234")
    screen.end("made", 2.0, 7, ())
    assert "step 3/10, loss 1.234" in out.getvalue()
    assert "7 rows" in out.getvalue()


def test_a_log_gets_a_line_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "_LOG_EVERY_SECONDS", -1.0)
    screen, out = shown(monkeypatch, terminal=False)
    screen.begin(1, "traces[s|t]")
    screen.asking(BUSY)
    assert "… 1203/10000 requests" in out.getvalue()
    assert "\x1b" not in out.getvalue()


@pytest.mark.parametrize("terminal", [True, False])
def test_ci_gets_steps_only(monkeypatch: pytest.MonkeyPatch, terminal: bool) -> None:
    monkeypatch.setattr(live, "_LOG_EVERY_SECONDS", -1.0)
    screen, out = shown(monkeypatch, terminal=terminal, steps_only=True)
    screen.begin(1, "traces[s|t]")
    screen.asking(BUSY)
    screen.progress("step 3/10")
    assert out.getvalue() == ""
    screen.end("made", 2.0, 7, ())
    screen.summary(1, 0, 0, 0)
    assert out.getvalue().count("\n") == 2


@pytest.mark.parametrize(("value", "is_ci"), [("true", True), ("1", True), ("", False), ("false", False), ("0", False)])
def test_ci_is_what_the_environment_says(monkeypatch: pytest.MonkeyPatch, value: str, is_ci: bool) -> None:
    monkeypatch.setenv("CI", value)
    assert in_ci() is is_ci


def test_listeners_get_the_line_or_the_figures() -> None:
    outer: list[str] = []
    inner: list[str] = []
    figures: list[Progress] = []
    report("nobody listens")
    with listening(outer.append), listening(inner.append, figures.append):
        report("a line")
        report("asking", BUSY)
    assert outer == ["a line", "asking"]
    assert inner == ["a line"]
    assert figures == [BUSY]
