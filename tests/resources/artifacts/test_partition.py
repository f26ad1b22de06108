import pytest
from hypothesis import given
from hypothesis import strategies as st

from resources.artifacts import Partition
from resources.errors import UserError

DIMS = st.from_regex(r"[a-z][a-z0-9_]{0,10}", fullmatch=True)
KEYS = st.from_regex(r"[a-z0-9][a-z0-9._-]{0,20}", fullmatch=True)
PARTITIONS = st.dictionaries(DIMS, KEYS, max_size=4)


@given(PARTITIONS)
def test_path_comes_back(dims: dict[str, str]) -> None:
    partition = Partition(dims)
    assert Partition.from_path(partition.path()) == partition
    assert partition.as_dict() == dims
    assert all(Partition.is_step(step) for step in partition.path().split("/") if step)


@given(PARTITIONS, PARTITIONS)
def test_different_partitions_have_different_paths(one: dict[str, str], two: dict[str, str]) -> None:
    assert (Partition(one).path() == Partition(two).path()) == (one == two)
    assert (hash(Partition(one)) == hash(Partition(dict(reversed(one.items()))))) and isinstance(
        Partition(one) < Partition(two), bool
    )


def test_reads_as_dagster_joins_multi_partition_keys() -> None:
    partition = Partition({"teacher": "r1", "source": "aime"})
    assert partition == Partition({"source": "aime", "teacher": "r1"})
    assert (str(partition), partition.path()) == ("aime|r1", "source=aime/teacher=r1")
    assert partition["teacher"] == "r1" and list(partition) == ["source", "teacher"]
    assert (str(Partition()), Partition().path()) == ("-", "")


@pytest.mark.parametrize(
    ("dims", "named"),
    [
        ({"source": "../etc"}, "../etc"),
        ({"source": ""}, "''"),
        ({"source": "a/b"}, "a/b"),
        ({"source": "Upper"}, "Upper"),
        ({"source": "a\n"}, r"a\n"),
        ({"so urce": "a"}, "so urce"),
        ({"source\n": "a"}, r"source\n"),
        ({"source": "a" * 300}, "300 characters"),
    ],
)
def test_names_that_cannot_be_folders(dims: dict[str, str], named: str) -> None:
    with pytest.raises(UserError, match=r"partition") as told:
        Partition(dims)
    assert named in str(told.value)


@pytest.mark.parametrize("path", ["source", "source=a/source=b", "=a", "source="])
def test_paths_that_are_none(path: str) -> None:
    with pytest.raises(UserError):
        Partition.from_path(path)
