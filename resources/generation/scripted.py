"""An engine for tests and CI: replies by a rule, deterministic, with the real shape and the real failures.

Contract: replies pass through the same payload and parser as those of a real endpoint; tokens are words; an answer
longer than max_tokens is cut with finish_reason=length. Failures come by options (options.ScriptedOptions). A rule that
cannot be imported is a UserError.
"""

from __future__ import annotations

import importlib
import os
import re
import signal
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import islice

from resources.errors import UserError
from resources.generation.engine import Outcome
from resources.generation.model import Model
from resources.generation.options import ScriptedOptions, TableRow, read_options
from resources.generation.reply import Failure, FinishReason, MalformedReply, Reply, parse_reply
from resources.generation.request import Request

Rule = Callable[[Request], str | Reply]

_GARBAGE = b'{"choices": [{"message": {"content": "cut in the mid'


class ScriptedEngine:
    """Answers with `rule` when one is given, else with the model's options."""

    endpoint = "scripted-chat"

    def __init__(self, model: Model, rule: Rule | None = None) -> None:
        self.model = model
        self.options = read_options(model, ScriptedOptions)
        self.calls = 0
        self.closed = False
        self._lines = [(_pattern(model, line), line) for line in self.options.table]
        self._rule = rule or _find_rule(model, self.options.rule)

    def generate(self, requests: Iterable[Request]) -> Iterator[Outcome]:
        """One outcome a request, in order."""
        for request in requests:
            self.model.check(request)
            self._stop_when_told()
            self.calls += 1
            if self.options.seconds:
                time.sleep(self.options.seconds)
            yield Outcome(request, self._failure() or self._reply(request))

    def arrived(self) -> list[Outcome]:
        """Nothing: every reply is yielded as it is made."""
        return []

    def close(self) -> None:
        """Marks the engine as closed, for tests that ask."""
        self.closed = True

    def _stop_when_told(self) -> None:
        made, options = self.calls, self.options
        if options.kill_after is not None and made >= options.kill_after:
            os.kill(os.getpid(), signal.SIGKILL)
        if options.interrupt_after is not None and made >= options.interrupt_after:
            raise KeyboardInterrupt
        if options.crash_after is not None and made >= options.crash_after:
            raise RuntimeError(f"the scripted engine crashes after {made} replies, as its options say")

    def _failure(self) -> Failure | None:
        def turn(every: int | None) -> bool:
            return every is not None and self.calls % every == 0

        if turn(self.options.rate_limit_every):
            return Failure("HTTP 429: scripted rate limit", "rate_limited", retryable=True)
        if turn(self.options.timeout_every):
            return Failure("no reply within the scripted timeout", "timeout", retryable=True)
        if turn(self.options.garbage_every):
            try:
                parse_reply(_GARBAGE)
            except MalformedReply as error:
                return Failure(f"malformed reply: {error}", "server", retryable=True)
        return None

    def _reply(self, request: Request) -> Reply:
        said, reasoning, finish = self._say(request)
        if isinstance(said, Reply):
            reply = said
        else:
            prompt = sum(len(message.content.split()) for message in request.messages)
            text, words, cut = _cut(said, request.sampling.max_tokens)
            reply = Reply.make(
                text,
                reasoning=reasoning,
                finish_reason="length" if cut else finish or "stop",
                prompt_tokens=prompt,
                completion_tokens=words,
                seconds=self.options.seconds,
                model=request.model,
            )
        return replace(reply, cost=self.model.cost(reply))

    def _say(self, request: Request) -> tuple[str | Reply, str | None, FinishReason | None]:
        last = request.messages[-1].content
        for pattern, line in self._lines:
            if found := pattern.search(last):
                template = line.replies[request.sample_index % len(line.replies)]
                return found.expand(template), line.reasoning, line.finish_reason
        return self._rule(request), None, None


def _cut(text: str, words: int) -> tuple[str, int, bool]:
    """The first `words` words of a text with the space between them as it was, how many they are, and whether any was
    cut.
    """
    count = len(text.split())
    if count <= words:
        return text, count, False
    ends = (found.end() for found in re.finditer(r"\S+", text))
    return text[: next(islice(ends, words - 1, None))], words, True


def _pattern(model: Model, line: TableRow) -> re.Pattern[str]:
    try:
        return re.compile(line.match)
    except re.error as error:
        raise UserError(f"model {model.key}: options.table: {line.match!r} is no regular expression: {error}") from None


def _find_rule(model: Model, name: str) -> Rule:
    if name == "echo":
        return lambda request: request.messages[-1].content
    module, _, function = name.partition(":")
    try:
        rule: Rule = getattr(importlib.import_module(module), function)
    except (ImportError, AttributeError) as error:
        raise UserError(
            f"model {model.key}: options.rule {name!r}: {error}", fix="write echo or module:function"
        ) from None
    return rule
