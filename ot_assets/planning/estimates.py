"""From calls to ranges: tokens, money and hours, each with an 80 % interval and what it rests on.

Pure. Three bases, said with every figure: `stored n=...` (replies of the same teacher that are in the response store),
`pilot n=...` (asked just now to find out), `stated` (the specs and the constants of `calls`). A measured mean has Student's
interval over its n replies and the N to come; a stated figure is taken to be right within a factor of two, a rule of thumb.
Sums add low ends to low ends and high ends to high ends: as if all errors went together, so a sum is rather too wide.
Without a price a cost is None (not known), never 0; without a speed so are the hours.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any, Protocol

from ot_assets.registry import ModelSpec

FEW = 5
"""Replies below which a measured mean says too little."""
FACTOR = 2.0
_Z80 = NormalDist().inv_cdf(0.9)


@dataclass(frozen=True)
class Range:
    """An expected value between the ends of its 80 % interval."""

    low: float
    expected: float
    high: float

    def __add__(self, other: Range) -> Range:
        return Range(self.low + other.low, self.expected + other.expected, self.high + other.high)

    def times(self, factor: float) -> Range:
        """The same, scaled by something that is known (at least 0)."""
        return Range(self.low * factor, self.expected * factor, self.high * factor)

    def to_json(self, digits: int = 2) -> dict[str, float]:
        """For programs."""
        return {
            "low": round(self.low, digits),
            "expected": round(self.expected, digits),
            "high": round(self.high, digits),
        }


NOTHING = Range(0.0, 0.0, 0.0)


@dataclass(frozen=True)
class Lengths:
    """Tokens of so many replies that came: means, spreads, quantiles of the completion, and the pace they came at."""

    replies: int
    prompt_mean: float
    prompt_sd: float
    mean: float
    sd: float
    p10: int
    p50: int
    p90: int
    tokens_per_second: float | None
    pilot: bool = False

    @property
    def basis(self) -> str:
        """What a figure made from it rests on."""
        return f"{'pilot' if self.pilot else 'stored'} n={self.replies:,}"


@dataclass(frozen=True)
class Calls:
    """So many requests to one model, each of about so many tokens by the specs.

    `purpose` is the label that their replies are stored under, `where` the source or benchmark, `limit` the most tokens of
    one answer, `runs_on` the model whose speed and GPUs they take when that is not the one that is priced (a student).
    """

    who: str
    model: ModelSpec | None
    requests: int
    prompt: int
    completion: int
    where: str = ""
    purpose: str = ""
    limit: int | None = None
    runs_on: ModelSpec | None = None


class Known(Protocol):
    """Where lengths of replies that came are looked up."""

    def lengths(self, call: Calls) -> Lengths | None:
        """Lengths of the replies nearest to what a call will bring, or None when there are too few."""
        ...


@dataclass(frozen=True)
class CallEstimate:
    """What some calls will take. `cost`, `wall_hours` and `gpu_hours` are None when they are not known."""

    who: str
    where: str
    requests: int
    prompt: Range
    completion: Range
    cost: Range | None
    wall_hours: Range | None
    gpu_hours: Range | None
    basis: str
    pace: str
    lengths: Lengths | None

    def to_json(self) -> dict[str, Any]:
        """For programs."""
        found = self.lengths
        return {
            "who": self.who,
            "where": self.where,
            "requests": self.requests,
            "prompt_tokens": self.prompt.to_json(0),
            "completion_tokens": self.completion.to_json(0),
            "cost": self.cost.to_json(4) if self.cost else None,
            "wall_hours": self.wall_hours.to_json(4) if self.wall_hours else None,
            "gpu_hours": self.gpu_hours.to_json(4) if self.gpu_hours else None,
            "basis": self.basis,
            "pace": self.pace,
            "lengths": {"p10": found.p10, "p50": found.p50, "p90": found.p90} if found else None,
        }


def estimate(call: Calls, known: Known | None = None) -> CallEstimate:
    """Tokens, money and hours of some calls, from what is known or else from what is stated."""
    found = known.lengths(call) if known is not None and call.requests else None
    if found is not None:
        prompt = _measured(found.prompt_mean, found.prompt_sd, found.replies, call.requests)
        completion = _measured(found.mean, found.sd, found.replies, call.requests)
    else:
        prompt, completion = _stated(call.prompt * call.requests), _stated(call.completion * call.requests)
    most = math.inf if call.limit is None else float(call.limit * call.requests)
    completion = Range(min(completion.low, most), min(completion.expected, most), min(completion.high, most))
    price = call.model.price if call.model is not None else None
    cost = prompt.times(price.input / 1e6) + completion.times(price.output / 1e6) if price is not None else None
    pace, per_second, gpus = _pace(call.runs_on or call.model, found)
    wall = completion.times(1 / per_second / 3600) if per_second else None
    return CallEstimate(
        who=call.who,
        where=call.where,
        requests=call.requests,
        prompt=prompt,
        completion=completion,
        cost=cost if call.requests else NOTHING,
        wall_hours=wall if call.requests else NOTHING,
        gpu_hours=(wall.times(gpus) if wall is not None and gpus is not None else None) if call.requests else NOTHING,
        basis=found.basis if found is not None else "stated",
        pace=pace,
        lengths=found,
    )


def total(ranges: Iterable[Range | None]) -> tuple[Range, bool]:
    """The sum of what is known, and whether everything is."""
    found = list(ranges)
    known = [one for one in found if one is not None]
    return sum(known, NOTHING), len(known) == len(found)


def replicas_and_gpus(model: ModelSpec | None) -> tuple[int, int | None]:
    """Copies of a model that answer at once, and the GPUs that all of them take; None where nobody says."""
    serve = model.serve if model is not None else None
    if model is None or serve is None:
        return 1, 1 if model is not None and model.engine == "transformers" else None
    copies = serve.data_parallel
    return copies, copies * serve.tensor_parallel * serve.pipeline_parallel


def _measured(mean: float, sd: float, sample: int, requests: int) -> Range:
    """The sum over `requests` further draws: Student's t (Cornish-Fisher) times the spread of sum and mean together."""
    freedom = max(sample - 1, 1)
    t = _Z80 + (_Z80**3 + _Z80) / (4 * freedom)
    half = t * sd * math.sqrt(1 / sample + 1 / max(requests, 1)) * requests
    middle = mean * requests
    return Range(max(middle - half, 0.0), middle, middle + half)


def _stated(amount: float) -> Range:
    return Range(amount / FACTOR, amount, amount * FACTOR)


def _pace(model: ModelSpec | None, found: Lengths | None) -> tuple[str, float | None, int | None]:
    """What the hours rest on, completion tokens a second over all replicas, and GPUs."""
    copies, gpus = replicas_and_gpus(model)
    if model is not None and model.speed is not None:
        return f"stated {model.speed:g} tokens/s x {copies}", model.speed * copies, gpus
    if found is not None and found.tokens_per_second:
        return f"{found.basis}: {found.tokens_per_second:.3g} tokens/s", found.tokens_per_second, gpus
    return "no speed is known", None, gpus
