"""Answers from weights in this process, by transformers, on a CPU or one GPU. Needs no server.

What belongs here: opening a model, turning requests into rows of tokens and finished rows into replies; the loop is in
decoding.py. Contract: a request whose prompt leaves no room in the context, or whose messages the chat template
refuses, is a Failure that says so. max_tokens is cut to what the context leaves, and an answer that ends there says
finish_reason=length, as one that met max_tokens does. Chance comes from each request's key, which holds seed and sample
index: the same set of requests on the same device gives the same answers. UserError: no weights, no chat template, a
model this engine cannot decode.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable, Iterator

from resources.generation.decoding import Decoder
from resources.generation.engine import Outcome
from resources.generation.linear import pack_linears
from resources.generation.loading import (
    attention_layers,
    cache_budget,
    end_tokens,
    load_tokenizer,
    load_weights,
    pick_device,
)
from resources.generation.model import Model
from resources.generation.options import TransformersOptions, read_options
from resources.generation.reply import Failure, Reply
from resources.generation.request import Request
from resources.generation.rows import Row, Supply
from resources.generation.threads import calm_threads

_TAIL = 8


class TransformersEngine:
    """A loaded model, its tokenizer and chat template."""

    endpoint = "transformers-chat"

    def __init__(self, model: Model) -> None:
        calm_threads()
        self.model = model
        self.options = read_options(model, TransformersOptions)
        self._device = pick_device(model)
        self._tokenizer = load_tokenizer(model)
        self._net = load_weights(model, self.options, self._device)
        config = self._net.config.get_text_config()
        self._layers = attention_layers(model, config)
        self._context = int(getattr(config, "max_position_embeddings", 0) or 1 << 30)
        self._ends = end_tokens(self._net, self._tokenizer)
        rows, tokens = cache_budget(config, self._net, self._device)
        self._rows, self._tokens = self.options.rows or rows, self.options.tokens or tokens
        pack_linears(self._net, self._rows)
        self._ended: deque[Row] = deque()
        self._done: deque[Outcome] = deque()

    def generate(self, requests: Iterable[Request]) -> Iterator[Outcome]:
        """Outcomes as rows finish; failures of a window first."""
        self._ended.clear()
        self._done.clear()
        supply = Supply(iter(requests), self._rows * self.options.window, self._prepare)
        decoder = Decoder(self._net, self._layers, self._rows, self._tokens, self._take_token)
        for rows in decoder.run(supply):
            self._ended.extend(row for row in rows if row.finish is None)
            yield from self._drain()
        yield from self._drain()

    def arrived(self) -> list[Outcome]:
        """Outcomes that were there when the caller stopped, those of the last step too."""
        return list(self._drain())

    def _drain(self) -> Iterator[Outcome]:
        while self._done or self._ended:
            if not self._done:
                row = self._ended.popleft()
                self._done.append(Outcome(row.request, self._result(row)))
            yield self._done.popleft()

    def close(self) -> None:
        """Lets go of the weights."""
        if self._net is None:
            return
        self._net = None
        if self._device.startswith("cuda"):
            import torch

            torch.cuda.empty_cache()

    def _prepare(self, requests: list[Request]) -> list[Row]:
        """Rows of the requests that can run; the failures of the others wait to be yielded."""
        texts: list[tuple[Request, str]] = []
        for request in requests:
            self.model.check(request)
            text = self._prompt(request)
            if isinstance(text, Failure):
                self._done.append(Outcome(request, text))
            else:
                texts.append((request, text))
        if not texts:
            return []
        encoded = self._tokenizer([text for _, text in texts], add_special_tokens=False)["input_ids"]
        rows = []
        for (request, _), prompt in zip(texts, encoded, strict=True):
            room = self._context - len(prompt)
            if room < 1 or not prompt:
                self._done.append(Outcome(request, _no_room(len(prompt), self._context)))
                continue
            rows.append(Row(request, list(prompt), min(request.sampling.max_tokens, room)))
        return rows

    def _prompt(self, request: Request) -> str | Failure:
        if request.response_format is not None:
            return Failure("engine transformers cannot hold an answer to a format", "bad_request", retryable=False)
        try:
            text: str = self._tokenizer.apply_chat_template(
                [message.model_dump() for message in request.messages],
                tools=list(request.tools) or None,
                add_generation_prompt=True,
                tokenize=False,
                **self.options.chat_template_kwargs,
            )
        except Exception as error:
            # Templates are programs of the model's makers: whatever they raise is about this request.
            return Failure(f"the chat template refuses the messages: {error}", "bad_request", retryable=False)
        return text

    def _take_token(self, row: Row, token: int) -> bool:
        """Notes a row's next token; whether the row is done, and why."""
        if token in self._ends:
            row.finish = "stop"
        else:
            row.produced.append(token)
            row.said[token] += 1
            if row.request.sampling.stop and self._meets_stop(row):
                row.finish = "stop"
            elif len(row.produced) >= row.most:
                row.finish = "length"
        if row.finish is not None:
            self._ended.append(row)
        return row.finish is not None

    def _meets_stop(self, row: Row) -> bool:
        """Whether a stop string has come; then the row's text ends before it."""
        stops = row.request.sampling.stop
        # A token has at least one byte, so this many hold any stop string that ends in the last one.
        reach = max(len(stop.encode()) for stop in stops) + _TAIL
        tail = self._decode(row.produced[-reach:])
        if not any(stop in tail for stop in stops):
            return False
        text = self._decode(row.produced)
        at = min((text.find(stop) for stop in stops if stop in text), default=-1)
        row.text = text[:at] if at >= 0 else None
        return at >= 0

    def _result(self, row: Row) -> Reply | Failure:
        if row.finish is None:
            return Failure(
                f"{row.length} tokens do not fit into the memory of {self._device}", "server", retryable=False
            )
        reply = Reply.make(
            row.text if row.text is not None else self._decode(row.produced),
            finish_reason=row.finish,
            prompt_tokens=len(row.prompt),
            # The end token counts, as endpoints count it.
            completion_tokens=len(row.produced) + (row.finish == "stop" and row.text is None),
            seconds=time.monotonic() - row.started,
            model=self.model.model,
        )
        return reply

    def _decode(self, tokens: list[int]) -> str:
        text: str = self._tokenizer.decode(tokens, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        return text


def _no_room(prompt: int, context: int) -> Failure:
    if not prompt:
        return Failure("the chat template makes an empty prompt", "bad_request", retryable=False)
    reason = f"the prompt has {prompt} tokens, the model's context holds {context}: no room for an answer"
    return Failure(reason, "bad_request", retryable=False)
