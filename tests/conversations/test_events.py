"""Lines of a log: what is an event, what is none and why, and that nothing that JSON can hold gets through otherwise."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ot_assets.conversations.events import Event, Refused, milliseconds, moment, parse, to_line, written
from ot_assets.conversations.kinds import BASE, BY_MODERATORS, KINDS, TASKS
from ot_assets.conversations.labels import EMOJIS, INVERTED, LABELS, MANDATORY, OFFERED, SKIPS
from ot_assets.registry.specs.crowd import CrowdSettings
from tests.conversations.acting import imported
from tests.conversations.synthetic import Crowd

GOOD = {"event_id": "e1", "kind": "emoji_added", "at": "2023-04-01T12:00:00+00:00", "language": "en", "user_id": "u",
        "tree_id": "t", "message_id": "m", "emoji": "+1"}  # fmt: skip


def refused(line: Any) -> str:
    with pytest.raises(Refused) as caught:
        parse(line)
    assert caught.value.note and "\n" not in caught.value.note and len(caught.value.note) < 1000
    return caught.value.rule


def changed(**fields: Any) -> dict[str, Any]:
    return {**GOOD, **fields}


def test_a_good_line():
    event = parse(GOOD)
    assert (event.event_id, event.kind, event.language, event.emoji) == ("e1", "emoji_added", "en", "+1")
    assert moment(event.at) == datetime(2023, 4, 1, 12, tzinfo=UTC)
    assert event.text is None and parse(changed(text=None)) == event  # null is absent


@pytest.mark.parametrize(
    "line", [None, 1, "text", [], [GOOD], {}, {"kind": "dance"}, {"kind": None}, {"kind": ["emoji_added"]}]
)
def test_what_is_no_event(line):
    assert refused(line) == "not_an_event"


@pytest.mark.parametrize("field", [*BASE, *KINDS["emoji_added"].needs])
def test_every_field_that_a_kind_needs(field):
    line = {name: value for name, value in GOOD.items() if name != field}
    assert refused(line) == ("not_an_event" if field == "kind" else "bad_field")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("event_id", ""), ("event_id", " "), ("event_id", "x" * 201), ("event_id", "a\nb"), ("event_id", 7),
        ("event_id", "\ud800"),
        ("at", "yesterday"), ("at", "2023-04-01T12:00:00"), ("at", 1_680_000_000), ("at", True), ("at", "2023-02-30T12:00:00Z"),
        ("at", "0001-01-01T00:00:00+14:00"), ("at", "9999-12-31T23:59:59.999999-12:00"),
        ("language", "english"), ("language", ""), ("language", 5), ("language", "en" + "-x" * 200),
        ("user_id", ["u"]), ("emoji", "smile"), ("emoji", "_skip_reply"), ("emoji", {}), ("text", "not for this kind"),
        ("colour", "red"), ("__class__", 1), ("about_user", "v"),
    ],
)  # fmt: skip
def test_fields(field, value):
    assert refused(changed(**{field: value})) == "bad_field"


def test_times_of_every_zone_are_one_time():
    times = [
        "2023-04-01T12:00:00Z",
        "2023-04-01T14:00:00+02:00",
        "20230401T120000+0000",
        "2023-04-01 12:00:00.0004+00:00",
    ]
    assert {parse(changed(at=time)).at for time in times} == {milliseconds("2023-04-01T12:00:00+00:00")}


@settings(suppress_health_check=[HealthCheck.too_slow])  # the zones are read from files
@given(st.datetimes(timezones=st.timezones()))
def test_a_time_is_written_as_it_is_read(time):
    try:
        at = milliseconds(time)
    except ValueError:  # the zone carries it over the end of the calendar
        assert time.year in (1, 9999)
        return
    assert milliseconds(written(at)) == at
    assert abs((moment(at) - time).total_seconds()) <= 0.001


def test_languages_are_written_in_one_way():
    assert parse(changed(language="PT_br")).language == "pt-BR"


@pytest.mark.parametrize(
    ("labels", "rule"),
    [
        ({"spam": 1.0001}, "label_out_of_range"), ({"spam": -0.1}, "label_out_of_range"), ({"spam": "1"}, "label_out_of_range"),
        ({"spam": True}, "label_out_of_range"), ({"spam": None}, "label_out_of_range"), ({"spam": [1]}, "label_out_of_range"),
        ({"spam": float("nan")}, "label_out_of_range"), ({"spam": float("inf")}, "label_out_of_range"),
        ({"spam": 10**400}, "label_out_of_range"),
        ({"niceness": 1}, "unknown_label"), ({}, "bad_field"), ([], "bad_field"), ("spam", "bad_field"),
    ],
)  # fmt: skip
def test_labels(labels, rule):
    line = {**GOOD, "kind": "labels_submitted", "emoji": None, "labels": labels}
    assert refused(line) == rule


def test_labels_from_0_to_1_are_numbers():
    event = parse(
        {**GOOD, "kind": "labels_submitted", "emoji": None, "labels": {"spam": 0, "quality": 1, "humor": 0.25}}
    )
    assert event.labels == {"spam": 0.0, "quality": 1.0, "humor": 0.25}
    assert all(type(value) is float for value in event.labels.values())


@pytest.mark.parametrize(
    ("ranking", "shown", "rule"),
    [
        (["a", "b"], ["a", "c"], "not_a_permutation"), (["a", "a"], ["a", "b"], "not_a_permutation"),
        (["a", "b"], ["a", "b", "c"], "not_a_permutation"), (["a", "a"], ["a", "a"], "not_a_permutation"),
        (["a", 1], ["a", "b"], "bad_field"), ([], [], "bad_field"), ("ab", "ab", "bad_field"),
        (["x"] * 1001, ["x"], "bad_field"),
        ([["a"]], ["a"], "bad_field"),
    ],
)  # fmt: skip
def test_a_ballot_is_a_permutation_of_what_was_shown(ranking, shown, rule):
    line = {**GOOD, "kind": "ranking_submitted", "message_id": None, "emoji": None, "parent_id": "m"}
    assert refused({**line, "ranking": ranking, "shown": shown}) == rule


def test_texts():
    line = {**GOOD, "kind": "message_edited", "emoji": None}
    assert refused({**line, "text": "x" * 100_001}) == "text_too_long"
    assert refused({**line, "text": "half \ud83d"}) == "bad_field"
    assert refused({**line, "text": "nul \0"}) == "bad_field"
    assert refused({**line, "text": ["a"]}) == "bad_field"
    for text in (
        "",
        " ",
        "x" * 100_000,
        "\U0001f600 <b>&",
        "\u202e\ufeff\r\n",
    ):  # how long and blank is the fold's to say
        assert parse({**line, "text": text}).text == text


@pytest.mark.parametrize("value", [{"a": "half \ud83d"}, {"a": [{"b": "\udc00"}]}, {"\ud800": 1}, {"a": float("nan")}])
def test_objects_hold_what_json_and_utf_8_can_say(value):
    base = {name: GOOD[name] for name in BASE}
    assert refused({**base, "kind": "tree_imported", "tree_id": "t", "tree": value}) == "bad_field"
    assert refused({**base, "kind": "config_changed", "settings": value}) == "bad_field"


def test_a_prompt_is_its_tree():
    line = {**GOOD, "kind": "prompt_submitted", "emoji": None, "text": "x"}
    assert refused(line) == "bad_field"
    assert parse({**line, "message_id": "t"}).message_id == "t"


def test_what_is_too_large_to_show_is_refused_all_the_same():
    deep: Any = []
    for _ in range(900):
        deep = [deep]
    for value in (deep, 10**5000, "x" * 10_000_000):
        assert refused(changed(emoji=value)) == refused(changed(event_id=value)) == "bad_field"
        assert refused({**GOOD, "kind": value}) == "not_an_event"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=12,
)
fields = st.sampled_from(Event._fields)
likely = st.sampled_from(
    [
        *KINDS,
        *EMOJIS,
        *LABELS,
        *TASKS,
        "u",
        "t",
        "2023-04-01T12:00:00Z",
        "en",
        "prompter",
        True,
        0.5,
        {"spam": 1},
        ["a", "b"],
    ]
)


@given(json_values | st.dictionaries(fields | st.text(max_size=5), json_values | likely, max_size=12))
@settings(max_examples=150)
def test_nothing_but_refused_comes_of_any_json(line):
    try:
        event = parse(line)
    except Refused as refused:
        assert refused.rule and refused.note
    else:
        assert isinstance(event, Event)


ids = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=12)
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30)
ballots = st.lists(ids, min_size=1, max_size=5, unique=True).flatmap(
    lambda some: st.tuples(st.permutations(some), st.permutations(some))
)
VALUES: dict[str, st.SearchStrategy[Any]] = {
    **dict.fromkeys(
        ("event_id", "user_id", "tree_id", "message_id", "parent_id", "task_id", "about_user", "model_name"), ids
    ),
    "at": st.integers(0, 4_000_000_000_000).map(written),
    "language": st.sampled_from(["en", "pt-BR", "zh-Hans", "es-419"]),
    "role": st.sampled_from(["prompter", "assistant"]),
    "text": texts,
    "labels": st.dictionaries(st.sampled_from(LABELS), st.floats(0, 1), min_size=1),
    "not_rankable": st.booleans(),
    "synthetic": st.booleans(),
    "emoji": st.sampled_from(EMOJIS),
    "task": st.sampled_from(TASKS),
    "settings": st.just({"seed": 3}),
    "tree": st.just(imported("r", ("a", "r"))),
}


@st.composite
def good_lines(draw: Any) -> dict[str, Any]:
    kind = draw(st.sampled_from(sorted(KINDS)))
    shape = KINDS[kind]
    names = [*BASE, *shape.needs, *(name for name in shape.may if draw(st.booleans()))]
    line = {name: draw(VALUES[name]) for name in names if name in VALUES}
    if "ranking" in shape.needs:
        ranking, shown = draw(ballots)
        line |= {"ranking": list(ranking), "shown": list(shown)}
    if kind == "prompt_submitted":
        line["message_id"] = line["tree_id"]
    return {**line, "kind": kind}


@given(good_lines(), st.dictionaries(fields, json_values | likely, min_size=1, max_size=3))
@settings(max_examples=150)
def test_nor_of_a_good_line_with_any_values(line, values):
    with suppress(Refused):
        parse({**line, **values})


@given(good_lines())
def test_an_event_is_read_as_it_is_written(line):
    event = parse(line)
    assert event._asdict() | {"at": None} == dict.fromkeys(Event._fields) | {
        name: tuple(value) if name in ("ranking", "shown") else value for name, value in line.items()
    } | {"at": None}
    again = json.loads(json.dumps(to_line(event)))
    assert parse(again) == event and to_line(parse(again)) == to_line(event)


def test_a_crowds_events_are_read_as_they_are_written():
    for event in Crowd(20, seed=3).events(500):
        assert parse(json.loads(json.dumps(to_line(event)))) == event


def test_kinds_labels_and_tasks_fit_together():
    assert set(KINDS) >= BY_MODERATORS and all(shape.fields <= set(Event._fields) for shape in KINDS.values())
    assert len(LABELS) == len(set(LABELS)) == 15 and set(MANDATORY) <= set(LABELS) and set(LABELS) > INVERTED
    assert len(OFFERED["prompter"]) == 11 and set(OFFERED["assistant"]) - set(OFFERED["prompter"]) == {
        "fails_task",
        "helpfulness",
    }
    assert not {"moral_judgement", "political_content"} & {*OFFERED["prompter"], *OFFERED["assistant"]}
    assert set(SKIPS) == set(TASKS) - {"prompt"} and not set(SKIPS.values()) & set(EMOJIS)


def test_defaults_are_those_of_the_original():
    given = CrowdSettings().model_dump()
    assert {name: given[name] for name in DEFAULTS} == DEFAULTS


DEFAULTS = {
    "max_active_trees": 10, "max_initial_prompt_review": 100, "max_prompt_lottery_waiting": 250, "max_tree_depth": 3,
    "max_children_count": 3, "num_prompter_replies": 1, "goal_tree_size": 12, "random_goal_tree_size": False,
    "min_goal_tree_size": 5, "num_reviews_initial_prompt": 3, "num_reviews_reply": 3, "num_required_rankings": 3,
    "acceptance_threshold_initial_prompt": 0.6, "acceptance_threshold_reply": 0.6, "rank_prompter_replies": False,
    "p_activate_backlog_tree": 0.1,
    "min_active_rankings_per_lang": 0, "lonely_children_count": 2, "p_lonely_child_extension": 0.75,
    "max_pending_tasks_per_user": 8, "pending_tasks_seconds": 300, "task_validity_minutes": 2880, "auto_mod_red_flags": 4,
    "auto_mod_max_skip_reply": 25, "p_full_labeling_initial_prompt": 1.0, "p_full_labeling_reply_assistant": 1.0,
    "p_full_labeling_reply_prompter": 0.25, "message_max_characters": 2000, "duplicate_minutes": 120,
}  # fmt: skip
