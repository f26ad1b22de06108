"""How the transformers engine batches, beside transformers' own ways, with one small model in one process.

    python benchmarks/bench_batching.py [FOLDER] [--requests 64] [--rows 32] [--tokens 96]

FOLDER holds the weights (`ot run demo` leaves SmolLM2 under $OT_HOME/models). The same greedy questions with lengths that
differ are answered by the engine (rows leave and join while the batch runs), by `generate` over length-sorted batches that
wait for their longest answer, and by transformers' continuous batching (`generate_batch`), where it runs. The engine's
answers of a row may differ from another way's by rounding, so tokens per second are compared, not texts.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.figures import figure, note
from resources.generation.model import Model
from resources.generation.reply import Reply
from resources.generation.request import Message, Request, Sampling
from resources.generation.transformers_engine import TransformersEngine
from resources.home import Home

Speed = tuple[int, float]


def questions(model: Model, count: int, tokens: int) -> list[Request]:
    """Greedy requests; answers end at most at `tokens`, three in four of them much earlier, as real ones do."""
    chance = random.Random(5)
    asked = []
    for n in range(count):
        text = f"Question {n}: " + " ".join(
            f"what is {chance.randrange(99)} plus {n}?" for _ in range(chance.randint(1, 8))
        )
        most = tokens if n % 4 == 0 else chance.randint(1, max(1, tokens // 3))
        asked.append(model.request([Message(role="user", content=text)], Sampling(temperature=0, max_tokens=most)))
    return asked


def ours(engine: TransformersEngine, asked: list[Request]) -> Speed:
    """Tokens and seconds of the engine."""
    began = time.perf_counter()
    replies = [result for _, result in engine.generate(asked) if isinstance(result, Reply)]
    if len(replies) != len(asked):
        raise RuntimeError(f"{len(asked) - len(replies)} requests failed")
    return sum(reply.completion_tokens or 0 for reply in replies), time.perf_counter() - began


def sorted_batches(net: Any, tokenizer: Any, asked: list[Request], rows: int) -> Speed:
    """`generate` over batches sorted by the length of prompt and answer, which it is told beforehand: its best case."""
    import torch

    prompts = sorted(
        ((request.sampling.max_tokens, prompt(tokenizer, request)) for request in asked),
        key=lambda one: (one[0], len(one[1])),
    )
    began, tokens = time.perf_counter(), 0
    for start in range(0, len(prompts), rows):
        batch = prompts[start : start + rows]
        encoded = tokenizer([text for _, text in batch], return_tensors="pt", padding=True, padding_side="left")
        width = encoded["input_ids"].shape[1]
        with torch.inference_mode():
            out = net.generate(**encoded, do_sample=False, max_new_tokens=max(most for most, _ in batch))
        for (most, _), row in zip(batch, out[:, width:].tolist(), strict=True):
            ended = row.index(tokenizer.eos_token_id) + 1 if tokenizer.eos_token_id in row else len(row)
            tokens += min(most, ended)
    return tokens, time.perf_counter() - began


def continuous(net: Any, tokenizer: Any, asked: list[Request], tokens: int) -> Speed:
    """The own continuous batching of transformers; it knows one length for all."""
    from transformers import GenerationConfig

    inputs = [tokenizer(prompt(tokenizer, request))["input_ids"] for request in asked]
    config = GenerationConfig(  # type: ignore[no-untyped-call]
        max_new_tokens=tokens, do_sample=False, eos_token_id=tokenizer.eos_token_id
    )
    began = time.perf_counter()
    out = net.generate_batch(inputs=inputs, generation_config=config, progress_bar=False)
    return sum(len(one.generated_tokens) for one in out.values()), time.perf_counter() - began


def prompt(tokenizer: Any, request: Request) -> str:
    """The request as the model reads it."""
    said: str = tokenizer.apply_chat_template(
        [message.model_dump() for message in request.messages], add_generation_prompt=True, tokenize=False
    )
    return said


def rate(name: str, measure: Callable[[], Speed]) -> float:
    """Tokens per second, told on the way."""
    tokens, seconds = measure()
    note(f"{name}: {tokens} tokens in {seconds:.1f} s")
    return tokens / seconds


def demo_weights() -> Path | None:
    """The folder that the demo recipe leaves its weights in."""
    found = sorted(Home.from_env().models.glob("smollm2-135m-instruct/*/config.json"))
    return found[0].parent if found else None


def main() -> None:
    """Measures the three, each after a small first batch."""
    options = argparse.ArgumentParser()
    options.add_argument("folder", type=Path, nargs="?")
    options.add_argument("--requests", type=int, default=64)
    options.add_argument("--rows", type=int, default=32)
    options.add_argument("--tokens", type=int, default=96)
    said = options.parse_args()
    said.folder = said.folder or demo_weights()
    if said.folder is None:
        note("no weights: give their folder, or run the demo first")
        return
    model = Model(
        key="bench", engine="transformers", model=said.folder.name, weights=said.folder, options={"rows": said.rows}
    )
    asked = questions(model, said.requests, said.tokens)

    from transformers import AutoModelForCausalLM, AutoTokenizer

    engine = TransformersEngine(model)
    ours(engine, asked[:4])
    speed = rate("engine", lambda: ours(engine, asked))
    dtype = engine._net.dtype
    engine.close()
    tokenizer = AutoTokenizer.from_pretrained(said.folder)
    tokenizer.pad_token = tokenizer.pad_token or tokenizer.eos_token
    net = AutoModelForCausalLM.from_pretrained(said.folder, dtype=dtype)
    sorted_batches(net, tokenizer, asked[:4], said.rows)
    other = rate("generate, sorted", lambda: sorted_batches(net, tokenizer, asked, said.rows))
    figure(
        "engine.transformers.tokens_per_second",
        speed,
        "tokens/s",
        alternative="generate over length-sorted batches",
        other=other,
        bar="at least as fast",
        holds=speed >= other,
    )
    try:
        third = rate("generate_batch", lambda: continuous(net, tokenizer, asked, said.tokens))
    except Exception as error:
        note(f"generate_batch does not run here: {type(error).__name__}: {str(error)[:200]}")
        return
    figure(
        "engine.transformers.tokens_per_second.continuous",
        speed,
        "tokens/s",
        alternative="transformers' generate_batch (continuous batching; every answer may be as long as the longest)",
        other=third,
    )


if __name__ == "__main__":
    main()
