"""An engine for tests and CI: replies by a rule, in the real shape. (First form; failure modes follow.)"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from resources.generation.engine import Outcome
from resources.generation.model import Model
from resources.generation.reply import Reply
from resources.generation.request import Request


class ScriptedEngine:
    """Answers with `rule(request)`, or an echo of the last message."""

    endpoint = "scripted-chat"

    def __init__(self, model: Model, rule: Callable[[Request], str | Reply] | None = None) -> None:
        self.model = model
        self.rule = rule or (lambda request: request.messages[-1].content)
        self.calls = 0

    def generate(self, requests: Iterable[Request]) -> Iterator[Outcome]:
        for request in requests:
            self.calls += 1
            said = self.rule(request)
            if isinstance(said, Reply):
                yield Outcome(request, said)
                continue
            words = said.split()
            cut = words[: request.sampling.max_tokens]
            yield Outcome(
                request,
                Reply.make(
                    said if len(cut) == len(words) else " ".join(cut),
                    finish_reason="stop" if len(cut) == len(words) else "length",
                    prompt_tokens=sum(len(message.content.split()) for message in request.messages),
                    completion_tokens=len(cut),
                    seconds=0.0,
                    model=request.model,
                ),
            )

    def close(self) -> None:
        return None
