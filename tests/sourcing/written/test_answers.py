"""Answers of written questions: pulled out of documents and checked, or agreed on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ot_assets.registry import registry
from resources.errors import UserError
from tests.endtoend.house import House, http_model
from tests.endtoend.server import Endpoint
from tests.sourcing.test_pdf import write_pdf
from tests.sourcing.written.writers import TEACHER, as_json, invented, make, prompt_of, publish, rules, says, written

MATH = {"verifier": "math", "agree": {"teacher": "solver", "answers": 2}}


def solver(house: House, **fields: Any) -> None:
    """A second teacher behind the same endpoint; its prompt tells it apart."""
    house.write("models/solver", http_model("SOLVER_URL", name="solver"))
    house.write(
        "teachers/solver",
        {**TEACHER, "description": "Solves.", "model": "solver", "prompt": "Solve: {question}", **fields},
    )


def answering(answers: dict[str, tuple[str, str]]) -> Any:
    """Writes one question a topic; solves it with the first answer, then with the second, whichever seed comes first."""
    seeds: dict[str, list[Any]] = {}

    def behave(body: dict[str, Any]) -> str:
        prompt = prompt_of(body)
        topic = next(name for name in answers if name in prompt)
        if not prompt.startswith("Solve"):
            return as_json(f"Topic {topic}: {invented(body, 0)}")
        told = seeds.setdefault(topic, [])
        if body.get("seed") not in told:
            told.append(body.get("seed"))
        return answers[topic][told.index(body.get("seed"))]

    return says(behave)


def test_agreed_answers_become_gold(house: House, server: Endpoint) -> None:
    solver(house)
    server.behaviour = answering(
        {"Same": ("It is \\boxed{0.5}.", "So \\boxed{\\frac{1}{2}}."), "Alike": ("\\boxed{12}", "\\boxed{12}")}
    )
    made = publish(house, **{"from": {"topics": ["Same", "Alike"]}}, **MATH)
    assert set(made.read()["verifier"]) == {"math"} and len(made.read()) == 2
    assert set(made.read()["gold"]) <= {"0.5", "\\frac{1}{2}", "12"}
    assert len(server.bodies) == 6
    publish(house, **{"from": {"topics": ["Same", "Alike"]}}, **MATH)
    assert len(server.bodies) == 6


def test_disagreement_goes_to_the_ledger(house: House, server: Endpoint) -> None:
    solver(house)
    server.behaviour = answering(
        {"Split": ("\\boxed{1}", "\\boxed{2}"), "Mute": ("", ""), "Good": ("\\boxed{7}", "\\boxed{7}")}
    )
    made = publish(house, **{"from": {"topics": ["Split", "Mute", "Good"]}}, **MATH)
    assert made.read()["gold"].to_list() == ["7"]
    assert rules(made) == {"disagreement": 1, "no_answer": 1}


def test_a_written_answer_has_to_agree_too(house: House, server: Endpoint) -> None:
    solver(house)

    def behave(body: dict[str, Any]) -> str:
        prompt = prompt_of(body)
        if prompt.startswith("Solve"):
            return "\\boxed{30}"
        gold = "30" if "Right" in prompt else "31"
        return as_json(f"{invented(body, 0)}", solution="Because.", answer=gold)

    server.behaviour = says(behave)
    origin = {"from": {"topics": ["Right", "Wrong"]}, "answers": True}
    made = publish(house, **origin, verifier="math", agree={"teacher": "solver", "answers": 1})
    row = made.read().row(0, named=True)
    assert (row["gold"], row["solution"], row["verifier"]) == ("30", "Because.", "math")
    assert rules(made) == {"disagreement": 1}
    alone = publish(house, **origin, verifier="math")
    assert sorted(alone.read()["gold"]) == ["30", "31"]


def test_a_written_answer_may_name_its_option_in_any_way(house: House, server: Endpoint) -> None:
    solver(house)
    told = {"Text": "Venus", "Letter": "(b) Venus", "None": "Neptune", "Other": "A"}

    def behave(body: dict[str, Any]) -> str:
        prompt = prompt_of(body)
        if prompt.startswith("Solve"):
            return "The answer is B."
        topic = next(name for name in told if name in prompt)
        return as_json(f"{topic}: {invented(body, 0)}\nA. Mars\nB. Venus", solution="Hot.", answer=told[topic])

    server.behaviour = says(behave)
    origin = {"from": {"topics": list(told)}, "answers": True, "near": None}
    made = publish(house, **origin, verifier="choice", agree={"teacher": "solver", "answers": 1})
    kept = {row["question"].partition(":")[0]: (row["gold"], row["verifier"]) for row in made.read().to_dicts()}
    assert kept == {"Text": ("B", "choice"), "Letter": ("B", "choice")}
    assert rules(made) == {"no_answer": 1, "disagreement": 1}
    assert not any("None:" in prompt for prompt in server.prompts()), "nobody is paid to answer what cannot be compared"


def documents(house: House, **texts: str) -> None:
    for name, text in texts.items():
        file = house.registry / "sources" / "books" / f"{name}.txt"
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)


def test_pulled_out_of_documents_refined_and_checked(house: House, server: Endpoint) -> None:
    documents(house, one="Ethanol boils at 78 degrees.", two="Methane has one carbon atom.", blank=" \n ")
    (house.registry / "sources" / "books" / "broken.pdf").write_bytes(b"%PDF-1.4 and nothing more")

    def behave(body: dict[str, Any]) -> str:
        prompt = prompt_of(body)
        of = "ethanol" if "Ethanol" in prompt else "methane"
        if "Pull out" in prompt:
            return as_json(f"{of}: {invented(body, 0)}", solution="See there.", answer="78" if of == "ethanol" else "1")
        if "Reword the question" in prompt:
            return json.dumps(
                {"question": f"Which number belongs to {of}?", "answer": "78" if of == "ethanol" else "1"}
            )
        assert "Which number belongs" in prompt
        return json.dumps({"reasoning": "looked", "supported": of == "ethanol", "stands_alone": True})

    server.behaviour = says(behave)
    made = publish(house, **{"from": {"documents": ["books/*"], "refine": "writer"}}, verifier="exact")
    row = made.read().row(0, named=True)
    assert (row["question"], row["gold"], row["verifier"]) == ("Which number belongs to ethanol?", "78", "exact")
    assert made.read("parents")["parent"].to_list() == ["books/one.txt"]
    assert rules(made) == {"unsupported": 1, "unreadable": 2}
    assert len(server.bodies) == 6
    assert set(made.manifest.spec["files"]) >= {"books/one.txt", "books/two.txt"}


def answering_documents(server: Endpoint) -> None:
    supported = json.dumps({"reasoning": "yes", "supported": True, "stands_alone": True})
    server.behaviour = says(
        lambda body: (
            supported if "Judge a question" in prompt_of(body) else as_json(invented(body, 0), solution="s", answer="a")
        )
    )


def test_documents_wherever_the_registry_lies(house: House, server: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    answering_documents(server)
    documents(house, one="Ethanol boils at 78 degrees.")
    write_pdf(house.registry / "sources" / "books" / "two.pdf", [["Methane has one carbon atom."]])
    monkeypatch.setenv("OT_REGISTRY", "registry")
    made = publish(house, **{"from": {"documents": ["books/*"]}})
    assert sorted(made.read("parents")["parent"]) == ["books/one.txt", "books/two.pdf:1"]


def test_documents_outside_the_folder(house: House, server: Endpoint, tmp_path: Path) -> None:
    answering_documents(server)
    for folder in ("left", "right"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "one.txt").write_text(f"Ethanol boils at 78 degrees, says the {folder}.")
    left, right = (str(tmp_path / folder / "*.txt") for folder in ("left", "right"))
    made = publish(house, **{"from": {"documents": [left]}})
    assert made.read("parents")["parent"].to_list() == ["one.txt"] == list(made.manifest.spec["files"])
    house.write("sources/new", written(**{"from": {"documents": [left, right]}}))
    assert "new: " in (said := make(house, "sourced_questions", source="new") or "") and "both called one.txt" in said
    house.write("sources/new", written(**{"from": {"documents": ["books/*.pdf"]}}))
    said = make(house, "sourced_questions", source="new") or ""
    assert "new: no file matches 'books/*.pdf'" in said and "correct origin.from.documents in new.yaml" in said
    house.write("sources/new", written(**{"from": {"documents": ["memory://books/*.pdf"]}}))
    registry.cache_clear()
    with pytest.raises(UserError, match="is an address; name files of this machine"):
        registry()


def test_documents_of_a_source(house: House, server: Endpoint) -> None:
    answering_documents(server)
    made = publish(house, **{"from": {"documents": "mine"}}, rows=4)
    assert len(made.read()) == 4 and set(made.read("parents")["kind"]) == {"document"}
    assert set(made.read("parents")["parent_source"]) == {"mine"}


def test_a_check_that_does_not_read_is_no_support(house: House, server: Endpoint) -> None:
    documents(house, one="Ethanol boils at 78 degrees.")
    server.behaviour = says(
        lambda body: (
            "maybe" if "Judge a question" in prompt_of(body) else as_json(invented(body, 0), solution="s", answer="a")
        )
    )
    house.write("sources/new", written(**{"from": {"documents": ["books/one.txt"]}}))
    said = make(house, "sourced_questions", source="new") or ""
    assert "check_failed 1" in said, "a source of which nothing is left says why"
