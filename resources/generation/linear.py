"""Linear layers with their weights laid out once for the processor's matrix unit, for decoding on a CPU.

Contract: `pack_linears` changes a loaded bf16 model in place so that its answers stay bit for bit the same; it can then
decode only, not train or be saved. torch lays a weight out anew in every call, which costs as much as multiplying
(measured with AVX-512 and AMX, 64 rows, the layers of SmolLM2-135M: 87 ms a step plain, 53 ms packed). Where torch lacks
these operations the model is left as it is.
"""

from __future__ import annotations

from functools import cache
from typing import Any


def pack_linears(net: Any, rows: int) -> bool:
    """Packs every plain linear layer of `net` for batches of about `rows` rows; whether that could be done."""
    import torch

    operations = torch.ops.mkldnn
    if net.device.type != "cpu" or net.dtype != torch.bfloat16 or not operations._is_mkldnn_bf16_supported():
        return False
    if not hasattr(operations, "_reorder_linear_weight") or not hasattr(operations, "_linear_pointwise"):
        return False
    packed_class = _packed_class()
    # Collected first: replacing while walking would visit the replacements.
    plain = [(name, module) for name, module in net.named_modules() if type(module) is torch.nn.Linear]
    for name, module in plain:
        parent, _, child = name.rpartition(".")
        setattr(net.get_submodule(parent), child, packed_class(module, rows))
    return True


@cache
def _packed_class() -> Any:
    import torch

    module: Any = torch.nn.Module

    class PackedLinear(module):  # type: ignore[misc]
        """A linear layer whose weight only its own operation can read."""

        def __init__(self, plain: torch.nn.Linear, rows: int) -> None:
            super().__init__()
            self.in_features, self.out_features = plain.in_features, plain.out_features
            self._packed = torch.ops.mkldnn._reorder_linear_weight(plain.weight.detach(), rows)
            self._bias = plain.bias.detach() if plain.bias is not None else None

        def forward(self, states: torch.Tensor) -> torch.Tensor:
            out: torch.Tensor = torch.ops.mkldnn._linear_pointwise(states, self._packed, self._bias, "none", [], "")
            return out

    return PackedLinear
