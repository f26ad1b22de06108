"""Ids that say what a row is, and hashes of specs.

Every id is a hash of content, so the same question, trace or example has the same id in every run, recipe and machine
(DESIGN contract 1). Nothing here knows of files, stores or Dagster.
"""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from typing import Any

_SPACE = re.compile(r"\s+")
# Made once: `json.dumps` makes one for every call that asks for anything but its defaults.
_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def normalise(text: str) -> str:
    """The form of a text that its id is made of: NFKC, runs of white space one space, ends stripped. Case is kept."""
    return _SPACE.sub(" ", unicodedata.normalize("NFKC", text)).strip()


def canonical_json(value: Any) -> str:
    """JSON with sorted keys and no spaces. Refuses what is not JSON (TypeError) and NaN or infinity (ValueError)."""
    return _CANONICAL.encode(value)


def content_hash(value: Any) -> str:
    """sha256, 64 hex digits, of a value's canonical JSON."""
    return hashlib.sha256(canonical_json(value).encode("utf-8", "surrogatepass")).hexdigest()


def question_id(text: str) -> str:
    """`q` and 31 hex digits of the hash of the normalised question text."""
    return "q" + hashlib.sha256(normalise(text).encode("utf-8", "surrogatepass")).hexdigest()[:31]


def trace_id(question: str, teacher_hash: str, sample_index: int) -> str:
    """`t` and 31 hex digits: one answer of one teacher (its identity hash) to one question."""
    return "t" + content_hash([question, teacher_hash, sample_index])[:31]


def example_id(trace: str, recipe: str) -> str:
    """`e` and 31 hex digits: one trace as a training row of one recipe."""
    return "e" + content_hash([trace, recipe])[:31]
