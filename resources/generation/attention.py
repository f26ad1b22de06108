"""Attention for decoding on a CPU: grouped queries without copying the keys and values of each group.

Contract: `use_grouped_attention` returns the name to load a model with. transformers' own `eager` and `sdpa` first
repeat keys and values once a query head, which costs ten times the attention itself there (measured, 64 rows of 640
tokens, 9 heads over 3: 59 ms and 46 ms a layer, 5 ms so). It is right for models whose attention is a plain scaled dot
product; `plain_attention` says which.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

_NAME = "ot_grouped"
# Soft-capped scores and attention sinks are computed by the model's own eager code.
_SPECIAL = ("attn_logit_softcapping", "attention_sink", "sliding_attention_sinks")


def plain_attention(config: Any) -> bool:
    """Whether a model's configuration asks for nothing beyond a masked scaled dot product."""
    return not any(getattr(config, name, None) for name in _SPECIAL) and getattr(config, "model_type", "") != "gpt_oss"


@cache
def use_grouped_attention() -> str:
    """Registers the attention with transformers, once; its name for `attn_implementation`."""
    from transformers import AttentionInterface, AttentionMaskInterface
    from transformers.masking_utils import eager_mask

    AttentionInterface.register(_NAME, _grouped)
    # Masks of finite numbers: a fully masked padding row must not become NaN and spread through the cache.
    AttentionMaskInterface.register(_NAME, eager_mask)
    return _NAME


def _grouped(
    _module: object,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float | None = None,
    dropout: float = 0.0,
    **_rest: object,
) -> tuple[torch.Tensor, None]:
    """Query [rows, heads, new, dim], key and value [rows, groups, seen, dim] to [rows, new, heads, dim]."""
    from torch.nn.functional import scaled_dot_product_attention

    mixed = scaled_dot_product_attention(
        query, key, value, attn_mask=attention_mask, dropout_p=dropout, scale=scaling, enable_gqa=True
    )
    return mixed.transpose(1, 2).contiguous(), None
