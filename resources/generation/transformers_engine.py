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
from typing import Any

from resources.errors import UserError
from resources.generation.attention import plain_attention, use_grouped_attention
from resources.generation.decoding import Decoder
from resources.generation.engine import Outcome
from resources.generation.linear import pack_linears
from resources.generation.model import Model
from resources.generation.options import TransformersOptions, read_options
from resources.generation.reply import Failure, Reply
from resources.generation.request import Request
from resources.generation.rows import Row, Supply
from resources.generation.threads import calm_threads

_ATTENTION_LAYERS = {"full_attention", "sliding_attention", "chunked_attention"}
_CPU_CACHE_BYTES = 1 << 30
_TAIL = 8


class TransformersEngine:
    """A loaded model, its tokenizer and chat template."""

    endpoint = "transformers-chat"

    def __init__(self, model: Model) -> None:
        calm_threads()
        self.model = model
        self.options = read_options(model, TransformersOptions)
        self._device = _device(model)
        self._tokenizer = _tokenizer(model)
        self._net = _weights(model, self.options, self._device)
        config = self._net.config.get_text_config()
        self._layers = _layers(model, config)
        self._context = int(getattr(config, "max_position_embeddings", 0) or 1 << 30)
        self._ends = _ends(self._net, self._tokenizer)
        rows, tokens = _budget(config, self._net, self._device)
        self._rows, self._tokens = self.options.rows or rows, self.options.tokens or tokens
        pack_linears(self._net, self._rows)
        self._done: deque[Outcome] = deque()

    def generate(self, requests: Iterable[Request]) -> Iterator[Outcome]:
        """Outcomes as rows finish; failures of a window first."""
        self._done.clear()
        supply = Supply(iter(requests), self._rows * self.options.window, self._prepare)
        decoder = Decoder(self._net, self._layers, self._rows, self._tokens, self._take_token)
        for row in decoder.run(supply):
            self._done.append(Outcome(row.request, self._result(row)))
            while self._done:
                yield self._done.popleft()
        while self._done:
            yield self._done.popleft()

    def arrived(self) -> list[Outcome]:
        """Outcomes that were there when the caller stopped."""
        outcomes, self._done = list(self._done), deque()
        return outcomes

    def close(self) -> None:
        """Lets go of the weights."""
        if self._net is None:
            return
        self._net = None
        if self._device == "cuda":
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
            return True
        row.produced.append(token)
        row.said[token] += 1
        if row.request.sampling.stop and self._meets_stop(row):
            row.finish = "stop"
        elif len(row.produced) >= row.most:
            row.finish = "length"
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


def _device(model: Model) -> str:
    import torch

    if model.device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if model.device.startswith("cuda") and not torch.cuda.is_available():
        raise UserError(
            f"model {model.key}: device {model.device}, but no GPU is usable here", fix="write device: auto"
        )
    return model.device


def _source(model: Model) -> tuple[str, dict[str, Any]]:
    """Where the weights are: a folder of this machine, or the hub."""
    if model.weights is None:
        return model.model, {"revision": model.revision or None}
    if not (model.weights / "config.json").is_file():
        raise UserError(
            f"model {model.key}: {model.weights} holds no config.json, so it is no model folder",
            fix="make the weights again (for a student: `ot run` its recipe)",
        )
    return str(model.weights), {}


def _tokenizer(model: Model) -> Any:
    from transformers import AutoTokenizer

    source, where = _source(model)
    tokenizer = _loaded(model, source, lambda: AutoTokenizer.from_pretrained(source, **where))
    if not tokenizer.chat_template:
        raise UserError(
            f"model {model.key}: the tokenizer of {source} has no chat template",
            fix="use the instruct variant of the model, or put a chat_template.jinja beside its tokenizer",
        )
    return tokenizer


def _weights(model: Model, options: TransformersOptions, device: str) -> Any:
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM
    from transformers.utils import logging

    source, where = _source(model)
    quiet: Any = logging.disable_progress_bar
    quiet()
    config = _loaded(model, source, lambda: AutoConfig.from_pretrained(source, **where))
    dtype = getattr(torch, _dtype(model, device))
    attention = options.attention if options.attention != "auto" else _attention(config.get_text_config(), device)
    net = _loaded(
        model,
        source,
        lambda: AutoModelForCausalLM.from_pretrained(source, dtype=dtype, attn_implementation=attention, **where),
    )
    return net.to(device).eval()


def _loaded(model: Model, source: str, load: Any) -> Any:
    try:
        return load()
    except Exception as error:
        # transformers raises a dozen kinds for damaged or foreign files; all of them are about what lies there.
        first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise UserError(
            f"model {model.key}: cannot load {source}: {first}",
            fix="check the model's id or folder, and for a hub model that the hub can be reached",
        ) from error


def _dtype(model: Model, device: str) -> str:
    """bfloat16 wherever the processor computes it; otherwise what it does compute."""
    import torch

    if model.dtype != "auto":
        return model.dtype
    if device.startswith("cuda"):
        return "bfloat16" if torch.cuda.is_bf16_supported() else "float16"
    if device == "cpu":
        return "bfloat16" if torch.ops.mkldnn._is_mkldnn_bf16_supported() else "float32"
    return "float16"


def _attention(config: Any, device: str) -> str:
    if not plain_attention(config):
        return "eager"
    return use_grouped_attention() if device == "cpu" else "sdpa"


def _layers(model: Model, config: Any) -> int:
    kinds = set(getattr(config, "layer_types", None) or ())
    if kinds - _ATTENTION_LAYERS:
        raise UserError(
            f"model {model.key}: engine transformers decodes attention layers only, this model has {', '.join(sorted(kinds))}",
            fix="serve it with `vllm serve` and give the model engine: openai",
        )
    return int(config.num_hidden_layers)


def _ends(net: Any, tokenizer: Any) -> frozenset[int]:
    """The tokens that end an answer."""
    said = net.generation_config.eos_token_id
    ends = {said} if isinstance(said, int) else set(said or ())
    return frozenset(ends | {tokenizer.eos_token_id} - {None})


def _budget(config: Any, net: Any, device: str) -> tuple[int, int]:
    """Rows at once, and tokens in their caches: on a CPU 1 GiB of cache, on a GPU two thirds of what the weights left
    free.
    """
    import torch

    heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
    dim = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    token = 2 * config.num_hidden_layers * heads * dim * net.dtype.itemsize
    if device.startswith("cuda"):
        free, _ = torch.cuda.mem_get_info()
        return 256, max(4096, int(free * 2 / 3) // token)
    return 128, max(4096, _CPU_CACHE_BYTES // token)
