"""Train or validation, by tree: no conversation, and no beginning of one, stands on both sides.

Belongs here: the side of a tree. Contract: it depends on the tree's id, the seed and the share alone, so that trees
that are added move none, and a larger share only moves trees from train to validation. Two ids are independent draws,
so a share of 5 % of a few trees may be none of them. Pure; raises nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

from ot_assets.curation.draws import draw_keys


def sides(tree_ids: Sequence[str], seed: int, validation: float) -> list[str]:
    """`train` or `validation` for each tree."""
    limit = int(validation * 2**64)
    keys = draw_keys(seed, "validation", tree_ids).tolist()
    return ["validation" if key < limit else "train" for key in keys]
