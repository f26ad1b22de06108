from __future__ import annotations

import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

from resources.errors import UserError
from resources.generation.engine import Engine, open_engine
from resources.generation.reply import Failure, Reply
from resources.generation.request import Request
from resources.generation.scripted import ScriptedEngine
from tests.resources.generation.making import SCRIPTED, asked, many


def engine(**options: Any) -> ScriptedEngine:
    return ScriptedEngine(SCRIPTED.model_copy(update={"options": options}))


def say_length(request: Request) -> str:
    """A rule that options name by its path."""
    return f"{len(request.messages[-1].content)} characters"


def said(opened: Engine, request: Request) -> Reply:
    ((_, result),) = opened.generate([request])
    assert isinstance(result, Reply)
    return result


def test_a_table_answers_by_pattern_and_sample() -> None:
    table = [{"match": r"(\d+) \+ (\d+)", "replies": [r"<think>\1 and \2</think>8", "I do not know"]}]
    opened = engine(table=table)
    model = opened.model
    assert said(opened, asked("What is 3 + 5?", 0, model=model)).text == "<think>3 and 5</think>8"
    assert said(opened, asked("What is 3 + 5?", 1, model=model)).text == "I do not know"
    assert said(opened, asked("What is 3 + 5?", 2, model=model)).text == "<think>3 and 5</think>8"
    assert said(opened, asked("Hello", model=model)).text == "Hello"


def test_a_rule_is_a_function_by_name() -> None:
    opened = open_engine(SCRIPTED.model_copy(update={"options": {"rule": f"{__name__}:say_length"}}))
    assert said(opened, asked("four", model=opened.model)).text == "4 characters"  # type: ignore[attr-defined]


def test_the_script_is_part_of_the_key() -> None:
    other = SCRIPTED.model_copy(update={"options": {"table": [{"match": "x", "replies": ["y"]}]}})
    assert asked(model=SCRIPTED).key != asked(model=other).key


def test_replies_have_the_real_shape() -> None:
    table = [{"match": "flagged", "replies": ["no"], "finish_reason": "content_filter", "reasoning": "hm"}]
    opened = engine(table=table)
    reply = said(opened, asked("flagged", model=opened.model))
    assert (reply.finish_reason, reply.reasoning) == ("content_filter", "hm")
    assert reply.raw["choices"][0]["finish_reason"] == "content_filter"
    assert reply.cost == pytest.approx((1 * 1 + 1 * 2) / 1e6)


def test_a_long_answer_is_cut_at_max_tokens() -> None:
    reply = said(engine(), asked("one  two\nthree four", max_tokens=3))
    assert (reply.text, reply.finish_reason, reply.completion_tokens) == ("one  two\nthree", "length", 3)


@pytest.mark.parametrize(
    ("option", "kind"),
    [("rate_limit_every", "rate_limited"), ("timeout_every", "timeout"), ("garbage_every", "server")],
)
def test_failures_come_when_told(option: str, kind: str) -> None:
    results = [result for _, result in engine(**{option: 4}).generate(many(12))]
    failed = [result for result in results if isinstance(result, Failure)]
    assert [failure.kind for failure in failed] == [kind] * 3
    assert all(failure.retryable and failure.reason for failure in failed)


def test_it_kills_its_own_process_when_told() -> None:
    script = """
        from tests.resources.generation.test_scripted import engine, many
        for request, result in engine(kill_after=3).generate(many(9)):
            print(request.key, flush=True)
    """
    child = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, cwd=Path(__file__).parents[3]
    )
    assert child.returncode == -signal.SIGKILL
    assert len(child.stdout.splitlines()) == 3


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"rule": "no_such_module_here:x"}, "no_such_module_here"),
        ({"rule": "json:no_such_function"}, "no_such_function"),
        ({"rule": "rm -rf"}, "rule = 'rm -rf'"),
        ({"table": [{"match": "(", "replies": ["x"]}]}, "no regular expression"),
        ({"table": [{"match": "x", "replies": []}]}, "replies"),
        ({"fail_every": 2}, "there is no such option"),
    ],
)
def test_a_wrong_script_is_named(options: dict[str, Any], says: str) -> None:
    with pytest.raises(UserError, match=says):
        engine(**options)
