"""The desk over a log: nothing lost, nothing twice, whatever happens between an answer and the log."""

from __future__ import annotations

import random
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ot_assets.conversations.collecting import collect
from ot_assets.conversations.crowd.answers import Said
from ot_assets.conversations.crowd.desk import Desk, NoSuchTask
from ot_assets.conversations.crowd.live import Answered, Live
from ot_assets.conversations.crowd.standing import points_of
from ot_assets.conversations.crowd.tasks import NothingToDo, Task
from ot_assets.conversations.events import Refused, written
from ot_assets.conversations.folding import fold_all
from ot_assets.conversations.labels import RED_FLAG
from ot_assets.conversations.logs import Logs
from ot_assets.conversations.points import points
from ot_assets.conversations.rows import tree_rows
from ot_assets.conversations.shelf import Shelf
from ot_assets.registry.specs.conversation import ConversationSpec
from resources.contributions.book import TaskBook
from resources.contributions.log import Behind, EventLog
from resources.home import Home
from tests.conversations.crowd.working import NOW, SMALL, Clock, Office

MODERATED = SMALL.changed({"moderators": ["mod"]})


def state(desk: Desk) -> tuple[Any, ...]:
    """All that events made, as it is now."""
    with desk.look() as live:
        return deepcopy(parts(live))


def parts(live: Live) -> tuple[Any, ...]:
    trees = list(Shelf.trees(live.shelf))
    persons = {user: live.shelf.person(user) for user in live.records}
    offers = {kind: some for kind, some in live.offers.by_task.items() if some}
    return trees, live.fold.language, live.settings, persons, offers, live.answered, dict(live.records), live.flagged


@pytest.fixture
def log(tmp_path: Path) -> Iterator[EventLog]:
    with EventLog(f"sqlite:///{tmp_path}/crowd/events.sqlite") as opened:
        yield opened


def prompt(office: Office, user: str = "ann", text: str = "a question") -> Answered:
    task = office.desk.hand(user, ["prompt"])
    return office.desk.answer(user, task.task_id, Said(text=text))


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 200))
def test_the_fold_of_the_log_is_the_live_state(seed: int, tasks: int):
    office = Office(seed=seed)
    office.work(tasks)
    assert state(office.opened()) == state(office.desk)
    assert [line["at"] for line in office.log.lines] == sorted(line["at"] for line in office.log.lines)
    assert len({line["event_id"] for line in office.log.lines}) == len(office.log.lines) == tasks


def test_the_same_answer_again_is_the_same_and_another_is_refused():
    office = Office()
    task = office.desk.hand("ann")
    done = office.desk.answer("ann", task.task_id, Said(text="a question"))
    assert office.desk.answer("ann", task.task_id, Said(text="a question")) == done
    assert office.opened().answer("ann", task.task_id, Said(text="a question")) == done
    with pytest.raises(Refused) as refused:
        office.desk.answer("ann", task.task_id, Said(text="another"))
    assert refused.value.rule == "answered_before"
    assert len(office.log.lines) == 1
    assert office.desk.task("ann", task.task_id) == done


def test_answers_of_every_kind_can_be_sent_twice():
    office = Office()
    kinds = set()
    for _ in range(150):
        user = office.chance.choice(("ann", "ben", "cat", "dan", "eva"))
        try:
            task = office.desk.hand(user)
        except NothingToDo:
            continue
        said = office.said(task)
        first = office.desk.answer(user, task.task_id, said)
        lines = len(office.log.lines)
        assert office.desk.answer(user, task.task_id, said) == first
        assert len(office.log.lines) == lines
        kinds.add(task.kind)
    assert len(kinds) == 6


def test_a_task_is_one_persons_and_ends():
    office = Office()
    task = office.desk.hand("ann")
    for user, name in (("ben", task.task_id), ("ann", "no-such-task")):
        with pytest.raises(NoSuchTask):
            office.desk.answer(user, name, Said(text="a question"))
    done = office.desk.answer("ann", task.task_id, Said(text="a question"))
    assert done.user_id == "ann"
    with pytest.raises(NoSuchTask):
        office.desk.task("ben", task.task_id)
    late = office.desk.hand("ann")
    office.clock.at = late.expires
    with pytest.raises(NoSuchTask):
        office.desk.answer("ann", late.task_id, Said(text="too late"))
    assert len(office.log.lines) == 1


@pytest.mark.parametrize(
    ("said", "rule"),
    [
        (Said(text=" \n\t"), "blank_text"),
        (Said(text="x" * 2001), "text_too_long"),
        (Said(text="x" * 100_001), "text_too_long"),
        (Said(text="a\0b"), "bad_field"),
        (Said(text="a\ud800b"), "bad_field"),
    ],
)
def test_what_can_be_mended_leaves_the_task_open(said: Said, rule: str):
    office = Office()
    task = office.desk.hand("ann")
    with pytest.raises(Refused) as refused:
        office.desk.answer("ann", task.task_id, said)
    assert refused.value.rule == rule
    assert office.log.lines == []
    assert office.desk.answer("ann", task.task_id, Said(text="better")).kind == "prompt_submitted"


def test_labels_and_orders_are_those_that_were_asked_for():
    office = Office()
    prompt(office)
    task = office.desk.hand("ben", ["label_prompt"])
    wrong: list[tuple[dict[str, float], str]] = [
        ({}, "missing_label"),
        ({"quality": 0.5}, "missing_label"),
        ({"spam": 0.0, "helpfulness": 1.0}, "unknown_label"),
        ({"spam": 2.0}, "label_out_of_range"),
        ({"spam": float("nan")}, "label_out_of_range"),
    ]
    for labels, rule in wrong:
        with pytest.raises(Refused) as refused:
            office.desk.answer("ben", task.task_id, Said(labels=labels))
        assert refused.value.rule == rule
    office = Office(SMALL.changed({"num_required_rankings": 4}))
    office.work(60)
    ranking = office.desk.hand("fay", ["rank_replies"])
    for order in ((), ranking.shown[:1], (*ranking.shown, ranking.shown[0]), ("x", *ranking.shown[1:])):
        with pytest.raises(Refused) as refused:
            office.desk.answer(ranking.user_id, ranking.task_id, Said(ranking=order))
        assert refused.value.rule == "not_a_permutation"
    office.desk.answer(ranking.user_id, ranking.task_id, Said(ranking=ranking.shown, not_rankable=True))
    assert office.log.lines[-1]["not_rankable"] is True


def test_a_task_that_is_not_needed_any_more_is_closed():
    office = Office(MODERATED)
    tree_id = tree_that_grows(office)
    task = office.desk.hand("dan", ["reply_as_assistant"])
    office.desk.moderate("mod", "tree_halted", {"tree_id": tree_id})
    with pytest.raises(Refused) as refused:
        office.desk.answer("dan", task.task_id, Said(text="too late"))
    assert refused.value.rule == "tree_not_growing"
    with pytest.raises(NoSuchTask):
        office.desk.task("dan", task.task_id)


def tree_that_grows(office: Office) -> str:
    prompt(office)
    for user in ("ben", "cat"):
        task = office.desk.hand(user, ["label_prompt"])
        office.desk.answer(user, task.task_id, Said(labels={"spam": 0.0}))
    assert task.tree_id is not None
    return task.tree_id


@pytest.mark.parametrize("fault", [OSError("the disk is full"), Behind()])
def test_what_the_log_does_not_take_is_not_told_as_taken(fault: BaseException):
    office = Office()
    prompt(office)
    before = state(office.desk)
    task = office.desk.hand("ben", ["label_prompt"])
    office.log.broken = [fault] if isinstance(fault, OSError) else [fault] * 50
    with pytest.raises(type(fault)):
        office.desk.answer("ben", task.task_id, Said(labels={"spam": 0.0}))
    office.log.broken = []
    assert state(office.desk) == before
    assert len(office.log.lines) == 1
    office.desk.answer("ben", task.task_id, Said(labels={"spam": 0.0}))
    assert len(office.log.lines) == 2
    assert state(office.desk) == state(office.opened())


def test_a_log_that_took_it_but_could_not_say_so_is_believed():
    office = Office()
    task = office.desk.hand("ann")
    append = office.log.append

    def takes_and_fails(*lines: Any, **more: Any) -> Any:
        append(*lines, **more)
        raise OSError("the connection is gone")

    office.log.append = takes_and_fails  # type: ignore[method-assign]
    with pytest.raises(OSError, match="gone"):
        office.desk.answer("ann", task.task_id, Said(text="a question"))
    office.log.append = append  # type: ignore[method-assign]
    assert office.desk.answer("ann", task.task_id, Said(text="a question")).kind == "prompt_submitted"
    assert len(office.log.lines) == 1


def test_what_others_append_counts_at_once(log: EventLog):
    clock = Clock()
    desk = Desk("en", MODERATED, log, TaskBook(log, "en"), now=clock, chance=random.Random(1))
    other = Desk("en", MODERATED, log, TaskBook(log, "en"), now=clock, chance=random.Random(2))
    task = desk.hand("ann")
    desk.answer("ann", task.task_id, Said(text="a question"))
    label = other.hand("ben", ["label_prompt"])
    other.answer("ben", label.task_id, Said(labels={"spam": 0.0}))
    assert state(desk) == state(other)
    clock.at -= 60_000  # a clock that is set back does not turn the log back
    last = desk.hand("cat", ["label_prompt"])
    desk.answer("cat", last.task_id, Said(labels={"spam": 0.0}))
    times = [line["at"] for _, line in log.read("en")]
    assert times == sorted(times)
    other.moderate("mod", "user_disabled", {"about_user": "dan"})
    with pytest.raises(NothingToDo, match="shut_out"):
        desk.hand("dan")


def test_lines_of_the_log_that_do_not_count_are_passed_over(log: EventLog):
    base = {"kind": "prompt_submitted", "at": written(NOW), "language": "en", "user_id": "ann"}
    log.append([{"event_id": "1", **base}, {"event_id": "2", **base, "tree_id": "t", "message_id": "t", "text": ""}])
    log.append([{"event_id": "3", **base, "tree_id": "t", "message_id": "t", "text": "good"}])
    desk = Desk("en", SMALL, log, now=Clock(NOW - 5_000))
    task = desk.hand("ben", ["label_prompt"])
    desk.answer("ben", task.task_id, Said(labels={"spam": 0.0}))
    assert [line["event_id"] for _, line in log.read("en")][:3] == ["1", "2", "3"]
    assert list(log.read("en"))[-1][1]["at"] == written(NOW)
    assert state(desk)[0][0].root.review_count == 1


def test_a_purge_empties_the_live_state_too(log: EventLog):
    desk = Desk("en", SMALL, log, TaskBook(log, "en"))
    task = desk.hand("ann")
    desk.answer("ann", task.task_id, Said(text="a question of ann's"))
    held = desk.hand("ben", ["label_prompt"])
    open_task = desk.hand("ann", ["prompt"])
    assert log.purge("ann") == 1
    assert state(desk)[0] == []
    with pytest.raises(NoSuchTask):
        desk.task("ann", open_task.task_id)
    with pytest.raises(NoSuchTask):  # what it was about is gone, and so is the task
        desk.answer("ben", held.task_id, Said(labels={"spam": 0.0}))
    assert desk.open_tasks("ben") == []


def test_open_tasks_outlive_the_process(log: EventLog):
    def desk() -> Desk:
        return Desk("en", SMALL, log, TaskBook(log, "en"))

    task = desk().hand("ann")
    again = desk()
    assert again.task("ann", task.task_id) == task
    assert again.open_tasks("ann") == [task]
    again.answer("ann", task.task_id, Said(text="a question"))
    assert desk().open_tasks("ann") == []
    assert isinstance(desk().task("ann", task.task_id), Answered)


def test_skips_are_events_but_for_prompts():
    office = Office()
    task = office.desk.hand("ann")
    assert office.desk.skip("ann", task.task_id, "no idea") is None
    with pytest.raises(NoSuchTask):
        office.desk.task("ann", task.task_id)
    assert office.log.lines == []
    prompt(office)
    label = office.desk.hand("ben")
    done = office.desk.skip("ben", label.task_id)
    assert done is not None and office.desk.skip("ben", label.task_id, "again") == done
    assert [line["kind"] for line in office.log.lines] == ["prompt_submitted", "task_skipped"]


def test_emojis_and_reports_are_said_once():
    office = Office()
    prompt(office)
    message = office.log.lines[0]["message_id"]
    for _ in range(2):
        office.desk.react("ben", message, "+1", on=True)
    office.desk.react("ben", message, "-1", on=True)
    for _ in range(2):
        office.desk.react("ben", message, "-1", on=False)
        office.desk.report("ben", message, "It is an advertisement.")
    assert [line["kind"] for line in office.log.lines[1:]] == [
        "emoji_added",
        "emoji_added",
        "emoji_removed",
        "report_submitted",
    ]
    with office.desk.look() as live:
        assert live.flagged[message][0].text == "It is an advertisement."
        found = live.message(message)
        assert found is not None and found[1].emojis == {RED_FLAG: ["ben"]}
    for wrong in (("ann", message, "+1"), ("ben", "no-such-message", "+1"), ("ben", message, "no-emoji")):
        with pytest.raises(Refused):
            office.desk.react(*wrong, on=True)
    with pytest.raises(Refused, match="blank"):
        office.desk.report("cat", message, "  ")


def test_moderators_alone_moderate_and_nothing_is_said_twice():
    office = Office(MODERATED)
    tree_id = tree_that_grows(office)
    lines = len(office.log.lines)
    at = {"tree_id": tree_id, "message_id": tree_id}
    for kind, fields in (
        ("tree_halted", {"tree_id": tree_id, "text": "for now"}), ("tree_unhalted", {"tree_id": tree_id}),
        ("user_disabled", {"about_user": "ann"}), ("user_enabled", {"about_user": "ann"}),
        ("message_edited", {**at, "text": "a better question"}), ("message_deleted", at), ("message_undeleted", at),
    ):  # fmt: skip
        with pytest.raises(Refused, match="is none"):
            office.desk.moderate("ann", kind, fields)
        for _ in range(2):
            office.desk.moderate("mod", kind, fields)
        lines += 1
        assert len(office.log.lines) == lines, kind
    assert state(office.desk)[0][0].root.text == "a better question"
    nobody = Office()
    prompt(nobody)
    assert not nobody.desk.moderates("ann")  # where no moderator is named, none works on the page


def test_settings_that_change_change_what_is_handed_out():
    office = Office(MODERATED)
    prompt(office)
    office.desk.hand("ben")
    office.desk.hand("cat")
    assert office.desk.there_is("dan")["label_prompt"] == 0
    office.desk.change("mod", {"num_reviews_initial_prompt": 3})
    assert office.desk.there_is("dan")["label_prompt"] == 1
    assert state(office.desk)[4] == state(office.opened())[4]


def test_points_are_those_of_the_assets():
    office = Office()
    office.work(400)
    with office.desk.look() as live:
        rows = next(tree_rows(Shelf.trees(live.shelf)))
        found = points(rows).standings
        total = dict(found.filter(window="total").select("user_id", "score").iter_rows())
        mine = {
            user: sum(part.points for part in points_of(record, user, live.tree, good_rankings=True))
            for user, record in live.records.items()
        }
    assert mine == total
    assert all(mine.values())


def test_tasks_that_others_answer_while_a_person_is_away_are_theirs_no_more():
    office = Office()
    prompt(office)
    task = office.desk.hand("ben", ["label_prompt"])
    office.clock.at += 400_000
    for user in ("cat", "dan"):
        office.works(user, "label_prompt")
    done = office.desk.answer(
        "ben", task.task_id, Said(labels={"spam": 0.0})
    )  # a third review of two is a review all the same
    assert done.kind == "labels_submitted"
    assert isinstance(task, Task)


def test_what_the_assets_fold_is_the_live_state(log: EventLog, tmp_path: Path):
    """The log that the page wrote, read and folded as `contributions` and `conversation_trees` do it."""
    spec = ConversationSpec(key="en", description="A test.", language="en", licence="CC0-1.0", settings=SMALL)
    office = Office()
    office.work(250)
    log.append(office.log.lines)
    read = Logs(spec, None, Home(tmp_path)).lines()
    collected = collect(read, "en")
    assert collected.rules == {} and collected.lines == 250
    folded = fold_all(spec, [collected.events], tmp_path / "folds")
    with office.desk.look() as live:
        assert list(Shelf.trees(folded.shelf)) == list(Shelf.trees(live.shelf))
        assert folded.shelf.language == live.fold.language
