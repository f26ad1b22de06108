from __future__ import annotations

import json

import pytest

from tests.endtoend.house import House

MODEL = """\
key: paid
engine: openai
model: some/model
base_url: http://127.0.0.1:9/v1
api_key_env: DOCTOR_TEST_KEY
licence: other:terms of the service
"""


def test_doctor_looks_at_machine_state_and_registry(empty: House) -> None:
    said = empty.ot("doctor")
    assert said.code == 0
    for word in ("machine", "torch", "sandbox", "OT_HOME", "responses", "artifacts", "registry", "0 faults"):
        assert word in said.out


def test_doctor_names_a_key_that_is_not_set_and_never_its_value(empty: House, monkeypatch: pytest.MonkeyPatch) -> None:
    (empty.path / "registry" / "models").mkdir()
    (empty.path / "registry" / "models" / "paid.yaml").write_text(MODEL)
    found = {one["name"]: one for one in empty.ot("doctor", "--json").json["findings"]}
    assert (found["paid"]["state"], found["paid"]["said"]) == ("warning", "API key: $DOCTOR_TEST_KEY is not set")
    monkeypatch.setenv("DOCTOR_TEST_KEY", "geheim-77")
    said = empty.ot("doctor", "--endpoints", "--json")
    assert said.code == 1
    assert "$DOCTOR_TEST_KEY is set" in said.out
    assert "geheim-77" not in said.text
    at = [one for one in json.loads(said.out)["findings"] if one["area"] == "endpoints" and one["name"] == "paid"]
    assert at[0]["state"] == "fault"


def test_doctor_finds_a_broken_registry(empty: House) -> None:
    (empty.path / "registry" / "models").mkdir()
    (empty.path / "registry" / "models" / "paid.yaml").write_text("key: [")
    said = empty.ot("doctor", "--json")
    assert said.code == 1
    assert [one["fix"] for one in json.loads(said.out)["findings"] if one["state"] == "fault"] == [
        "`ot check` shows each"
    ]
