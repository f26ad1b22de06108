"""The pages in a real Chromium: each of the tasks as a person does it, by light and by dark, on a phone and on a desk."""

from __future__ import annotations

import functools
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from ot_assets.conversations.events import parse, to_line
from resources.contributions.log import EventLog
from tests.conversations.crowd.site import LANGUAGE, Site, served
from tests.conversations.crowd.working import SMALL
from tests.ui.browser import FLAGS, chromium

pytestmark = pytest.mark.slow

RULES = SMALL.changed(
    {"goal_tree_size": 4, "max_children_count": 3, "num_required_rankings": 3, "max_pending_tasks_per_user": 99}
)
HOSTILE = '<img src=x onerror="document.title=1"><script>document.title = 2</script>\n\n  two  spaces {{ 7 * 7 }}'
PHONE = {"width": 390, "height": 844}


@dataclass
class Seen:
    """A browser with a person signed in, and everything that it asked for or complained of."""

    page: Page
    url: str
    asked: set[str] = field(default_factory=set)
    complaints: list[str] = field(default_factory=list)

    def takes(self, title: str) -> None:
        """Chooses a task on the start page."""
        self.page.goto(self.url + "/")
        self.page.get_by_role("button", name=title).click()
        expect(self.page.get_by_role("heading", level=1)).to_have_text(title)

    def sends(self, button: str = "Send") -> None:
        self.page.get_by_role("button", name=button, exact=True).click()
        expect(self.page.get_by_role("heading", level=1)).to_have_text("Thank you")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    if chromium() is None:
        pytest.skip("no chromium on this machine (Debian: apt-get install chromium)")
    folder = tmp_path_factory.mktemp("browser")
    with served(folder, RULES.model_dump(mode="json", exclude_defaults=True)) as up:
        yield up


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium(), args=FLAGS)
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def ann(site: Site, browser: Browser) -> Iterator[Seen]:
    """Ann, who opened her link on a phone."""
    _, token = site.people.invite("Ann")
    context = browser.new_context(viewport=PHONE, has_touch=True)  # type: ignore[arg-type]
    seen = Seen(context.new_page(), site.url)
    seen.page.on("request", lambda asked: seen.asked.add(asked.url))
    seen.page.on(
        "console", lambda said: seen.complaints.append(said.text) if said.type in ("error", "warning") else None
    )
    seen.page.on("pageerror", lambda error: seen.complaints.append(str(error)))
    seen.page.goto(f"{site.url}/sign-in#{token}")
    expect(seen.page.get_by_label("Token")).to_have_value(token)
    assert token not in seen.page.url  # it is not left in the address
    seen.page.get_by_role("button", name="Sign in").click()
    expect(seen.page.get_by_role("heading", level=1)).to_have_text("What there is to do")
    yield seen
    context.close()


def last(site: Site, kind: str) -> dict[str, Any]:
    return [line for line in site.lines() if line["kind"] == kind][-1]


@dataclass
class Stage:
    """Puts one tree of other people before everybody, by events from elsewhere; whatever was there is halted."""

    site: Site
    texts: tuple[str, ...] = ("Use vinegar.", "Strain the egg first.", "Three minutes in water that barely moves.")

    def __post_init__(self) -> None:
        states = {
            line["tree_id"]: line["kind"]
            for line in self.site.lines()
            if line["kind"] in ("prompt_submitted", "tree_halted")
        }
        for tree, kind in states.items():
            if kind != "tree_halted":
                self.happens("tree_halted", self.site.person.user_id, tree_id=tree)
        self.tree = uuid4().hex

    def happens(self, kind: str, user: str, **fields: Any) -> None:
        """An event of now."""
        at = datetime.now(UTC).isoformat(timespec="milliseconds")
        line = {"event_id": uuid4().hex, "kind": kind, "at": at, "language": LANGUAGE, "user_id": user, **fields}
        with EventLog(f"sqlite:///{self.site.folder / 'home' / 'crowd' / 'events.sqlite'}") as log:
            assert log.append([to_line(parse(line))])[0].said == "added"

    def prompt(self, text: str = "How do I poach an egg?") -> Stage:
        """A prompt that is under review."""
        self.happens("prompt_submitted", f"{self.tree}u0", tree_id=self.tree, message_id=self.tree, text=text)
        return self

    def accept(self, message: str) -> Stage:
        """Two people judge a message well."""
        for user in (f"{self.tree}u8", f"{self.tree}u9"):
            at = {"tree_id": self.tree, "message_id": message, "task_id": uuid4().hex}
            self.happens("labels_submitted", user, labels={"spam": 0.0}, **at)
        return self

    def reply(self, number: int, *, accepted: bool = True) -> Stage:
        """A reply of the assistant to the prompt."""
        at = {"tree_id": self.tree, "parent_id": self.tree, "message_id": f"{self.tree}{number}"}
        self.happens("reply_submitted", f"{self.tree}u{number + 1}", role="assistant", text=self.texts[number], **at)
        return self.accept(at["message_id"]) if accepted else self


def test_write_a_prompt(site: Site, ann: Seen):
    ann.takes("Write a prompt")
    counter = ann.page.locator("#counter")
    expect(counter).to_have_text("0 of at most 2,000 characters")
    text = ann.page.get_by_label("Your prompt")
    text.fill("x" * 2001)
    expect(counter).to_have_class("soft counter over")
    ann.page.get_by_role("button", name="Send", exact=True).click()
    expect(ann.page.get_by_role("alert")).to_have_text("The text is too long.")
    text.fill("How do I poach an egg?\n\n  I have:\n  - two eggs 🥚")
    ann.sends()
    assert last(site, "prompt_submitted")["text"] == "How do I poach an egg?\n\n  I have:\n  - two eggs 🥚"


def test_label_a_prompt(site: Site, ann: Seen):
    Stage(site).prompt(HOSTILE)
    ann.takes("Label a prompt")
    shown = ann.page.locator(".say.target .text")
    assert shown.evaluate("node => node.textContent") == HOSTILE
    assert shown.locator("*").count() == 0 and ann.page.title() == "Label a prompt"
    assert shown.evaluate("node => getComputedStyle(node).whiteSpace") == "pre-wrap"
    ann.page.get_by_role("button", name="Send", exact=True).click()  # the browser itself wants an answer first
    assert ann.page.get_by_role("heading", level=1).inner_text() == "Label a prompt"
    ann.page.get_by_role("group", name="Is it spam?").get_by_label("No").check()
    ann.page.get_by_label("Quality: 4 of 5").check()
    ann.page.get_by_label("Tone: 5 of 5").check()
    ann.page.get_by_label("It holds personal data of somebody").check()
    ann.sends()
    said = last(site, "labels_submitted")["labels"]
    assert (said["spam"], said["quality"], said["toxicity"], said["pii"], said["hate_speech"]) == (0, 0.75, 0, 1, 0)
    assert "humor" not in said


def test_reply_as_the_assistant(site: Site, ann: Seen):
    stage = Stage(site).prompt()
    stage.accept(stage.tree)
    ann.takes("Reply as the assistant")
    own = ann.page.get_by_label("Your reply")
    expect(own).to_be_focused()
    own.fill("Three minutes.")
    ann.page.get_by_text("I had help of a language model").click()
    ann.page.get_by_label("A language model wrote this").check()
    ann.page.get_by_label("Which one").fill("small-1")
    ann.sends()
    said = last(site, "reply_submitted")
    assert (said["parent_id"], said["role"], said["synthetic"], said["model_name"]) == (
        stage.tree,
        "assistant",
        True,
        "small-1",
    )


def test_reply_as_the_prompter_with_a_reaction_and_a_report_beside_it(site: Site, ann: Seen):
    stage = Stage(site).prompt()
    stage.accept(stage.tree).reply(0)
    ann.takes("Reply as the prompter")
    ann.page.get_by_label("Your reply").fill("And without vinegar?")
    good, bad = (ann.page.get_by_role("button", name=name, exact=True).last for name in ("Good", "Bad"))
    good.click()
    expect(good).to_have_attribute("aria-pressed", "true")
    bad.click()
    expect(bad).to_have_attribute("aria-pressed", "true")
    expect(good).to_have_attribute("aria-pressed", "false")
    ann.page.get_by_text("React or report").last.click()
    ann.page.get_by_label("What is wrong with it?").last.fill("It is not what was asked.")
    ann.page.get_by_role("button", name="Send the report").last.click()
    expect(ann.page.get_by_text("Reported by you")).to_be_visible()
    expect(ann.page.get_by_label("Your reply")).to_have_value("And without vinegar?")  # nothing of it was lost
    ann.sends()
    kinds = [line["kind"] for line in site.lines()][-4:]
    assert kinds == ["emoji_added", "emoji_added", "report_submitted", "reply_submitted"]
    assert last(site, "report_submitted")["text"] == "It is not what was asked."
    assert last(site, "reply_submitted")["role"] == "prompter"


def test_label_a_reply_by_the_keyboard_alone(site: Site, ann: Seen):
    stage = Stage(site).prompt()
    stage.accept(stage.tree).reply(1, accepted=False)
    ann.takes("Label a reply")
    assert ann.page.locator(".say.target .text").inner_text() == "Strain the egg first."
    ann.page.locator("input[name='label.spam']").first.focus()
    ann.page.keyboard.press("Space")
    ann.page.get_by_label("Quality: 1 of 5").focus()
    for _ in range(4):
        ann.page.keyboard.press("ArrowRight")
    ann.page.locator("#send").focus()
    ann.page.keyboard.press("Enter")
    expect(ann.page.get_by_role("heading", level=1)).to_have_text("Thank you")
    said = last(site, "labels_submitted")
    assert (said["labels"]["spam"], said["labels"]["quality"]) == (0, 1)
    expect(ann.page.get_by_role("button", name="Next task")).to_be_focused()


def ranked(site: Site) -> Stage:
    """A tree whose three replies are to be ranked."""
    stage = Stage(site).prompt()
    stage.accept(stage.tree)
    for number in range(3):
        stage.reply(number)
    return stage


def test_rank_replies_by_buttons_keyboard_and_drag(site: Site, ann: Seen):
    ranked(site)
    ann.page.set_viewport_size({"width": 390, "height": 1800})
    ann.takes("Rank replies")
    items = ann.page.locator("#ranking > li")
    expect(items).to_have_count(3)

    def order() -> list[str | None]:
        return [one.get_attribute("data-id") for one in items.all()]

    first = order()
    items.nth(0).get_by_role("button", name="Move this reply down").click()
    assert order() == [first[1], first[0], first[2]]
    expect(ann.page.locator("#moved")).to_have_text("Moved to place 2 of 3")
    ann.page.keyboard.press("Enter")  # the focus went with it
    assert order() == [first[1], first[2], first[0]]
    expect(items.nth(2).get_by_role("button", name="Move this reply down")).to_be_disabled()
    box, goal = items.nth(2).locator(".place").bounding_box(), items.nth(0).bounding_box()
    assert box and goal
    ann.page.mouse.move(box["x"] + 10, box["y"] + 10)
    ann.page.mouse.down()
    ann.page.mouse.move(goal["x"] + 20, goal["y"] + 4, steps=12)
    ann.page.mouse.up()
    assert order() == [first[0], first[1], first[2]]
    assert [one.inner_text() for one in ann.page.locator(".place").all()] == ["1", "2", "3"]
    items.nth(1).get_by_role("button", name="Move this reply up").click()
    ann.sends("Send this order")
    said = last(site, "ranking_submitted")
    assert said["ranking"] == [first[1], first[0], first[2]]
    assert said["shown"] == first
    ann.page.set_viewport_size(PHONE)  # type: ignore[arg-type]


def test_replies_are_ranked_without_a_script_too(site: Site, browser: Browser):
    ranked(site)
    _, token = site.people.invite("Plain")
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{site.url}/sign-in")
    page.get_by_label("Token").fill(token)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("button", name="Rank replies").click()
    shown = [one.get_attribute("data-id") for one in page.locator("#ranking > li").all()]
    page.locator("#ranking > li").nth(1).get_by_role("button", name="Move this reply up").click()
    page.get_by_role("button", name="Send this order").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Thank you")
    assert last(site, "ranking_submitted")["ranking"] == [shown[1], shown[0], *shown[2:]]
    context.close()


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_another_sites_page_cannot_post_for_a_person(site: Site, ann: Seen, tmp_path: Path, host: str):
    """A page elsewhere that sends a form, by a script and by itself, from Ann's own browser.

    Another port of the same host is the same site to a browser, which then sends the cookie along: its Origin is another all
    the same.
    """
    lines = len(site.lines())
    ann.takes("Write a prompt")
    task = ann.page.url.rpartition("/")[2]
    (tmp_path / "evil.html").write_text(
        f'<form id="f" method="post" action="{site.url}/tasks/{task}"><input name="text" value="not hers"></form>'
        f"<script>fetch('{site.url}/tasks/{task}', {{method: 'POST', mode: 'no-cors', credentials: 'include', "
        "body: new URLSearchParams({text: 'not hers'})}).finally(() => document.getElementById('f').submit())</script>"
    )
    answers: list[int] = []
    page = ann.page.context.new_page()
    page.on("response", lambda answer: answers.append(answer.status) if answer.url.startswith(site.url) else None)
    with elsewhere(tmp_path, host) as address, page.expect_navigation(url=f"{site.url}/tasks/{task}"):
        page.goto(f"{address}/evil.html")
    assert "This form was not sent by a page of this site." in page.content()
    assert set(answers) == {403}
    page.close()
    assert len(site.lines()) == lines


@contextmanager
def elsewhere(folder: Path, host: str) -> Iterator[str]:
    """Another web server."""
    handler = functools.partial(SimpleHTTPRequestHandler, directory=str(folder))
    with ThreadingHTTPServer((host, 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://{host}:{server.server_address[1]}"
        server.shutdown()


def test_a_frame_elsewhere_does_not_show_the_page(site: Site, ann: Seen, tmp_path: Path):
    outer = tmp_path / "outer.html"
    outer.write_text(f'<iframe src="{site.url}/" width="400" height="400"></iframe>')
    page = ann.page.context.new_page()
    page.goto(outer.as_uri())
    page.wait_for_timeout(500)
    assert all("What there is to do" not in frame.content() for frame in page.frames[1:])
    page.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_fit_a_phone_and_can_be_read(site: Site, browser: Browser, scheme: str):
    ranked(site)
    _, token = site.people.invite(f"Reader {scheme}")
    context = browser.new_context(viewport=PHONE, color_scheme=scheme)  # type: ignore[arg-type]
    page = context.new_page()
    page.goto(f"{site.url}/sign-in#{token}")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("What there is to do")
    paths = [page.url]
    for kind in page.locator("button[name=kind]:not([disabled])").all():
        paths.append(str(kind.get_attribute("value")))
    for kind_ in paths:
        if not kind_.startswith("http"):
            page.goto(site.url)
            page.locator(f"button[value={kind_}]").click()
            page.wait_for_url("**/tasks/*")
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"], kind_
        ink, paper = page.evaluate(
            "() => { const s = getComputedStyle(document.body); return [s.color, s.backgroundColor]; }"
        )
        light = [sum(int(part) for part in colour[4:-1].split(",")) for colour in (ink, paper)]
        assert abs(light[0] - light[1]) > 380
        assert (light[1] > light[0]) == (scheme == "light")
        small = page.evaluate(
            "() => [...document.querySelectorAll('main button.first, main .choices label span')]"
            ".filter(one => one.offsetHeight && one.offsetHeight < 40).length"
        )
        assert small == 0
    context.close()


def test_no_other_host_was_asked_and_nothing_was_complained_of(site: Site, ann: Seen):
    assert {url.partition("#")[0].split("/")[2] for url in ann.asked} == {f"127.0.0.1:{site.port}"}
    refused = "the server responded with a status of 422"  # what Ann wrote too long
    assert [told for told in ann.complaints if refused not in told] == []
