"""From logits to tokens: greedy or by chance, with the settings of `Sampling`.

Contract: pure and deterministic. Chance comes in as one number u in [0, 1) a row, and the token is where the cumulated
probability passes u; so the same logits and u give the same token on every device. Settings apply in the order of
transformers and vLLM: penalties, temperature, top_k, top_p, min_p.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

from resources.generation.request import Sampling

if TYPE_CHECKING:
    import torch

_CANDIDATES = 1024
_BLOCK = 256
# Rounding may carry u · total up to the total itself, where there is no token.
_BELOW_ONE = 1 - 2**-22


def draw(logits: torch.Tensor, sampling: Sampling, chance: Sequence[float]) -> torch.Tensor:
    """Tokens [rows] from logits [rows, vocabulary], to which penalties were applied already; one `chance` in [0, 1) a
    row.
    """
    import torch

    if sampling.temperature == 0:
        return logits.argmax(-1)
    u = torch.tensor(chance, dtype=torch.float32, device=logits.device)
    probabilities = torch.softmax(logits / sampling.temperature, dim=-1)
    if sampling.top_k is not None or sampling.top_p < 1:
        return _from_candidates(probabilities, sampling, u)
    if sampling.min_p:
        floor = probabilities.amax(-1, keepdim=True) * sampling.min_p
        probabilities = torch.where(probabilities < floor, 0.0, probabilities)
    return _inverse(probabilities, u)


def penalise(
    logits: torch.Tensor, sampling: Sampling, said: Sequence[Mapping[int, int]], prompts: Sequence[frozenset[int]]
) -> torch.Tensor:
    """Logits after penalties. `said` counts the tokens of each row's answer so far, `prompts` has those of its prompt.

    repetition_penalty: CTRL (arXiv 1909.05858, section 4.1), over prompt and answer; presence and frequency as OpenAI
    defines them, over the answer.
    """
    import torch

    if sampling.repetition_penalty not in (None, 1.0):
        rows, tokens = _places([prompt | counts.keys() for prompt, counts in zip(prompts, said, strict=True)])
        if rows:
            there = logits[rows, tokens]
            factor = sampling.repetition_penalty
            logits[rows, tokens] = torch.where(there > 0, there / factor, there * factor)
    presence, frequency = sampling.presence_penalty or 0.0, sampling.frequency_penalty or 0.0
    if presence or frequency:
        rows, tokens = _places([counts.keys() for counts in said])
        if rows:
            times = torch.tensor([n for counts in said for n in counts.values()], device=logits.device)
            logits[rows, tokens] -= presence + frequency * times
    return logits


def has_penalties(sampling: Sampling) -> bool:
    """Whether any penalty changes logits."""
    return (
        sampling.repetition_penalty not in (None, 1.0)
        or bool(sampling.presence_penalty)
        or bool(sampling.frequency_penalty)
    )


def _places(tokens: Sequence[Collection[int]]) -> tuple[list[int], list[int]]:
    """Row and column of every token of every row."""
    rows = [row for row, some in enumerate(tokens) for _ in some]
    return rows, [token for some in tokens for token in some]


def _from_candidates(probabilities: torch.Tensor, sampling: Sampling, u: torch.Tensor) -> torch.Tensor:
    """top_k, top_p and min_p over the likeliest tokens only: sorting a whole vocabulary costs more than the model's
    step.
    """
    import torch

    vocabulary = probabilities.shape[-1]
    width = min(sampling.top_k or _CANDIDATES, vocabulary)
    best, tokens = probabilities.topk(width, dim=-1)
    if sampling.top_k is None and bool((best.sum(-1) < sampling.top_p).any()):
        best, tokens = probabilities.sort(dim=-1, descending=True)
    if sampling.top_p < 1:
        # With top_k the nucleus is of what top_k left. The token that passes top_p is the last one kept.
        before = best.cumsum(-1) - best
        limit = sampling.top_p * (best.sum(-1, keepdim=True) if sampling.top_k else 1.0)
        best = torch.where(before < limit, best, 0.0)
    if sampling.min_p:
        best = torch.where(best < best[:, :1] * sampling.min_p, 0.0, best)
    return tokens.gather(-1, _inverse(best, u).unsqueeze(-1)).squeeze(-1)


def _inverse(weights: torch.Tensor, u: torch.Tensor) -> torch.Tensor:
    """The index in each row where the cumulated weight passes u times the row's total. Two levels: sums of blocks, then
    one block.
    """
    import torch

    rows, width = weights.shape
    blocks = -(-width // _BLOCK)
    padded = torch.nn.functional.pad(weights, (0, blocks * _BLOCK - width)).view(rows, blocks, _BLOCK)
    sums = padded.sum(-1).cumsum(-1)
    target = (u * _BELOW_ONE * sums[:, -1]).unsqueeze(-1)
    block = torch.searchsorted(sums, target, right=True).clamp(max=blocks - 1)
    before = torch.where(block > 0, sums.gather(-1, (block - 1).clamp(min=0)), 0.0)
    inside = padded.gather(1, block.unsqueeze(-1).expand(rows, 1, _BLOCK)).squeeze(1).cumsum(-1)
    rest = torch.minimum((target - before).clamp(min=0), inside[:, -1:] * _BELOW_ONE)
    return (block * _BLOCK + torch.searchsorted(inside, rest, right=True).clamp(max=_BLOCK - 1)).squeeze(-1)
