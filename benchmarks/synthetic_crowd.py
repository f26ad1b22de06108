"""A synthetic crowd at the web page's own desk, from the first prompt to exports. Nobody in it is real, and nothing was said
by anybody.

    python benchmarks/synthetic_crowd.py FOLDER [--people 50] [--trees 2000] [--seed 1]

People with temperaments ask the desk of `ot crowd` for tasks (`Desk.hand`: weights, exclusions and caps are those of the
page) and answer them, until so many trees are ready for export; the house log in SQLite and its book of tasks are real. Time
is made up: a quarter of a minute a task. Killed and started again, it goes on where the log ends. Then everything is done as a
user does it: `ot conversations fold`, `export` as trees, messages and the hub's columns, the report; and each export is
loaded with `datasets`. FOLDER is the state folder (`OT_HOME`), and `en` of the shipped registry are the rules. 2,000 trees
take about 146,000 tasks.
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.figures import note
from benchmarks.questions_made import questions
from ot_assets.commands.crowd import spec_of
from ot_assets.conversations.crowd.answers import Said
from ot_assets.conversations.crowd.desk import Desk
from ot_assets.conversations.crowd.tasks import REPLIES, NothingToDo, Task
from ot_assets.conversations.events import Refused, milliseconds
from resources.contributions.book import TaskBook
from resources.contributions.log import EventLog
from tests.conversations.synthetic import TEMPERS, Temper

LANGUAGE = "en"
STEP = 15_000
"""Milliseconds a task."""
_AT_ONCE = 200
"""Tasks between two looks at how many trees are ready."""
START = milliseconds("2026-01-01T00:00:00+00:00")
TOXIC = ("violence", "hate_speech", "sexual_content", "pii", "political_content", "moral_judgement", "not_appropriate")


@dataclass
class Person:
    """Somebody made up."""

    user_id: str
    temper: Temper
    busy: float
    """How often this person is the one who asks; a few do most."""


@dataclass
class SyntheticCrowd:
    """Made-up people who work at a desk until enough trees are ready."""

    desk: Desk
    people: list[Person]
    chance: random.Random
    now: list[int]
    texts: list[str]
    """What the next prompts and replies say."""
    done: Counter[str] = field(default_factory=Counter)

    def task(self) -> bool:
        """One task, handed out and answered; False where the person who asked gets none."""
        person = self.chance.choices(self.people, [one.busy for one in self.people])[0]
        self.now[0] += STEP
        try:
            task = self.desk.hand(person.user_id)
        except NothingToDo:
            self.done["nothing to do"] += 1
            return False
        try:
            if task.message_id is not None and self.chance.random() < person.temper.skips:
                self.desk.skip(person.user_id, task.task_id)
                self.done["skipped"] += 1
            else:
                self.desk.answer(person.user_id, task.task_id, self._said(task, person.temper))
                self.done[task.kind] += 1
        except Refused as refused:
            self.done[f"refused: {refused.rule}"] += 1
        return True

    def _said(self, task: Task, temper: Temper) -> Said:
        if task.kind == "prompt" or task.kind in REPLIES:
            number = self.chance.randrange(10**9)
            if self.chance.random() < temper.rubbish:
                return Said(text=f"BUY NOW {number} !!!")
            worth = self.chance.randrange(100)
            return Said(text=f"{self.texts[number % len(self.texts)]} ({number})\n\nWorth {worth} of 100.")
        if task.kind == "rank_replies":
            seen = {one: self._worth(task, one) + self.chance.gauss(0, temper.noise) for one in task.shown}
            return Said(ranking=sorted(seen, key=lambda one: -seen[one]))
        assert task.message_id is not None
        worth = self._worth(task, task.message_id)
        spam = (worth < 0 and self.chance.random() < temper.sees) or (
            worth >= 0 and self.chance.random() < temper.alarm
        )
        good = min(max(worth + self.chance.gauss(0, temper.noise), 0.0), 1.0)
        values = {name: 0.0 if name in TOXIC else round(good * 4) / 4 for name in task.labels}
        return Said(labels={**values, "spam": float(spam), "lang_mismatch": 0.0})

    def _worth(self, task: Task, message_id: str) -> float:
        """From 0 to 1; below 0 for rubbish."""
        with self.desk.look() as live:
            found = live.message(message_id)
        assert found is not None and found[1].text is not None
        said = found[1].text.rpartition("Worth ")[2].split(" ")[0]
        return int(said) / 100 if said.isdigit() else -0.5

    @property
    def ready(self) -> int:
        """Trees that are finished."""
        with self.desk.look() as live:
            return live.fold.language.states["ready_for_export"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--people", type=int, default=50)
    parser.add_argument("--trees", type=int, default=2_000)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    folder = given.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    os.environ["OT_HOME"] = str(folder)
    work(folder, given.people, given.trees, given.seed)
    used(folder)


def work(folder: Path, people: int, trees: int, seed: int) -> None:
    """Until so many trees are ready."""
    chance = random.Random(seed)
    tempers = chance.choices(list(TEMPERS.values()), [one.share for one in TEMPERS.values()], k=people)
    crowd = [Person(f"synthetic-{n:03d}", temper, 1 / (n + 3)) for n, temper in enumerate(tempers)]
    with EventLog(f"sqlite:///{folder / 'crowd' / 'events.sqlite'}") as log:
        now = [max(START, log.place(LANGUAGE).at)]
        chance = random.Random(f"{seed} {log.place(LANGUAGE).seq}")  # another run is not the first one again
        book, hands = TaskBook(log, LANGUAGE), random.Random(seed)
        desk = Desk(LANGUAGE, spec_of(LANGUAGE).settings, log, book, now=lambda: now[0], chance=hands)
        office = SyntheticCrowd(desk, crowd, chance, now, list(islice(questions(5_000, seed), 5_000)))
        began, said = time.perf_counter(), office.ready
        while (ready := office.ready) < trees:
            if not sum(office.task() for _ in range(_AT_ONCE)):
                raise SystemExit(f"nobody had anything to do; {ready} of {trees} trees are ready")
            if ready >= said + 100:
                said = ready
                note(f"{ready:,} of {trees:,} trees, {log.place(LANGUAGE).seq:,} events")
        took = time.perf_counter() - began
    answered = office.done.total() - office.done["nothing to do"]
    each = 1000 * took / max(1, answered)
    note(f"{people} people, {trees:,} trees: {answered:,} tasks in {took:.0f} s, {each:.2f} ms a task")
    note(", ".join(f"{what} {n:,}" for what, n in sorted(office.done.items())))


def used(folder: Path) -> None:
    """What a user does next; each export is loaded with `datasets`."""
    _ot("conversations", "fold", LANGUAGE, "--quiet")
    _ot("conversations", "report", LANGUAGE)
    from datasets import load_dataset

    for form, name in (("trees", "trees.jsonl.gz"), ("messages", "messages.jsonl.gz"), ("parquet", "messages.parquet")):
        file = folder / name
        _ot("conversations", "export", LANGUAGE, "--as", form, "--out", str(file))
        kind = "parquet" if form == "parquet" else "json"
        rows = load_dataset(kind, data_files=str(file), split="train", cache_dir=str(folder / "datasets"))
        note(f"{file.name}: {rows.num_rows:,} rows, columns {', '.join(rows.column_names)}")


def _ot(*words: str) -> None:
    began = time.perf_counter()
    done = subprocess.run([str(Path(sys.executable).parent / "ot"), *words], text=True, capture_output=True)
    if done.returncode:
        raise SystemExit(f"ot {' '.join(words)} failed:\n{done.stdout}{done.stderr}")
    note(f"ot {' '.join(words)}: {time.perf_counter() - began:.1f} s")


if __name__ == "__main__":
    main()
