"""The pairs that a method finds among the nodes of a step.

Belongs here: one line of choice a method. Contract: pairs of nodes (left < right) with their similarity in percent, at
or above the step's threshold, both of one group; the same for the same material, with a cache or without. Fails with
`UserError` when an embedding model cannot be had.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations, product

import numpy as np
import numpy.typing as npt
from rapidfuzz import fuzz

from ot_assets.curation import digests
from ot_assets.curation.dedup import cosine, minhash
from ot_assets.curation.dedup.found import Found, nothing
from ot_assets.curation.dedup.material import Material
from ot_assets.curation.dedup.numbers import VERSION, compatible
from ot_assets.registry.specs.dedup import Dedup
from resources.errors import UserError
from resources.home import Home

Ints = npt.NDArray[np.int64]
Progress = Callable[[int, int], None]


def pairs(step: Dedup, material: Material, home: Home | None, progress: Progress) -> Found:
    """All pairs of nodes that the step's method calls the same."""
    if len(material) < 2:
        return nothing()
    if step.method in ("fuzzy", "numbers"):
        return _indel(step, material, home, progress)
    groups = material.groups
    if step.method == "minhash":
        found = minhash.similar_pairs(material.texts(), step.percent, groups=groups, progress=progress)
    else:
        found = _embedded(step, material, home, progress)
    return found.kept(groups[found.left] == groups[found.right])


def measured(step: Dedup, material: Material, ones: Ints, others: Ints) -> list[float]:
    """The similarity of nodes that no pair names, each to the other at its place, as the method measures it; NaN where that
    needs a model.
    """
    if step.method == "embedding":
        return [float("nan")] * len(ones)
    scorer = minhash.jaccard if step.method == "minhash" else fuzz.ratio
    return [scorer(one, other) for one, other in zip(material.texts(ones), material.texts(others), strict=True)]


def _indel(step: Dedup, material: Material, home: Home | None, progress: Progress) -> Found:
    from ot_assets.curation.dedup.pairs import different_pairs

    first, alike = _by_key(material.keys)
    several = first[_in_company(material.groups[first])]
    version = f"-{VERSION}" if step.method == "numbers" else ""
    found = different_pairs(
        lambda places: material.texts(several[places]),
        material.characters[several],
        step.percent,
        groups=material.groups[several],
        cache=None if home is None else home.path / "dedup" / f"{step.method}{version}",
        keys=material.keys[several],
        progress=progress,
    )
    return _agreeing(Found(several[found.left], several[found.right], found.similarity), material, alike)


def _in_company(groups: npt.NDArray[np.uint64]) -> npt.NDArray[np.bool_]:
    """Whether another has the same group. A group of one has no pairs, and templates have many such groups."""
    order = np.argsort(groups)
    same = groups[order[1:]] == groups[order[:-1]]
    found = np.empty(len(groups), np.bool_)
    found[order] = np.append(same, False) | np.append(False, same)
    return found


def _by_key(keys: npt.NDArray[np.uint64]) -> tuple[Ints, list[list[int]]]:
    """The first node of each key, ascending, and the nodes of each key that several have."""
    order, begins = digests.sorted_rows(keys)
    starts = np.flatnonzero(begins)
    ends = np.append(starts[1:], len(keys))
    more = ends - starts > 1
    alike = [order[start:end].tolist() for start, end in zip(starts[more].tolist(), ends[more].tolist(), strict=True)]
    return np.sort(order[starts]), alike


def _agreeing(found: Found, material: Material, alike: list[list[int]]) -> Found:
    """The pairs whose soft signs can be the same. Nodes of the same text stand for each other in the pairs found."""
    if alike:
        found = _spread(found, alike)
    agree = (material.signs[found.left] == material.signs[found.right]).all(axis=1)
    asked = np.flatnonzero(~agree)
    both = zip(material.soft(found.left[asked]), material.soft(found.right[asked]), strict=True)
    agree[asked] = [compatible(one, other) for one, other in both]
    return found.kept(agree)


def _spread(found: Found, alike: list[list[int]]) -> Found:
    members = {nodes[0]: nodes for nodes in alike}
    touched = np.isin(found.left, list(members)) | np.isin(found.right, list(members))
    rows = [(a, b, 100.0) for nodes in alike for a, b in combinations(nodes, 2)]
    for left, right, similarity in zip(*(column.tolist() for column in found.kept(touched)), strict=True):
        for a, b in product(members.get(left, [left]), members.get(right, [right])):
            rows.append((min(a, b), max(a, b), similarity))
    one, other, figures = zip(*rows, strict=True)
    more = Found(np.array(one, np.int64), np.array(other, np.int64), np.array(figures))
    return Found(*(np.concatenate(both) for both in zip(found.kept(~touched), more, strict=True)))


def _embedded(step: Dedup, material: Material, home: Home | None, progress: Progress) -> Found:
    from ot_assets.curation.embedding import embed, embedding_folder
    from ot_assets.registry import registry

    if step.model is None:
        raise UserError("dedup by embedding needs a model", fix="say model: a key of models/, or a local folder")
    folder = embedding_folder(step.model, registry(), home if home is not None else Home.from_env())
    return cosine.similar_pairs(embed(material.texts(), folder, progress=progress), step.percent)
