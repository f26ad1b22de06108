"""The permanent order of keys: keys are only ever appended, never reordered and never reused for something else.

Shipped keys stand in ``keys.yaml``, in order. A user's keys come after them, in the order of an append-only record
(``$OT_HOME/keys.json``); keys that the record does not have yet come last, by name. Reading never writes; ``record_keys``
appends. A damaged record raises ``UserError`` and is left as it is.
"""

from __future__ import annotations

import fcntl
import json
import os
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from resources.errors import UserError


class KeyEntry(BaseModel):
    """One key that was registered once. ``form`` is what kind of thing it was, where there are several."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    key: str
    form: str = ""
    retired: bool = False


class KeyRecord(BaseModel):
    """All keys that a user's registry ever had, by section, in the order in which they came."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: int = 1
    sections: dict[str, tuple[KeyEntry, ...]] = {}

    def keys(self, section: str) -> tuple[str, ...]:
        """Keys of a section, retired ones too, in order."""
        return tuple(entry.key for entry in self.sections.get(section, ()))


@dataclass(frozen=True)
class Order:
    """Keys in their permanent order, and those of the record that are there no longer."""

    keys: tuple[str, ...]
    retired: tuple[str, ...]


def key_record_path() -> Path:
    """``$OT_HOME/keys.json``; ``OT_HOME`` is ``.ot`` where the environment does not say."""
    return Path(os.environ.get("OT_HOME") or ".ot") / "keys.json"


def read_record(record: Path) -> KeyRecord:
    """The record, empty when there is no file yet."""
    try:
        return KeyRecord.model_validate_json(record.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return KeyRecord()
    except (OSError, ValidationError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a key record"
        raise UserError(
            f"{record}: {reason}; it holds the permanent order of your registry's keys",
            fix="bring it back from a copy, or move it away to start a new order (partitions may then move)",
        ) from None


def arrange(keys: Iterable[str], known: Iterable[str]) -> Order:
    """``keys`` in the order of ``known``, new ones last by name; what only ``known`` has is retired."""
    present = set(keys)
    recorded = list(dict.fromkeys(known))
    ordered = [key for key in recorded if key in present]
    return Order((*ordered, *sorted(present - set(recorded))), tuple(key for key in recorded if key not in present))


def stable_order(keys: Iterable[str], record: Path, *, section: str = "sources") -> Order:
    """The permanent order of a user's keys of one section, by what is recorded. Reads only."""
    return arrange(keys, read_record(record).keys(section))


def record_keys(forms: Mapping[str, Mapping[str, str]], record: Path) -> KeyRecord:
    """Append what the record does not have yet, and mark what is gone as retired (and what came back as not).

    ``forms``: section -> key -> form. Safe against other processes; written whole or not at all.
    """
    record.parent.mkdir(parents=True, exist_ok=True)
    with (record.parent / (record.name + ".lock")).open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        before = read_record(record)
        sections = {
            name: _merged(before.sections.get(name, ()), forms.get(name, {})) for name in {**before.sections, **forms}
        }
        after = before.model_copy(update={"sections": {name: entries for name, entries in sections.items() if entries}})
        if after != before:
            _write(record, after.model_dump(mode="json"))
        return after


def _merged(before: Iterable[KeyEntry], forms: Mapping[str, str]) -> tuple[KeyEntry, ...]:
    entries = [
        entry.model_copy(update={"retired": entry.key not in forms, "form": forms.get(entry.key, entry.form)})
        for entry in before
    ]
    known = {entry.key for entry in entries}
    return (*entries, *(KeyEntry(key=key, form=forms[key]) for key in sorted(forms) if key not in known))


def _write(path: Path, value: Any) -> None:
    with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=path.name, delete=False, encoding="utf-8") as file:
        json.dump(value, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    Path(file.name).replace(path)
