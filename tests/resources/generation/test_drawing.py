"""The tokens that settings allow are those of transformers' own warpers, and their shares are the probabilities."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from resources.generation.drawing import draw, has_penalties, penalise
from resources.generation.request import Sampling

few = settings(max_examples=30, deadline=None)


def logits_of(seed: int, rows: int = 1, vocabulary: int = 3000) -> torch.Tensor:
    return torch.randn((rows, vocabulary), generator=torch.Generator().manual_seed(seed)) * 3


def drawn(logits: torch.Tensor, sampling: Sampling, draws: int) -> torch.Tensor:
    """Tokens of one row for evenly spaced chances."""
    chance = [(n + 0.5) / draws for n in range(draws)]
    return draw(logits.expand(draws, -1).clone(), sampling, chance)


def warped(
    logits: torch.Tensor, temperature: float, top_k: int | None, top_p: float, min_p: float | None
) -> torch.Tensor:
    from transformers import (
        LogitsProcessorList,
        MinPLogitsWarper,
        TemperatureLogitsWarper,
        TopKLogitsWarper,
        TopPLogitsWarper,
    )

    chain: list[Any] = [TemperatureLogitsWarper(temperature)]
    if top_k is not None:
        chain.append(TopKLogitsWarper(top_k))
    if top_p < 1:
        chain.append(TopPLogitsWarper(top_p))
    if min_p:
        chain.append(MinPLogitsWarper(min_p))
    return torch.softmax(LogitsProcessorList(chain)(torch.zeros((1, 1), dtype=torch.long), logits), dim=-1)[0]


@few
@given(
    seed=st.integers(0, 1000),
    temperature=st.floats(0.2, 2),
    top_k=st.none() | st.integers(1, 50),
    top_p=st.sampled_from([1.0, 0.95, 0.5]),
    min_p=st.sampled_from([None, 0.02, 0.3]),
)
def test_shares_are_those_of_transformers(
    seed: int, temperature: float, top_k: int | None, top_p: float, min_p: float | None
) -> None:
    logits = logits_of(seed, vocabulary=500)
    sampling = Sampling(max_tokens=1, temperature=temperature, top_k=top_k, top_p=top_p, min_p=min_p)
    draws = 4000
    share = torch.bincount(drawn(logits, sampling, draws), minlength=500) / draws
    want = warped(logits, temperature, top_k, top_p, min_p)
    # Evenly spaced chances meet each token's share to within one draw at either end.
    assert (share - want).abs().max() <= 2.5 / draws


def test_a_nucleus_wider_than_the_candidates_is_right_too() -> None:
    logits = torch.zeros((1, 5000))
    tokens = drawn(logits, Sampling(max_tokens=1, top_p=0.9), 5000)
    assert abs(len(tokens.unique()) - 4500) <= 2


def test_temperature_0_is_the_likeliest_token() -> None:
    logits = logits_of(1, rows=5)
    assert draw(logits, Sampling(max_tokens=1, temperature=0), [0.99] * 5).tolist() == logits.argmax(-1).tolist()


@pytest.mark.parametrize("chance", [0.0, 0.5, 1 - 2**-53])
@pytest.mark.parametrize("vocabulary", [1, 255, 256, 257, 1000])
def test_the_edges_of_chance_give_a_possible_token(chance: float, vocabulary: int) -> None:
    logits = torch.full((1, vocabulary), -torch.inf)
    logits[0, vocabulary // 2] = 1.0
    for sampling in (Sampling(max_tokens=1), Sampling(max_tokens=1, top_p=0.9), Sampling(max_tokens=1, top_k=1)):
        assert draw(logits, sampling, [chance]).tolist() == [vocabulary // 2]


@few
@given(seed=st.integers(0, 1000), chance=st.lists(st.floats(0, 1, exclude_max=True), min_size=2, max_size=5))
def test_a_row_does_not_depend_on_its_neighbours(seed: int, chance: list[float]) -> None:
    logits = logits_of(seed, rows=len(chance))
    for sampling in (
        Sampling(max_tokens=1),
        Sampling(max_tokens=1, top_p=0.8),
        Sampling(max_tokens=1, top_k=20, min_p=0.01),
    ):
        together = draw(logits, sampling, chance).tolist()
        assert together == [draw(logits[n : n + 1], sampling, [u]).item() for n, u in enumerate(chance)]


def test_penalties_lower_what_was_said() -> None:
    logits = torch.tensor([[2.0, -2.0, 1.0, 1.0], [2.0, -2.0, 1.0, 1.0]])
    said, prompts = [{0: 2, 1: 1}, {}], [frozenset({3}), frozenset[int]()]
    repeated = penalise(logits.clone(), Sampling(max_tokens=1, repetition_penalty=2.0), said, prompts)
    assert repeated.tolist() == [[1.0, -4.0, 1.0, 0.5], [2.0, -2.0, 1.0, 1.0]]
    counted = penalise(
        logits.clone(), Sampling(max_tokens=1, presence_penalty=0.5, frequency_penalty=0.25), said, prompts
    )
    assert counted.tolist() == [[1.0, -2.75, 1.0, 1.0], [2.0, -2.0, 1.0, 1.0]]
    assert not has_penalties(Sampling(max_tokens=1, repetition_penalty=1.0, presence_penalty=0.0))
