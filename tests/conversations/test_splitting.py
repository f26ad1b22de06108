import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from ot_assets.conversations.kept import kept_trees
from ot_assets.conversations.pairs import BallotBox, pairs
from ot_assets.conversations.prompts import prompts
from ot_assets.conversations.splitting import sides
from ot_assets.conversations.threads import threads

from .forests import a_spec, ballots_of, forests, messages_of

IDS = st.lists(st.text(min_size=1, max_size=8), unique=True, max_size=30)
SHARE = st.floats(0, 1)


@given(IDS, IDS, st.integers(0, 2**62), SHARE)
@settings(max_examples=30, deadline=None)
def test_trees_that_are_added_move_none(ids, more, seed, share):
    before = dict(zip(ids, sides(ids, seed, share), strict=True))
    both = list(dict.fromkeys([*more, *ids]))
    after = dict(zip(both, sides(both, seed, share), strict=True))
    assert {name: after[name] for name in ids} == before


@given(IDS, st.integers(0, 100), SHARE, SHARE)
@settings(max_examples=30, deadline=None)
def test_a_larger_share_only_adds_to_validation(ids, seed, one, other):
    low, high = sorted((one, other))
    for few, many in zip(sides(ids, seed, low), sides(ids, seed, high), strict=True):
        assert few == "train" or many == "validation"


def test_the_share_is_met_and_seeds_differ():
    ids = [f"tree-{number}" for number in range(20_000)]
    some = sides(ids, 42, 0.05)
    assert 900 < some.count("validation") < 1100
    assert some != sides(ids, 43, 0.05)
    assert set(sides(ids, 42, 0.0)) == {"train"} and set(sides(ids, 42, 1.0)) == {"validation"}


@given(forests(), st.integers(0, 1000))
@settings(max_examples=15, deadline=None)
def test_no_thread_pair_or_prompt_crosses_the_split(trees, seed):
    spec = a_spec(validation=0.5, seed=seed, threads={"repeated": "all"})
    box = BallotBox(ballots_of(*trees))
    side: dict[str, set[str]] = {}
    for some in kept_trees(messages_of(*trees), spec.kept):
        for frame in (threads(some, spec).frame, pairs(some, box, spec).frame, prompts(some, spec).frame):
            for tree_id, split in frame.select("tree_id", pl.col("split")).iter_rows():
                side.setdefault(tree_id, set()).add(split)
    wanted = dict(zip(side, sides(list(side), seed, 0.5), strict=True))
    assert side == {tree_id: {split} for tree_id, split in wanted.items()}
