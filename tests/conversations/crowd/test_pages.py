"""The pages over HTTP, without a script: who may, what is refused, and that texts are texts."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ot_assets.conversations.crowd import words
from ot_assets.conversations.crowd.app import make_app, moved
from ot_assets.conversations.crowd.gate import Gate
from ot_assets.conversations.crowd.people import People
from ot_assets.conversations.crowd.web import Fields
from ot_assets.conversations.kinds import TASKS
from ot_assets.conversations.labels import EMOJIS, LABELS
from ot_assets.conversations.state import STATES
from resources.contributions.log import Behind
from resources.errors import UserError
from tests.conversations.crowd.site import LANGUAGE, Site, Visitor, served
from tests.conversations.crowd.working import SMALL, Office

HOSTILE = (
    "<script>alert(1)</script>\n  two  spaces\tand \"quotes\" & <b onclick='x'>b</b> {{ 7 * 7 }} </textarea>\n\u202egnp"
)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    rules = SMALL.changed({"max_initial_prompt_review": 100, "max_pending_tasks_per_user": 1000})
    with served(tmp_path_factory.mktemp("site"), rules.model_dump(mode="json", exclude_defaults=True)) as up:
        yield up


@pytest.fixture(scope="module")
def ann(site: Site) -> Visitor:
    return site.invited("Ann")


@pytest.fixture(scope="module")
def ben(site: Site) -> Visitor:
    return site.invited("Ben")


def writes(visitor: Visitor, text: str) -> str:
    task = visitor.hand("prompt")
    assert task is not None
    answer = visitor.post(f"/tasks/{task}", {"form_token": visitor.form_token, "text": text})
    assert answer.status_code == 303, answer.text
    return task


def test_who_is_not_signed_in_sees_the_page_to_sign_in(site: Site):
    stranger = httpx.Client(base_url=site.url)
    for path in ("/", "/tasks/abc", "/moderate", "/moderate/people", "/moderate/tree?id=abc"):
        answer = stranger.get(path)
        assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in"), path
    assert "Token" in stranger.get("/", follow_redirects=True).text
    for path in (
        "/tasks",
        "/tasks/abc",
        "/tasks/abc/skip",
        "/reactions",
        "/reports",
        "/moderate/people",
        "/moderate/tree",
    ):
        answer = stranger.post(path, data={"action": "x"}, headers={"origin": site.url})
        assert answer.status_code == 401 and "Sign in" in answer.text, path
        answer = stranger.post(path, data={"text": "an <b>hour</b>", "why": "so"}, headers={"origin": site.url})
        assert answer.status_code == 401 and "an &lt;b&gt;hour&lt;/b&gt;\n\nso" in answer.text, path
    assert stranger.get("/nowhere").status_code == 404
    assert stranger.get("/static/app.py").status_code == 404
    assert stranger.get("/static/..%2fbase.html").status_code == 404


def test_every_answer_forbids_scripts_frames_and_sniffing(site: Site, ann: Visitor):
    for path in ("/", "/sign-in", "/static/crowd.css", "/static/crowd.js", "/nowhere", "/moderate"):
        headers = ann.browser.get(path).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy and "script-src 'self'" in policy and "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy and headers["x-frame-options"] == "DENY"
        assert headers["x-content-type-options"] == "nosniff"
        assert "server" not in headers
    for page in (ann.get("/").text, ann.get("/sign-in").text):
        assert not re.search(r"<script(?! src=\"/static/crowd\.js\")|\son\w+=|style=|javascript:", page)


def test_the_session_is_a_cookie_that_scripts_and_other_sites_do_not_get(site: Site):
    person, token = site.people.invite("Cookie")
    visitor = Visitor(site, person, token)
    visitor.get("/sign-in")
    done = visitor.post("/sign-in", {"form_token": visitor.form_token, "token": token})
    cookie = done.headers["set-cookie"]
    assert "HttpOnly" in cookie and "SameSite=strict" in cookie and token not in cookie
    name, _, value = cookie.partition(";")[0].partition("=")
    for forged in (
        value[:-1] + ("0" if value[-1] != "0" else "1"),
        value.replace(person.user_id, "0" * 16),
        "a.b.c",
        "é",
        "",
    ):
        forger = httpx.Client(base_url=site.url, headers={"cookie": f"{name}={forged}".encode()})
        assert forger.get("/").status_code == 303
    assert httpx.get(site.url, headers={"cookie": f"{name}={value}"}).status_code == 200
    _, another = site.people.invite("Cookie", again=True)  # a new token ends all sessions
    assert another != token
    assert httpx.get(site.url, headers={"cookie": f"{name}={value}"}).status_code == 303


def test_behind_a_proxy_with_tls_cookies_stay_on_tls(site: Site):
    plain = httpx.get(f"{site.url}/sign-in").headers["set-cookie"]
    behind = httpx.get(f"{site.url}/sign-in", headers={"x-forwarded-proto": "https"}).headers["set-cookie"]
    assert "Secure" in behind and "Secure" not in plain


def test_a_wrong_token_opens_nothing(site: Site):
    person, token = site.people.invite("Wrong")
    visitor = Visitor(site, person, token)
    visitor.get("/sign-in")
    answer = visitor.post("/sign-in", {"form_token": visitor.form_token, "token": token[:-1]})
    assert answer.status_code == 401 and "Nobody has this token" in answer.text
    assert visitor.post("/sign-in", {"token": token}).status_code == 403  # a form that was not made here
    assert visitor.post("/sign-in", {"form_token": visitor.form_token, "token": token}).status_code == 303


def test_a_form_counts_only_with_its_token_and_from_this_site(site: Site, ann: Visitor, ben: Visitor):
    task = ann.hand("prompt")
    good = {"form_token": ann.form_token, "text": "a question that is not taken"}
    ben.get("/")
    before = len(site.lines())
    wrong: list[tuple[dict[str, str], dict[str, str | None]]] = [
        ({"text": "x"}, {}),
        ({**good, "form_token": "0" * 64}, {}),
        ({**good, "form_token": ben.form_token}, {}),
        ({**good, "form_token": "é"}, {}),
        (good, {"origin": "https://evil.example"}),
        (good, {"origin": site.url.replace("http:", "https:").replace("127.0.0.1", "127.0.0.1.evil.example")}),
        (good, {"origin": f"{site.url}.evil.example"}),
        (good, {"origin": "null"}),
        (good, {"origin": None}),
        (good, {"host": "evil.example"}),
    ]
    for fields, headers in wrong:
        for path in (f"/tasks/{task}", f"/tasks/{task}/skip", "/tasks", "/reports", "/sign-out"):
            answer = ann.post(path, fields, **headers)
            assert answer.status_code == 403, (path, fields, headers)
            if not headers:  # a page of this site, grown old: what was typed is given back
                assert f"\n{fields['text']}</textarea>" in answer.text
    assert len(site.lines()) == before
    assert ann.post(f"/tasks/{task}", {**good, "text": "a question that is taken"}).status_code == 303
    assert len(site.lines()) == before + 1


def test_only_forms_of_a_sane_size_are_read(ann: Visitor):
    task = ann.hand("prompt")
    token = ann.form_token
    origin = {"origin": ann.site.url}
    assert ann.browser.post(f"/tasks/{task}", json={"text": "x"}, headers=origin).status_code == 415
    assert ann.browser.post(f"/tasks/{task}", files={"text": b"x"}, headers=origin).status_code == 415
    assert ann.post(f"/tasks/{task}", {"form_token": token, "text": "x" * 2_000_000}).status_code == 413
    form = {**origin, "content-type": "application/x-www-form-urlencoded"}
    for body in (b"text=%ff%fe", b"text=\xff", b"&".join(b"a=1" for _ in range(5000))):
        assert ann.browser.post(f"/tasks/{task}", content=body, headers=form).status_code == 400
    answer = ann.post(f"/tasks/{task}", {"form_token": token, "text": "y" * 90_000})
    assert answer.status_code == 422 and "The text is too long" in answer.text and "y" * 90_000 in answer.text


def test_what_people_write_is_shown_as_text_with_its_white_space(site: Site, ann: Visitor, ben: Visitor):
    writes(ann, HOSTILE.replace("\n", "\r\n"))
    for _ in range(40):
        assert ben.hand("label_prompt") is not None
        if "alert" in ben.page:
            break
    else:
        raise AssertionError("the text was not handed out")
    assert HOSTILE in ben.shown
    assert "<script>alert" not in ben.page and "<b onclick" not in ben.page and "{{ 7 * 7 }}" in ben.page
    assert [line["text"] for line in site.lines() if "alert" in str(line.get("text"))] == [HOSTILE]
    task = ann.hand("prompt")
    again = ann.post(f"/tasks/{task}", {"form_token": ann.form_token, "text": HOSTILE})
    assert again.status_code == 422 and "You sent the same text" in again.text
    assert "&lt;/textarea&gt;" in again.text and "<script>alert" not in again.text


def test_a_name_is_shown_as_text(site: Site):
    visitor = site.invited("<i>Ida</i>")
    assert "&lt;i&gt;Ida" in visitor.get("/").text and "<i>Ida" not in visitor.page


def test_an_answer_sent_twice_is_one(site: Site, ann: Visitor):
    task = ann.hand("prompt")
    form = {"form_token": ann.form_token, "text": "twice"}
    for _ in range(3):
        answer = ann.post(f"/tasks/{task}", form)
        assert (answer.status_code, answer.headers["location"]) == (303, f"/tasks/{task}")
    assert "Thank you" in ann.get(f"/tasks/{task}").text
    other = ann.post(f"/tasks/{task}", {**form, "text": "something else"})
    assert other.status_code == 409 and "the first one stands" in other.text and "something else" in other.text
    assert sum(line.get("task_id") == task for line in site.lines()) == 1


def test_what_is_not_right_yet_comes_back_with_what_was_said(ann: Visitor, ben: Visitor):
    writes(ann, "something to be labelled")
    task = ann.hand("prompt")
    empty = ann.post(f"/tasks/{task}", {"form_token": ann.form_token, "text": " \r\n "})
    assert empty.status_code == 422 and "Nothing is written yet" in empty.text
    label = ben.hand("label_prompt")
    form = {"form_token": ben.form_token, "asked": ben.asked, "label.quality": "3", "label.pii": "yes"}
    open_ = ben.post(f"/tasks/{label}", form)
    assert open_.status_code == 422 and "Say first whether it is spam" in open_.text
    assert re.search(r'name="label\.quality" value="3"[^>]* checked', open_.text)
    assert re.search(r'name="label\.pii" value="yes" checked', open_.text)
    for wrong in ({"label.quality": "9"}, {"label.spam": "maybe"}, {"label.quality": "0.5"}):
        assert ben.post(f"/tasks/{label}", {**form, "label.spam": "no", **wrong}).status_code == 422
    assert ben.post(f"/tasks/{label}", {**form, "label.spam": "no"}).status_code == 303


def test_labels_are_stored_as_they_are_defined(site: Site, ann: Visitor, ben: Visitor):
    writes(ann, "something to label")
    task = ben.hand("label_prompt")
    form = {"form_token": ben.form_token, "asked": ben.asked, "label.spam": "no", "label.pii": "yes"}
    scales = {"label.quality": "3", "label.toxicity": "4", "label.violence": "0", "label.humor": "0"}
    assert ben.post(f"/tasks/{task}", {**form, **scales}).status_code == 303
    (said,) = [line["labels"] for line in site.lines() if line.get("task_id") == task]
    assert said == {
        "spam": 0.0, "pii": 1.0, "lang_mismatch": 0.0, "not_appropriate": 0.0, "hate_speech": 0.0, "sexual_content": 0.0,
        "quality": 0.75, "toxicity": 0.0, "violence": 1.0, "humor": 0.0,
    }  # fmt: skip  # polite: toxicity 0; violent: violence 1; creativity was left open


def test_anothers_task_is_not_there(ann: Visitor, ben: Visitor):
    task = ann.hand("prompt")
    assert ben.get(f"/tasks/{task}").status_code == 404
    answer = ben.post(f"/tasks/{task}", {"form_token": ben.form_token, "text": "mine now"})
    assert answer.status_code == 404 and "mine now" in answer.text
    assert ann.get(f"/tasks/{task}").status_code == 200


def test_a_model_that_wrote_is_named_in_the_log_and_not_on_the_page(site: Site, ann: Visitor):
    task = ann.hand("prompt")
    form = {"form_token": ann.form_token, "text": "made by a model", "synthetic": "yes", "model_name": " small-1 "}
    assert ann.post(f"/tasks/{task}", form).status_code == 303
    (line,) = [line for line in site.lines() if line.get("task_id") == task]
    assert line["synthetic"] is True and line["model_name"] == "small-1" and line["language"] == LANGUAGE


def test_skips_reactions_and_reports_are_events(site: Site, ann: Visitor, ben: Visitor):
    writes(ann, "something to report")
    while ben.hand("label_prompt") and ben.shown != ["something to report"]:
        pass
    found = re.search(r'value="on \+1 (\w+)"', ben.page)
    task = re.search(r'name="task" value="(\w+)"', ben.page)
    assert found and task
    message, form = found[1], {"form_token": ben.form_token, "task": task[1]}
    for said in (f"on +1 {message}", f"on +1 {message}", f"on -1 {message}"):
        answer = ben.post("/reactions", {**form, "react": said})
        assert (answer.status_code, answer.headers["location"]) == (303, f"/tasks/{task[1]}")
    assert ben.post("/reactions", {**form, "react": f"on red_flag {message}"}).status_code == 400
    assert ben.post("/reactions", {**form, "react": "on +1 nothing"}).status_code == 404
    assert ben.post("/reports", {**form, "message": message, "why": " "}).status_code == 422
    assert ben.post("/reports", {**form, "message": message, "why": "an advertisement"}).status_code == 303
    assert "Reported by you" in ben.get(f"/tasks/{task[1]}").text
    assert re.search(rf'value="off -1 {message}" aria-pressed="true"', ben.page)
    skipped = ben.post(f"/tasks/{task[1]}/skip", {**form, "why": "not for me"})
    assert skipped.headers["location"] == f"/tasks/{task[1]}"
    assert "Skipped" in ben.get(f"/tasks/{task[1]}").text
    mine = [line["kind"] for line in site.lines() if line.get("message_id") == message]
    assert mine == ["prompt_submitted", "emoji_added", "emoji_added", "report_submitted", "task_skipped"]
    outside = ben.post("/reports", {**form, "task": "../evil", "message": message, "why": "again"})
    assert outside.headers["location"] == "/"


def test_who_is_no_moderator_sees_no_page_of_theirs(ann: Visitor):
    ann.get("/")
    assert ann.get("/moderate").status_code == 403
    assert ann.get("/moderate/people").status_code == 403
    ann.get("/")
    form = {"form_token": ann.form_token, "person": ann.person.user_id, "tree": "abc"}
    for path, action in (("/moderate/people", "disable"), ("/moderate/tree", "halt")):
        assert ann.post(path, {**form, "action": action}).status_code == 403


def test_a_moderator_sees_reports_and_acts_on_them(site: Site, ann: Visitor, ben: Visitor):
    task = writes(ann, "a prompt that is <i>moderated</i>")
    (line,) = [line for line in site.lines() if line.get("task_id") == task]
    tree = line["tree_id"]
    ben.post("/reports", {"form_token": ben.form_token, "message": tree, "why": "<u>look</u>"})
    moderator = site.moderator()
    overview = moderator.get("/moderate").text
    assert "a prompt that is &lt;i&gt;moderated" in overview and "&lt;u&gt;look" in overview
    assert moderator.get(f"/moderate?find={tree}").url.query == f"id={tree}".encode()
    assert "No message has this id" in moderator.get("/moderate?find=nothing").text
    assert moderator.get("/moderate/tree?id=nothing").status_code == 404
    assert "by Ann" in moderator.get(f"/moderate/tree?id={tree}").text
    before = len(site.lines())
    for action, more, seen in (
        ("edit", {"text": "a better\r\nprompt"}, "a better\nprompt"), ("halt", {"why": "too long"}, "too long"),
        ("unhalt", {}, "under review"), ("delete", {}, "Bring back"), ("undelete", {}, "Delete with all below"),
    ):  # fmt: skip
        for _ in range(2):
            form = {"form_token": moderator.form_token, "tree": tree, "message": tree, "action": action, **more}
            assert moderator.post("/moderate/tree", form).status_code == 303
        assert seen in moderator.get(f"/moderate/tree?id={tree}").text, action
    kinds = [line["kind"] for line in site.lines()[before:]]
    assert kinds == ["message_edited", "tree_halted", "tree_unhalted", "message_deleted", "message_undeleted"]
    form = {"form_token": moderator.form_token, "action": "burn", "tree": tree, "message": tree}
    assert moderator.post("/moderate/tree", form).status_code == 400


def test_a_moderator_shuts_people_out_and_lets_them_in_again(site: Site):
    moderator, gus = site.moderator(), site.invited("Gus")
    form = {"form_token": moderator.form_token, "person": gus.person.user_id}
    task = gus.hand("prompt")
    assert moderator.post("/moderate/people", {**form, "action": "disable"}).status_code == 303
    assert "shut out" in moderator.get("/moderate/people").text
    answer = gus.post(f"/tasks/{task}", {"form_token": gus.form_token, "text": "hello"})
    assert answer.status_code == 422 and "A moderator has shut you out" in answer.text
    assert gus.hand() is None
    assert "A moderator has shut you out" in gus.page
    assert moderator.post("/moderate/people", {**form, "action": "enable"}).status_code == 303
    assert gus.post(f"/tasks/{task}", {"form_token": gus.form_token, "text": "hello"}).status_code == 303
    assert moderator.post("/moderate/people", {**form, "action": "enable", "person": "nobody"}).status_code == 400


def test_signing_out_ends_it(site: Site):
    visitor = site.invited("Out")
    visitor.get("/")
    assert visitor.post("/sign-out", {"form_token": visitor.form_token}).status_code == 303
    assert "Token" in visitor.get("/").text


def test_what_the_log_cannot_keep_is_given_back(tmp_path: Path):
    """A disk that is full: nothing is told as kept, and the text is not lost."""
    office = Office()
    people = People(tmp_path / "people.jsonl")
    person, _ = people.invite("Ann")
    gate = Gate.of(tmp_path / "key")
    session = gate.session_of(person, int(time.time()))
    task = office.desk.hand(person.user_id).task_id
    form = {"form_token": gate.form_token(session), "text": "a text that took an hour"}

    async def sends() -> list[httpx.Response]:
        transport = httpx.ASGITransport(make_app(office.desk, people, gate))
        cookies = {gate.session_cookie: session}
        async with httpx.AsyncClient(transport=transport, base_url="http://here", cookies=cookies) as browser:
            return [
                await browser.post(f"/tasks/{task}", data=form, headers={"origin": "http://here"}) for _ in range(3)
            ]

    office.log.broken = [Behind()] * 30 + [UserError("event log: the disk is full", fix="free some space")]
    full, behind, kept = asyncio.run(sends())
    assert (full.status_code, behind.status_code, kept.status_code) == (503, 503, 303)
    for answer in (full, behind):
        assert "a text that took an hour" in answer.text and "could not be kept" in answer.text
    assert [line["text"] for line in office.log.lines] == ["a text that took an hour"]


def test_everything_that_can_be_shown_has_words():
    assert words.TASKS.keys() == set(TASKS)
    assert words.QUESTIONS.keys() == set(LABELS)
    assert words.EMOJIS.keys() == set(EMOJIS)
    assert words.STATES.keys() == set(STATES)
    assert [words.value_of("quality", step) for step in range(5)] == [0, 0.25, 0.5, 0.75, 1]
    assert [words.value_of("violence", step) for step in range(5)] == [1, 0.75, 0.5, 0.25, 0]
    assert words.refusal("blank_text", "") and words.refusal("some_new_rule", "why") == "why"


@given(st.permutations("abcde"), st.sampled_from(["up", "down"]), st.sampled_from("abcdex"))
def test_a_move_moves_one_reply_by_one_place(order: list[str], way: str, name: str):
    fields = Fields([("ranking", one) for one in order] + [("move", f"{way}:{name}"), ("not_rankable", "yes")])
    now = moved(fields)
    assert now.one("not_rankable") == "yes" and not now.one("move")
    expected = list(order)
    if name in order:
        at = order.index(name)
        to = max(0, min(4, at + (1 if way == "down" else -1)))
        expected[at], expected[to] = expected[to], expected[at]
    assert now.every("ranking") == expected


def test_a_second_server_is_refused_and_ctrl_c_is_a_good_end(tmp_path: Path):
    with served(tmp_path, {}) as one:
        two = replace(one, process=None)
        with pytest.raises(AssertionError, match="is up already: pid"):
            two.start()
        began = time.monotonic()
        assert one.stop() == 0
        assert time.monotonic() - began < 30
        assert "Traceback" not in one.said
