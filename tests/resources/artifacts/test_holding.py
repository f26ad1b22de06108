"""The short way of checking rows says what pandera says, for every schema of the house."""

from datetime import UTC, datetime
from typing import Any

import pandera.polars as pa
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resources.artifacts.holding import holds
from resources.artifacts.validation import problems
from schemas import SCHEMAS, DataSchema, Questions
from schemas.base import ID, KEY

KINDS = sorted({kind for tables in SCHEMAS.values() for kind in tables.values()}, key=lambda kind: kind.__name__)
GOOD = {ID: st.sampled_from([f"q{n:031x}" for n in range(20)]), KEY: st.sampled_from(["one", "a.b-c", "9_x"])}


def values(dtype: Any) -> st.SearchStrategy[Any]:
    """Anything of a type."""
    if dtype == pl.String:
        return st.text(max_size=3) | st.sampled_from(["", "math", "none", "ready", "q" + "0" * 31, "Q" * 32])
    if dtype == pl.Boolean:
        return st.booleans()
    if dtype.is_integer():
        return st.integers(-2, 30)
    if dtype.is_float():
        return st.floats(-2, 200, width=32) | st.just(float("nan"))
    if isinstance(dtype, pl.Datetime):
        return st.integers(0, 9).map(lambda second: datetime(2026, 1, 1, 0, 0, second, tzinfo=UTC))
    if isinstance(dtype, pl.List):
        return st.lists(values(dtype.inner), max_size=2)
    if isinstance(dtype, pl.Struct):
        return st.fixed_dictionaries({field.name: values(field.dtype) for field in dtype.fields})
    raise NotImplementedError(dtype)


def cells(kind: type[DataSchema], name: str) -> st.SearchStrategy[Any]:
    """What a column may hold, as often as not."""
    column = kind.to_schema().columns[name]
    allowed = values(column.dtype.type)
    for check in column.checks:
        said = check.statistics
        if "pattern" in said:
            allowed = GOOD.get(said["pattern"], allowed)
        elif "allowed_values" in said:
            allowed = st.sampled_from(sorted(said["allowed_values"]))
        elif "min_value" in said:
            least = said["min_value"]
            allowed = (
                st.text("ab", min_size=least, max_size=4) if column.dtype.type == pl.String else st.just(least + 1)
            )
    return allowed | st.none() if column.nullable else allowed


@st.composite
def frames(draw: st.DrawFn, kind: type[DataSchema]) -> pl.DataFrame:
    """Rows that keep the rules but for one cell, perhaps."""
    dtypes = kind.dtypes()
    rows = draw(st.lists(st.fixed_dictionaries({name: cells(kind, name) for name in dtypes}), max_size=4))
    if rows and draw(st.booleans()):
        name = draw(st.sampled_from(sorted(dtypes)))
        draw(st.sampled_from(rows))[name] = draw(values(dtypes[name]) | st.none())
    return pl.DataFrame(rows, schema=dtypes, orient="row")


def pandera_accepts(kind: type[DataSchema], frame: pl.DataFrame) -> bool:
    try:
        kind.validate(frame, lazy=True)
    except (pa.errors.SchemaErrors, pa.errors.SchemaError):
        return False
    return True


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_it_says_what_pandera_says(kind: type[DataSchema]) -> None:
    known = kind.to_schema().strict is True

    @settings(max_examples=40, deadline=None)
    @given(frames(kind))
    def check(frame: pl.DataFrame) -> None:
        assert holds(kind, frame) == (known and pandera_accepts(kind, frame))

    check()


def question(**changes: Any) -> pl.DataFrame:
    row = dict.fromkeys(Questions.dtypes(), "a") | {"question_id": "q" + "0" * 31, "verifier": "math"}
    return Questions.frame([row | changes])


def test_a_good_row_takes_the_short_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Questions, "validate", lambda *_args, **_options: pytest.fail("pandera was asked"))
    assert problems(Questions, question()) == []


@pytest.mark.parametrize(
    "wrong",
    [
        question(verifier="oracle"),
        question(question=""),
        question(licence=None),
        question(question_id="q0\n"),
        pl.concat([question(), question()]),
        question().drop("gold"),
        question().with_columns(more=pl.lit(1)),
        question().select(sorted(Questions.dtypes())),
        question().with_columns(gold=pl.lit(1)),
    ],
)
def test_what_breaks_a_rule_is_left_to_pandera(wrong: pl.DataFrame) -> None:
    assert not holds(Questions, wrong)


FLOATS = [
    (kind, name)
    for kind in KINDS
    for name, column in kind.to_schema().columns.items()
    if column.dtype.type.is_float() and not column.nullable
]


@pytest.mark.parametrize(("kind", "name"), FLOATS, ids=lambda value: getattr(value, "__name__", value))
@settings(max_examples=5, deadline=None)
@given(st.data())
def test_nan_is_no_value(kind: type[DataSchema], name: str, data: st.DataObject) -> None:
    row = data.draw(st.fixed_dictionaries({column: cells(kind, column) for column in kind.dtypes()}))
    frame = pl.DataFrame([row | {name: float("nan")}], schema=kind.dtypes(), orient="row")
    assert not holds(kind, frame) and not pandera_accepts(kind, frame)


def test_a_check_of_ones_own_is_not_taken_for_panderas_by_its_name() -> None:
    never = pa.Check(lambda data: data.lazyframe.select(pl.col(data.key) < 0), name="greater_than_or_equal_to")
    kind = type("Own", (DataSchema,), {"to_schema": classmethod(lambda cls: schema)})
    schema = pa.DataFrameSchema({"number": pa.Column(int, never)}, strict=True)
    assert not holds(kind, pl.DataFrame({"number": [2]}))


def test_a_check_that_fails_itself_is_left_to_pandera(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pa.Check, "get_builtin_check_fn", lambda name: pytest.fail)
    assert not holds(Questions, question())


def test_rules_that_it_does_not_know_are_left_to_pandera() -> None:
    class Even(DataSchema):
        number: int = pa.Field(ge=0)

        @pa.dataframe_check
        def even(cls, data: pa.PolarsData) -> pl.LazyFrame:
            return data.lazyframe.select(pl.col("number") % 2 == 0)

    class Own(DataSchema):
        number: int = pa.Field(ge=0)

        @pa.check("number")
        def even(cls, data: pa.PolarsData) -> pl.LazyFrame:
            return data.lazyframe.select(pl.col(data.key) % 2 == 0)

    for kind in (Even, Own):
        assert not holds(kind, pl.DataFrame({"number": [2]}))
        assert problems(kind, pl.DataFrame({"number": [2]})) == []
        assert problems(kind, pl.DataFrame({"number": [3]}))
