import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from resources.errors import UserError
from resources.training import SftConfig
from resources.training.config import CPU_TOKENS, split_batch


def config(**fields):
    said = {
        "base": "b",
        "dataset": ["d"],
        "output": "o",
        "work": "w",
        "learning_rate": 1e-4,
        "epochs": 1,
        "global_batch": 16,
    }
    return SftConfig.model_validate({**said, **fields})


@given(st.integers(1, 600), st.integers(1, 20_000), st.integers(1, 8), st.booleans())
def test_the_parts_always_make_the_global_batch(per_process, longest, processes, gpu):
    made = split_batch(config(global_batch=per_process * processes, processes=processes), longest, gpu=gpu)
    assert made.device_batch * made.accumulation == per_process


def test_a_cpu_takes_no_more_padded_tokens_at_once_than_its_budget():
    made = split_batch(config(), CPU_TOKENS // 8, gpu=False)
    assert (made.device_batch, made.accumulation) == (8, 2)
    assert split_batch(config(), 10 * CPU_TOKENS, gpu=False).device_batch == 1


def test_a_batch_that_cannot_be_split_is_refused_with_the_numbers():
    with pytest.raises(UserError, match=r"global_batch 10 .* 4 processes"):
        split_batch(config(global_batch=10, processes=4), 10, gpu=True)
    with pytest.raises(UserError, match="device_batch 3 does not divide 16"):
        split_batch(config(device_batch=3), 10, gpu=True)


def test_an_unknown_field_is_refused():
    with pytest.raises(ValidationError, match="learning_rates"):
        config(learning_rates=1)


def test_the_identity_changes_with_what_is_learnt_and_not_with_where_it_goes(tmp_path):
    data = tmp_path / "part.parquet"
    data.write_bytes(b"a")
    base = config(dataset=[data])
    assert base.identity == config(dataset=[data], output="elsewhere", work="elsewhere", log_seconds=1).identity
    assert base.identity != config(dataset=[data], learning_rate=2e-4).identity
    before = base.identity
    data.write_bytes(b"ab")
    assert base.identity != before
