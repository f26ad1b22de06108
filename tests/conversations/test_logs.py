"""Logs as lines: what cannot be read is the reason, and the rest is read."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ot_assets.conversations.logs import Line, Logs
from ot_assets.registry.specs.conversation import ConversationSpec
from resources.home import Home


def read(folder: Path, table: pa.Table) -> list[Line]:
    pq.write_table(table, folder / "log.parquet")
    spec = ConversationSpec(
        key="en", description="A test.", language="en", licence="CC0-1.0", logs=("log.parquet",), house_log=False
    )
    return list(Logs(spec, folder, Home(folder)).lines())


def columns(count: int) -> dict[str, pa.Array]:
    names = [f"e{number}" for number in range(count)]
    said = {"event_id": names, "tree_id": names, "message_id": names, "text": [f"text {name}" for name in names]}
    same = {"kind": "prompt_submitted", "at": "2023-04-01T12:00:00Z", "language": "en", "user_id": "u"}
    return {name: pa.array(values) for name, values in {**said, **{k: [v] * count for k, v in same.items()}}.items()}


def late(given: dict[str, pa.Array]) -> None:
    times = [1_680_000_000_000] * len(given["at"])
    times[2] = 10**15
    given["at"] = pa.array(times, pa.timestamp("ms", "UTC"))


def torn(given: dict[str, pa.Array]) -> None:
    texts = [text.as_py().encode() for text in given["text"]]
    texts[2] = b"\xff\xfe"
    given["text"] = pa.Array.from_buffers(pa.string(), len(texts), pa.array(texts, pa.binary()).buffers())


@pytest.mark.parametrize("fault", [late, torn])
def test_a_cell_that_cannot_be_read_costs_its_row_alone(tmp_path, fault):
    given = columns(5)
    fault(given)
    lines = read(tmp_path, pa.table(given))
    assert [line.row for line in lines] == ["1", "2", "3", "4", "5"]
    bad = lines.pop(2)
    assert bad.event is None and bad.refused is not None and bad.refused.rule == "not_an_event"
    assert "the row cannot be read" in bad.refused.note
    assert [line.event.event_id for line in lines if line.event] == ["e0", "e1", "e3", "e4"], lines
