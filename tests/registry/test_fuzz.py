"""Whatever a file holds, the loader answers with problems that name a file and a line, never with a traceback."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rapidfuzz.distance import Levenshtein

from ot_assets.registry import SECTIONS, RegistryErrors, load_registry
from ot_assets.registry.errors import Problem
from ot_assets.registry.loader import SHIPPED
from tests.registry.house import House

FILES = sorted(f.relative_to(SHIPPED).as_posix() for section in SECTIONS for f in (SHIPPED / section).glob("*.yaml"))
SMALL = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=20),
    st.sampled_from(
        ["[]", "{}", "[1, a]", "{a: 1}", "- x", "'", '"', "&a *a", "!!int x", "2024-01-01", "~", "<<", "1e400", "|"]
    ),
)


@contextmanager
def copied() -> Iterator[House]:
    """All shipped specs as a user's folder, so that any of them may be spoilt."""
    with tempfile.TemporaryDirectory() as root:
        house = House(Path(root))
        for section in SECTIONS:
            shutil.copytree(SHIPPED / section, house.folder / section)
        yield house


def judged(house: House) -> tuple[Problem, ...]:
    """Problems of the house, after looking that each names a place that is there."""
    try:
        load_registry(house.folder, record=house.record, shipped=house.shipped)
    except RegistryErrors as errors:
        assert errors.problems
        for problem in errors.problems:
            assert problem.file.exists(), str(problem)
            lines = problem.file.read_bytes().count(b"\n") + 2 if problem.file.is_file() else 1
            assert 1 <= problem.line <= lines, str(problem)
            assert problem.message.strip()
            assert len(str(problem)) < 4000
        return errors.problems
    return ()


def test_the_copy_is_sound() -> None:
    with copied() as house:
        assert judged(house) == ()


@SMALL
@given(st.data())
def test_any_value_anywhere(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(FILES))
    with copied() as house:
        path = house.folder / name
        lines = path.read_text().splitlines()
        at = data.draw(st.sampled_from([i for i, line in enumerate(lines) if ":" in line and line[0] != "#"]))
        head, _, _ = lines[at].partition(":")
        lines[at] = f"{head}: {data.draw(SCALARS)}"
        path.write_bytes("\n".join(lines).encode("utf-8", "surrogatepass"))
        judged(house)


@SMALL
@given(st.data())
def test_any_bytes_anywhere(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(FILES))
    with copied() as house:
        path = house.folder / name
        raw = path.read_bytes()
        start = data.draw(st.integers(0, len(raw)))
        end = data.draw(st.integers(start, min(len(raw), start + 30)))
        path.write_bytes(raw[:start] + data.draw(st.binary(max_size=12)) + raw[end:])
        judged(house)


@SMALL
@given(st.text(max_size=300))
def test_any_text_at_all(text: str) -> None:
    with tempfile.TemporaryDirectory() as root:
        house = House(Path(root)).furnish()
        house.write("recipes/first.yaml", text.encode("utf-8", "surrogatepass"))
        judged(house)


@SMALL
@given(st.data())
def test_a_slip_in_a_field_names_its_line_and_what_was_meant(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(FILES))
    with copied() as house:
        path = house.folder / name
        lines = path.read_text().splitlines()
        fields = [
            i for i, line in enumerate(lines) if line[:1].isalpha() and ":" in line and len(line.split(":")[0]) >= 4
        ]
        at = data.draw(st.sampled_from(fields))
        field = lines[at].partition(":")[0]
        spot = data.draw(st.integers(1, len(field) - 1))
        slip = field[:spot] + data.draw(st.sampled_from([c for c in "qxzjk" if c != field[spot]])) + field[spot + 1 :]
        lines[at] = slip + lines[at][len(field) :]
        path.write_text("\n".join(lines) + "\n")
        found = [p for p in judged(house) if p.file == path and p.field == slip]
        assert [p.line for p in found] == [at + 1]
        meant = found[0].message.partition("did you mean '")[2].partition("'")[0]
        # `modeq` may be `model` or `mode`: as near as the right one is near enough.
        assert meant == field or Levenshtein.distance(meant, slip) <= Levenshtein.distance(field, slip) == 1


REFERENCES = [
    ("recipes/openthoughts3-math.yaml", "source: openmath-2-math", "source: openmath-2-mth", "openmath-2-math"),
    ("recipes/openthoughts3-math.yaml", "teachers: [qwq-32b]", "teachers: [qwk-32b]", "qwq-32b"),
    ("recipes/openthoughts3-code.yaml", "teacher: gpt-4o-mini", "teacher: gpt4o-mini", "gpt-4o-mini"),
    ("recipes/openthoughts3.yaml", "base: qwen2.5-7b-instruct", "base: qwen2.5-7b", "qwen2.5-7b-instruct"),
    ("teachers/qwq-32b.yaml", "model: qwq-32b", "model: qwq-32", "qwq-32b"),
]


@pytest.mark.parametrize(("name", "old", "new", "meant"), REFERENCES)
def test_a_slip_in_a_reference(name: str, old: str, new: str, meant: str) -> None:
    with copied() as house:
        path = house.folder / name
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new, 1))
        found = [p for p in judged(house) if p.file == path and f"did you mean {meant!r}?" in p.message]
        assert found
        assert found[0].line == text[: text.index(old)].count("\n") + 1
