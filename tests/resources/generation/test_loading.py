from __future__ import annotations

from types import SimpleNamespace

import pytest

from resources.generation import loading

# A token of it takes 2 x 30 layers x 3 heads x 64 x 2 bytes.
CONFIG = SimpleNamespace(
    num_key_value_heads=3, num_attention_heads=9, hidden_size=576, head_dim=64, num_hidden_layers=30
)
NET = SimpleNamespace(dtype=SimpleNamespace(itemsize=2))
TOKEN = 2 * 30 * 3 * 64 * 2


@pytest.mark.parametrize(
    ("free", "tokens"), [(4 * TOKEN * 5000, 4096), (4 * TOKEN * 4095, 2048), (1000, 512), (0, 512)]
)
def test_rows_on_a_cpu_fit_into_a_quarter_of_free_memory(
    monkeypatch: pytest.MonkeyPatch, free: int, tokens: int
) -> None:
    monkeypatch.setattr(loading, "available_memory", lambda: free)
    assert loading.cache_budget(CONFIG, NET, "cpu") == (128, tokens)


def test_where_free_memory_cannot_be_read_a_gibibyte_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "available_memory", lambda: None)
    _, tokens = loading.cache_budget(CONFIG, NET, "cpu")
    assert 2**29 < tokens * TOKEN <= 2**30


def test_rows_on_a_gpu_take_what_nobody_holds_and_what_torch_holds_unused(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: ({"cuda:1": 2 * TOKEN * 1000}[device], 0))
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda device: TOKEN * 4000)
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda device: TOKEN * 2900)
    assert loading.cache_budget(CONFIG, NET, "cuda:1") == (256, 2048)
