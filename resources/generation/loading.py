"""Opening a model's folder or hub id with transformers: device, tokenizer, weights, and what the decoder must know of them.

Contract: everything here is done once, when an engine is opened. UserError: a folder without a model, files that do not
load, a tokenizer without a chat template, a GPU that is not there, layers that the decoder does not know.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from resources.errors import UserError
from resources.generation.attention import plain_attention, use_grouped_attention
from resources.generation.model import Model
from resources.generation.options import TransformersOptions
from resources.memory import available_memory

_ATTENTION_LAYERS = {"full_attention", "sliding_attention", "chunked_attention"}
_ROWS, _ROWS_CPU = 256, 128
# Where free memory cannot be read.
_UNKNOWN = 4 << 30
_LEAST_TOKENS = 512


def pick_device(model: Model) -> str:
    """`cuda` or `cpu` for `auto`, else what the model says."""
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


def load_tokenizer(model: Model) -> Any:
    """The tokenizer, which has a chat template."""
    from transformers import AutoTokenizer

    source, where = _source(model)
    tokenizer = _loaded(model, source, lambda: AutoTokenizer.from_pretrained(source, **where))
    if not tokenizer.chat_template:
        raise UserError(
            f"model {model.key}: the tokenizer of {source} has no chat template",
            fix="use the instruct variant of the model, or put a chat_template.jinja beside its tokenizer",
        )
    return tokenizer


def load_weights(model: Model, options: TransformersOptions, device: str) -> Any:
    """The network on its device, ready to decode."""
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


def _loaded(model: Model, source: str, load: Callable[[], Any]) -> Any:
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


def attention_layers(model: Model, config: Any) -> int:
    """How many layers keep keys and values."""
    kinds = set(getattr(config, "layer_types", None) or ())
    if kinds - _ATTENTION_LAYERS:
        raise UserError(
            f"model {model.key}: engine transformers decodes attention layers only, this model has {', '.join(sorted(kinds))}",
            fix="serve it with `vllm serve` and give the model engine: openai",
        )
    return int(config.num_hidden_layers)


def end_tokens(net: Any, tokenizer: Any) -> frozenset[int]:
    """The tokens that end an answer."""
    said = net.generation_config.eos_token_id
    ends = {said} if isinstance(said, int) else set(said or ())
    return frozenset(ends | {tokenizer.eos_token_id} - {None})


def cache_budget(config: Any, net: Any, device: str) -> tuple[int, int]:
    """Rows at once, and tokens in their caches, from the memory that is free now, weights loaded: two thirds of a GPU's, a
    quarter of the machine's, which others use too and whose end kills instead of raising.

    The tokens are a power of two, so that a little more or less free memory does not change which rows run together.
    """
    heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
    dim = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    token = 2 * config.num_hidden_layers * heads * dim * net.dtype.itemsize
    if device.startswith("cuda"):
        return _ROWS, _power_of_two(_free_on_gpu(device) * 2 // 3 // token)
    free = available_memory()
    return _ROWS_CPU, _power_of_two((_UNKNOWN if free is None else free) // 4 // token)


def _free_on_gpu(device: str) -> int:
    """Bytes that nobody holds, and those that torch holds and does not use."""
    import torch

    free, _ = torch.cuda.mem_get_info(device)
    return free + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)


def _power_of_two(tokens: int) -> int:
    """The largest power of two that is not more; never so little that nothing runs."""
    return max(_LEAST_TOKENS, 1 << max(0, tokens.bit_length() - 1))
