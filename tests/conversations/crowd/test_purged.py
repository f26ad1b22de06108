"""Persons who were purged, at the desk: nothing of theirs is shown, taken or asked for any more."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ot_assets.conversations.collecting import collect
from ot_assets.conversations.crowd.answers import Said
from ot_assets.conversations.crowd.desk import Desk, NoSuchTask
from ot_assets.conversations.crowd.live import Live
from ot_assets.conversations.crowd.tasks import NothingToDo
from ot_assets.conversations.events import Refused, parse, written
from ot_assets.conversations.folding import fold_all
from ot_assets.conversations.logs import Line
from ot_assets.conversations.purging import hashed
from ot_assets.conversations.shelf import Shelf
from ot_assets.registry.specs.conversation import ConversationSpec
from resources.contributions.book import TaskBook
from resources.contributions.log import EventLog
from tests.conversations.crowd.test_desk import prompt, state
from tests.conversations.crowd.working import NOW, SMALL, Office


@pytest.fixture
def log(tmp_path: Path) -> Iterator[EventLog]:
    with EventLog(f"sqlite:///{tmp_path}/crowd/events.sqlite") as opened:
        yield opened


def note(about: str, at: int = NOW, **more: Any) -> dict[str, Any]:
    said = {"event_id": f"purge-{about}", "kind": "user_purged", "at": written(at), "language": "en"}
    return {**said, "about_user": hashed(about), **more}


@pytest.mark.parametrize("kept", [True, False])
def test_a_ranking_of_a_reply_that_was_purged_is_no_task_any_more(log: EventLog, kept: bool):
    office = Office(SMALL.changed({"num_required_rankings": 4}))
    office.work(60)
    log.append(office.log.lines)
    desk = Desk("en", office.settings, log, TaskBook(log, "en") if kept else None, now=office.clock)
    ranking = desk.hand("fay", ["rank_replies"])
    with desk.look() as live:
        found = live.message(ranking.shown[0])
        assert found is not None
        author = found[1].user_id
    log.purge(author, [note(author, office.clock())])
    assert desk.open_tasks("fay") == []
    with pytest.raises(NoSuchTask):
        desk.skip("fay", ranking.task_id)


def test_a_task_that_the_fold_does_not_take_any_more_can_be_skipped(monkeypatch: pytest.MonkeyPatch):
    office = Office()
    prompt(office)
    task = office.desk.hand("ben", ["label_prompt"])

    def refuses(rule: str) -> None:
        refused = Refused(rule, "as the test wants")
        monkeypatch.setattr(Live, "take", lambda live, event: refused)

    refuses("user_disabled")
    with pytest.raises(Refused):
        office.desk.skip("ben", task.task_id)
    assert office.desk.open_tasks("ben") == [task]
    refuses("unknown_message")
    assert office.desk.skip("ben", task.task_id, "it is gone") is None
    assert office.desk.open_tasks("ben") == [] and len(office.log.lines) == 1


def test_who_was_purged_sends_nothing_more(log: EventLog):
    desk = Desk("en", SMALL, log, TaskBook(log, "en"))
    task = desk.hand("ben", ["prompt"])
    desk.answer("ben", task.task_id, Said(text="a question of ben's"))
    held = desk.hand("ann", ["prompt"])
    log.append([note("ann", log.place("en").at)])  # of a file: it takes no task
    with pytest.raises(Refused) as refused:
        desk.answer("ann", held.task_id, Said(text="another question"))
    assert refused.value.rule == "user_disabled"
    with pytest.raises(NothingToDo, match="shut_out"):
        desk.hand("ann")
    with pytest.raises(Refused):
        desk.react("ann", next(log.read("en"))[1]["message_id"], "+1", on=True)
    assert [line["kind"] for _, line in log.read("en")] == ["prompt_submitted", "user_purged"]


def test_a_purge_of_a_file_takes_out_what_was_there_before_as_the_assets_do(log: EventLog, tmp_path: Path):
    office = Office()
    office.work(60)
    tree = {"tree_state": "growing", "messages": [
        {"message_id": "old", "user_id": "zoe", "role": "prompter", "text": "an old question", "created_date": written(NOW - 1)},  # noqa: E501
    ]}  # fmt: skip
    at = office.clock.at
    end = {"at": written(at), "language": "en"}
    log.append(office.log.lines)
    desk = Desk("en", office.settings, log, now=office.clock)
    desk.change(None, {"moderators": ["ben", "cat"]})
    log.append([{"event_id": "import", "kind": "tree_imported", "tree_id": "old", "tree": tree, **end}])
    state(desk)
    log.append([note(one, at, user_id="cat") for one in ("ben", "zoe")])
    folded = fold_all(
        ConversationSpec.model_validate(
            {
                "key": "en",
                "description": "A test.",
                "language": "en",
                "licence": "CC0-1.0",
                "settings": SMALL.model_dump(),
            }
        ),
        [collect([Line("log", str(n), parse(line), None) for n, line in log.read("en")], "en").events],
        tmp_path / "folds",
    )
    with desk.look() as live:
        assert list(Shelf.trees(folded.shelf)) == list(Shelf.trees(live.shelf))
        assert folded.shelf.settings == live.fold.settings and live.fold.settings.moderators == ("cat",)
    assert state(desk) == state(Desk("en", office.settings, log, now=office.clock))
