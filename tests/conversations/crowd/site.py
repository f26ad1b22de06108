"""The page as it is really served: `ot crowd` in a process of its own, and people who read pages and send forms."""

from __future__ import annotations

import html
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import yaml

from ot_assets.conversations.crowd.people import People, Person
from resources.contributions.log import EventLog

ROOT = Path(__file__).parents[3]
LANGUAGE = "nl"
_STARTS_WITHIN = 90.0
_SERVE = "from ot_assets.commands.crowd import serve; serve(host='127.0.0.1', port={port}, language='{language}')"


@dataclass
class Site:
    """A state folder with people, a registry with one language, and the server, when it is up."""

    folder: Path
    settings: Mapping[str, Any] = field(default_factory=dict)
    port: int = 0
    process: subprocess.Popen[str] | None = None
    said: str = ""

    def __post_init__(self) -> None:
        self.people = People(self.folder / "home" / "crowd" / "people.jsonl")
        if self.people.all():
            return
        self.person, self.token = self.people.invite("Mod")
        place = self.folder / "registry" / "conversations" / f"{LANGUAGE}.yaml"
        place.parent.mkdir(parents=True, exist_ok=True)
        spec: dict[str, Any] = {"description": "A test.", "language": LANGUAGE, "licence": "CC0-1.0"}
        spec["settings"] = {**self.settings, "moderators": [self.person.user_id]}
        place.write_text(yaml.safe_dump(spec))

    @property
    def env(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("OT_")}
        named = {"OT_HOME": str(self.folder / "home"), "OT_REGISTRY": str(self.folder / "registry")}
        return {**kept, **named, "PYTHONPATH": str(ROOT)}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def lines(self) -> list[dict[str, Any]]:
        """What the log holds."""
        with EventLog(f"sqlite:///{self.folder / 'home' / 'crowd' / 'events.sqlite'}") as log:
            return [line for _, line in log.read(LANGUAGE)]

    def start(self) -> None:
        """Starts the server, at the port that it had if it had one."""
        command = [sys.executable, "-c", _SERVE.format(port=self.port, language=LANGUAGE)]
        self.process = subprocess.Popen(
            command, env=self.env, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        assert self.process.stdout is not None
        self.said = ""
        for line in self.process.stdout:
            self.said += line
            if found := re.search(r"http://127\.0\.0\.1:(\d+)", line):
                self.port = int(found[1])
                break
        else:
            raise AssertionError(self.said)
        until = time.monotonic() + _STARTS_WITHIN
        while time.monotonic() < until:
            try:
                if httpx.get(f"{self.url}/sign-in").status_code == 200:
                    return
            except httpx.TransportError:
                time.sleep(0.05)
        raise AssertionError("the page does not answer")

    def kill(self) -> None:
        """As a power cut to the process."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(30)
        self.process = None

    def stop(self) -> int:
        """Ctrl-C; returns the exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGINT)
        code = self.process.wait(60)
        assert self.process.stdout is not None
        self.said += self.process.stdout.read()
        self.process = None
        return code

    def moderator(self) -> Visitor:
        """The moderator, signed in."""
        visitor = Visitor(self, self.person, self.token)
        visitor.sign_in()
        return visitor

    def invited(self, name: str) -> Visitor:
        """Somebody new, signed in."""
        person, token = self.people.invite(name)
        visitor = Visitor(self, person, token)
        visitor.sign_in()
        return visitor


@contextmanager
def served(folder: Path, settings: Mapping[str, Any]) -> Iterator[Site]:
    """A site that is up inside the block."""
    site = Site(folder, settings)
    site.start()
    try:
        yield site
    finally:
        if site.process is not None:
            site.kill()


class Visitor:
    """A person with a browser that knows cookies and forms, and no script."""

    def __init__(self, site: Site, person: Person, token: str) -> None:
        self.site = site
        self.person = person
        self.token = token
        self.browser = httpx.Client(base_url=site.url, timeout=60)
        self.page = ""
        self.signed = ""
        """The form token of the session."""

    def get(self, path: str) -> httpx.Response:
        answer = self.browser.get(path, follow_redirects=True)
        self.page = answer.text
        return answer

    def post(self, path: str, fields: Mapping[str, Any], **headers: str | None) -> httpx.Response:
        """Sends a form as a page of this site does; a header of None is left away."""
        said = {"origin": self.site.url, **headers}
        kept = {name: value for name, value in said.items() if value is not None}
        return self.browser.post(path, data=dict(fields), headers=kept)

    @property
    def form_token(self) -> str:
        if self.signed:
            return self.signed
        found = re.search(r'name="form_token" value="([0-9a-f]+)"', self.page)
        assert found, self.page
        return found[1]

    def sign_in(self) -> None:
        self.get("/sign-in")
        done = self.post("/sign-in", {"form_token": self.form_token, "token": self.token})
        assert done.status_code == 303, done.text
        self.get("/")
        self.signed = self.form_token

    def hand(self, *kinds: str) -> str | None:
        """Takes a task and reads its page; its id, or nothing where there is none."""
        answer = self.post("/tasks", {"form_token": self.form_token, "kind": list(kinds)})
        assert answer.status_code == 303, answer.text
        where = answer.headers["location"]
        shown = self.get(where)
        if not where.startswith("/tasks/"):
            return None
        assert shown.status_code == 200
        return where.removeprefix("/tasks/")

    @property
    def kind(self) -> str:
        """Which task the page shows, by its heading."""
        heading = re.search(r"<h1>(.*?)</h1>", self.page)
        assert heading
        return heading[1]

    @property
    def shown(self) -> list[str]:
        """Texts of the messages on the page, as a person reads them."""
        found = re.findall(r'<div class="text" dir="auto">(.*?)</div>', self.page, re.S)
        return [html.unescape(one) for one in found]

    @property
    def replies(self) -> list[str]:
        """Ids of the replies that are ranked, in the order shown."""
        return re.findall(r'name="ranking" value="(\w+)"', self.page)

    @property
    def asked(self) -> list[str]:
        """Labels that are asked for."""
        return re.findall(r'name="asked" value="(\w+)"', self.page)
