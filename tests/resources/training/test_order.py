from hypothesis import given
from hypothesis import strategies as st

from resources.training.order import ByLength, order_of

lengths = st.lists(st.integers(1, 500), max_size=200)


@given(lengths, st.integers(1, 32), st.integers(0, 9), st.integers(0, 9))
def test_every_row_is_seen_once_an_epoch(rows, batch, seed, epoch):
    assert sorted(order_of(rows, batch, seed=seed, epoch=epoch)) == list(range(len(rows)))


@given(lengths.filter(bool), st.integers(1, 32), st.integers(0, 9))
def test_the_longest_row_comes_in_the_first_batch_unless_that_one_is_not_full(rows, batch, seed):
    order = order_of(rows, batch, seed=seed, epoch=0)
    seen = order[:batch] + order[len(order) - len(order) % batch :]
    assert max(rows) in [rows[row] for row in seen]


def test_rows_of_a_batch_are_alike_and_batches_come_mixed():
    rows = [10] * 100 + [200] * 100
    order = order_of(rows, 10, seed=1, epoch=0)
    runs = [[rows[row] for row in order[at : at + 10]] for at in range(0, 200, 10)]
    assert sum(len(set(run)) == 1 for run in runs) >= 16
    firsts = [run[0] for run in runs]
    assert firsts != sorted(firsts) and firsts != sorted(firsts, reverse=True)


def test_epochs_differ_and_each_is_the_same_every_time():
    rows = list(range(50))
    sampler = ByLength(rows, 4, seed=3)
    first = list(sampler)
    sampler.set_epoch(1)
    assert list(sampler) != first
    sampler.set_epoch(0)
    assert list(sampler) == first and len(sampler) == 50
