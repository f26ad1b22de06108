"""Where the fold keeps its state: what was saved is found again, and only what was touched is read and written."""

from __future__ import annotations

import pickle
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from ot_assets.conversations.fold import Fold
from ot_assets.conversations.shelf import Shelf, loaded
from ot_assets.conversations.state import Ballot, Labelled, Message, Step, Tree
from ot_assets.registry.specs.crowd import CrowdSettings
from tests.conversations.synthetic import MODERATOR, Crowd
from tests.conversations.whole import broken, rows_of, whole

SETTINGS = CrowdSettings(goal_tree_size=4, moderators=(MODERATOR,))


@pytest.fixture(scope="module")
def crowd() -> Crowd:
    made = Crowd(40, seed=11, settings=SETTINGS, bad=0.05)
    made.log = made.events(3000)  # type: ignore[attr-defined]
    return made


def folded(
    crowd: Crowd, file: Path | None, start: int = 0, end: int | None = None, settings: CrowdSettings = SETTINGS
) -> Shelf:
    shelf = Shelf(settings, file)
    fold = Fold(crowd.language, shelf)
    for number, event in enumerate(crowd.log[start:end], start):  # type: ignore[attr-defined]
        if (refused := fold.apply(event)) is not None:
            shelf.refuse(event.event_id, refused.rule, refused.note, "log", str(number))
    shelf.save()
    return shelf


def test_what_was_saved_is_found_again(crowd, tmp_path):
    shelf = folded(crowd, tmp_path / "a.sqlite")
    shelf.mark = {"events": 3000}
    shelf.save()
    assert not shelf.touched
    shelf.close()
    found = Shelf(CrowdSettings(), tmp_path / "a.sqlite")
    assert found.mark == {"events": 3000} and found.settings == SETTINGS
    assert whole(found) == {**whole(crowd.shelf), "refused": whole(folded(crowd, None))["refused"]}
    assert broken(found) == []
    assert len(list(found.refused())) > 50
    found.close()


@pytest.mark.parametrize("cut", [0, 1, 1500, 2999, 3000])
def test_a_beginning_and_the_rest_lie_in_the_file_as_if_all_were_folded_at_once(crowd, tmp_path, cut):
    folded(crowd, tmp_path / "all.sqlite").close()
    folded(crowd, tmp_path / "two.sqlite", 0, cut).close()
    folded(crowd, tmp_path / "two.sqlite", cut).close()
    one, two = (rows_of(tmp_path / name) for name in ("all.sqlite", "two.sqlite"))
    for name in ("events", "messages", "refused"):
        assert one[name] == two[name]
    for name in ("trees", "persons", "shared"):
        assert [(key, loaded(state)) for key, state in one[name]] == [(key, loaded(state)) for key, state in two[name]]


def test_in_memory_and_in_a_file_the_state_is_the_same(crowd, tmp_path):
    assert whole(folded(crowd, None)) == whole(folded(crowd, tmp_path / "b.sqlite"))


def test_only_touched_trees_are_read_and_written(crowd, tmp_path):
    shelf = folded(crowd, tmp_path / "c.sqlite", 0, 2990)
    before = dict(rows_of(tmp_path / "c.sqlite")["trees"])
    shelf.close()
    shelf = Shelf(SETTINGS, tmp_path / "c.sqlite")
    fold = Fold(crowd.language, shelf)
    for event in crowd.log[2990:]:
        fold.apply(event)
    assert 0 < len(shelf.touched) <= 20 < len(before)
    touched = shelf.touched
    shelf.save()
    after = dict(rows_of(tmp_path / "c.sqlite")["trees"])
    assert {name for name in after if after[name] != before.get(name)} <= touched
    shelf.close()


def test_going_through_all_trees_keeps_none_in_memory(crowd, tmp_path):
    shelf = folded(crowd, tmp_path / "d.sqlite")
    names = [tree.tree_id for tree in shelf.trees()]
    assert names == sorted(names) and len(names) > 50 and not shelf.touched
    tree = shelf.tree(names[3])
    assert tree is not None and shelf.touched == {names[3]}
    tree.goal = 77
    assert [one.goal for one in shelf.trees() if one.tree_id == names[3]] == [77]


def test_what_was_not_saved_is_gone(crowd, tmp_path):
    folded(crowd, tmp_path / "e.sqlite", 0, 500).close()
    before = rows_of(tmp_path / "e.sqlite")
    shelf = Shelf(SETTINGS, tmp_path / "e.sqlite")
    fold = Fold(crowd.language, shelf)
    for event in crowd.log[500:600]:
        fold.apply(event)
    shelf.close()
    assert rows_of(tmp_path / "e.sqlite") == before


def test_a_save_that_fails_leaves_the_file_as_it_was(crowd, tmp_path, monkeypatch):
    folded(crowd, tmp_path / "f.sqlite", 0, 500).close()
    before = rows_of(tmp_path / "f.sqlite")
    shelf = Shelf(SETTINGS, tmp_path / "f.sqlite")
    fold = Fold(crowd.language, shelf)
    for event in crowd.log[500:600]:
        fold.apply(event)
    shelf.language.waiting["broken"] = [lambda: None]  # what cannot be pickled, after trees were written
    with pytest.raises((pickle.PicklingError, AttributeError)):
        shelf.save()
    assert rows_of(tmp_path / "f.sqlite") == before
    del shelf.language.waiting["broken"]
    shelf.save()
    assert len(rows_of(tmp_path / "f.sqlite")["events"]) > len(before["events"])
    shelf.close()


KILLED = """
import os, signal, sys
from pathlib import Path
from ot_assets.conversations.fold import Fold
from ot_assets.conversations.shelf import Shelf, loaded
from tests.conversations.synthetic import Crowd
crowd = Crowd(10, seed=1)
shelf = Shelf(crowd.fold.settings, Path(sys.argv[1]))
fold = Fold("en", shelf)
events = crowd.events(400)
for event in events[:200]:
    fold.apply(event)
shelf.save()
for event in events[200:]:
    fold.apply(event)
shelf._file.execute("begin immediate")
shelf._file.execute("delete from trees")
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_killed_fold_leaves_the_file_as_it_was(tmp_path):
    file = tmp_path / "g.sqlite"
    done = subprocess.run([sys.executable, "-c", KILLED, str(file)], cwd=Path(__file__).parents[2], check=False)
    assert done.returncode == -signal.SIGKILL
    crowd = Crowd(10, seed=1)
    events = crowd.events(400)
    shelf = Shelf(CrowdSettings(), file)
    assert len(whole(shelf)["events"]) == 200 and broken(shelf) == []
    fold = Fold("en", shelf)
    for event in events[200:]:
        assert fold.apply(event) is None
    assert whole(shelf) == whole(crowd.shelf)
    shelf.close()


def test_a_file_that_is_none(tmp_path):
    (tmp_path / "h.sqlite").write_bytes(b"this is no database, and longer than a header" * 100)
    with pytest.raises(sqlite3.Error):
        Shelf(SETTINGS, tmp_path / "h.sqlite")


def test_records_are_pickled_as_they_are():
    message = Message("m", None, "u", "e", 1, "prompter", "text", 0, emojis={"+1": ["v"]})
    message.labelled.append(Labelled("v", "e2", 2, {"spam": 0.0}, True))
    tree = Tree("m", "en", "growing", "crowd", 12, 3, 3, {"m": message})
    tree.ballots.append(Ballot("v", "e3", 3, "m", ("a", "b"), ("b", "a"), False))
    tree.history.append(Step(1, "e", None, "growing", "why"))
    assert pickle.loads(pickle.dumps(tree)) == tree


def test_a_person_is_kept_from_one_fold_to_the_next(tmp_path):
    crowd = Crowd(5, seed=2)
    prompt = next(event for event in crowd.events(5) if event.kind == "prompt_submitted")
    for number in range(2):
        shelf = Shelf(SETTINGS, tmp_path / "i.sqlite")
        name = f"p{number}"
        event = prompt._replace(event_id=name, tree_id=name, message_id=name, at=prompt.at + number)
        refused = Fold("en", shelf).apply(event)
        assert (refused.rule if refused else None) == ("duplicate_text" if number else None)
        assert shelf.knows_message("p0") and shelf.tree_of("p0") == "p0" and not shelf.knows_message("p1")
        shelf.save()
        shelf.close()
