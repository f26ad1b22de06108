"""Tokens per second of a small model behind vLLM's server, beside the transformers engine in this process.

Both answer the same questions, one engine after the other, each after a first small batch. The server is one of ours (the
engine `vllm`); set OT_VLLM_PYTHON to the Python that has it. Without it nothing is measured. `make test-vllm` installs
vLLM's CPU build and measures with the server that its tests keep up.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.figures import figure, note
from resources.generation.engine import Engine, open_engine
from resources.generation.model import Model
from resources.generation.reply import Reply
from resources.generation.request import Message, Request, Sampling

ROWS = 128
WARM = 16


def measure(served: Model, in_process: Model, rows: int = ROWS) -> tuple[float, float]:
    """Prints the figure; tokens per second of both."""
    speeds = (_speed(served, rows), _speed(in_process, rows))
    figure(
        "engine.vllm.tokens_per_second",
        speeds[0],
        "tokens/s",
        alternative="the transformers engine on the same questions",
        other=speeds[1],
    )
    return speeds


def _speed(model: Model, rows: int) -> float:
    began = time.monotonic()
    engine = open_engine(model)
    note(f"{model.engine}: ready after {time.monotonic() - began:.0f} s")
    try:
        _tokens(engine, requests(model, WARM, first=10_000))
        began = time.monotonic()
        tokens = _tokens(engine, requests(model, rows))
        seconds = time.monotonic() - began
    finally:
        engine.close()
    note(f"{model.engine}: {tokens} tokens in {seconds:.1f} s")
    return tokens / seconds


def _tokens(engine: Engine, asked: list[Request]) -> int:
    results = [outcome.result for outcome in engine.generate(asked)]
    failed = [result for result in results if not isinstance(result, Reply)]
    if failed:
        raise RuntimeError(f"{len(failed)} of {len(results)} failed, the first: {failed[0]}")
    return sum(result.completion_tokens or 0 for result in results if isinstance(result, Reply))


def requests(model: Model, rows: int, *, first: int = 0) -> list[Request]:
    """Questions whose answers differ in length."""
    sampling = Sampling(temperature=0.7, max_tokens=96)
    asked = [f"What is {n} + {3 * n + 7}? Think step by step." for n in range(first, first + rows)]
    return [model.request([Message(role="user", content=text)], sampling) for text in asked]


def main() -> None:
    """With the weights of the demo's model."""
    if "OT_VLLM_PYTHON" not in os.environ:
        note("bench_engines: OT_VLLM_PYTHON is not set: nothing measured (make test-vllm does)")
        return
    from ot_assets.asking import with_weights
    from ot_assets.registry import registry
    from resources.home import Home
    from resources.serving.options import ServeOptions

    here = with_weights(registry().all_models["smollm2-135m-instruct"], Home.from_env())()
    serve = ServeOptions(
        max_model_len=2048,
        max_num_seqs=64,
        enforce_eager=True,
        seeds=False,
        environment={"VLLM_CPU_KVCACHE_SPACE": 1} if not _has_gpu() else {},
    )
    measure(here.model_copy(update={"engine": "vllm", "serve": serve}), here)


def _has_gpu() -> bool:
    import torch

    return torch.cuda.is_available()


if __name__ == "__main__":
    main()
