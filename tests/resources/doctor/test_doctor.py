from __future__ import annotations

import importlib.metadata
import json
import sqlite3
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from resources import memory
from resources.doctor import machine as machine_checks
from resources.doctor.endpoints import endpoint
from resources.doctor.finding import Finding, checked
from resources.doctor.machine import machine
from resources.doctor.state import state
from resources.errors import UserError
from resources.home import Home
from resources.responses.store import Meta, ResponseStore
from tests.resources.generation.endpoint import closed_port
from tests.resources.generation.making import asked


def named(found: list[Finding], name: str) -> Finding:
    return next(one for one in found if one.name == name)


def test_this_machine_runs_the_tests_so_nothing_of_it_is_at_fault() -> None:
    found = machine()
    assert {one.name for one in found} >= {"python", "packages", "memory", "torch", "sandbox"}
    assert not [one for one in found if one.state == "fault"]


def test_a_package_that_is_not_there_and_one_of_another_version(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        importlib.metadata, "requires", lambda name: ["no-such-thing>=1", "packaging<1", "pytest", "x; extra == 'dev'"]
    )
    found = list(machine_checks._packages())
    assert (named(found, "no-such-thing").state, named(found, "no-such-thing").fix) == (
        "fault",
        "pip install 'no-such-thing>=1'",
    )
    assert named(found, "packaging").state == "warning"
    assert named(found, "packages").said == "3 looked at"


def test_a_check_that_fails_is_a_finding_never_an_exception() -> None:
    def user() -> Iterator[Finding]:
        yield Finding("a", "first", "ok", "fine")
        raise UserError("broken", fix="mend it")

    def ours() -> Iterator[Finding]:
        yield Finding("a", "b", "ok", str(1 // 0))

    assert checked("a", "second", user) == [
        Finding("a", "first", "ok", "fine"),
        Finding("a", "second", "fault", "broken", "mend it"),
    ]
    assert (
        checked("a", "b", ours, otherwise="warning")[0].said == "ZeroDivisionError: integer division or modulo by zero"
    )


def test_a_home_that_is_not_made_yet_is_fine_and_is_not_made(tmp_path: Path) -> None:
    found = state(Home(tmp_path / "home"))
    assert {one.state for one in found} == {"ok"}
    assert "not made yet" in named(found, "OT_HOME").said
    assert not (tmp_path / "home").exists()


def test_a_damaged_response_store_is_a_fault(tmp_path: Path) -> None:
    home = Home(tmp_path)
    with ResponseStore(home.responses) as store:
        from resources.generation.reply import Reply

        store.put_many([(asked("a"), Reply.make("b"), Meta("test"))])
    assert "the first 1 replies are whole" in named(state(home), "responses").said
    with sqlite3.connect(tmp_path / "responses.sqlite") as database:
        database.execute("update responses set reply = x'00'")
    assert named(state(home), "responses").state == "fault"
    (tmp_path / "responses.sqlite").write_bytes(b"this is no database" * 100)
    assert named(state(home), "responses").state == "fault"


def test_a_pointer_to_nowhere_among_the_artifacts_is_a_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from resources.artifacts import ArtifactStore
    from resources.artifacts.partition import Partition

    store = ArtifactStore(Home(tmp_path).artifacts)
    monkeypatch.setattr(ArtifactStore, "assets", lambda self: ["traces"])
    monkeypatch.setattr(ArtifactStore, "partitions", lambda self, asset: [Partition({"source": "a"})])
    monkeypatch.setattr(ArtifactStore, "current_id", lambda self, asset, partition: 1 / 0)
    assert store.assets()
    found = state(Home(tmp_path))
    assert [one.state for one in found if one.name.startswith("artifacts traces")] == ["fault"]


def test_memory_is_what_the_control_group_leaves_where_that_is_less(tmp_path: Path) -> None:
    assert (memory.available_memory() or 0) > 0
    (tmp_path / "memory.max").write_text("1000\n")
    (tmp_path / "memory.current").write_text("700\n")
    (tmp_path / "memory.stat").write_text("anon 1\ninactive_file 200\n")
    assert memory._group_memory(tmp_path) == 500
    (tmp_path / "memory.max").write_text("max\n")
    assert memory._group_memory(tmp_path) is None


class Listing:
    """A server that lists its models, for who has the key."""

    def __init__(self, status: int = 200, body: bytes | None = None, location: str = "") -> None:
        seen = self.seen = []  # type: ignore[var-annotated]
        said = body if body is not None else json.dumps({"data": [{"id": "org/Teacher"}]}).encode()

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                seen.append((self.path, self.headers.get("Authorization")))
                self.send_response(status)
                if location:
                    self.send_header("Location", location)
                self.end_headers()
                self.wfile.write(said)

            def log_message(self, *_: object) -> None:
                return

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/v1"

    def __enter__(self) -> Listing:
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()


def test_an_endpoint_is_asked_what_it_serves() -> None:
    with Listing() as server:
        assert endpoint("t", server.url, "org/Teacher", "geheim").state == "ok"
        assert server.seen == [("/v1/models", "Bearer geheim")]
        other = endpoint("t", server.url, "org/Other", None)
        assert (other.state, "does not list org/Other; it lists org/Teacher" in other.said) == ("warning", True)


@pytest.mark.parametrize(("status", "state"), [(401, "fault"), (404, "warning"), (500, "warning")])
def test_an_endpoint_that_refuses(status: int, state: str) -> None:
    with Listing(status) as server:
        found = endpoint("t", server.url, "m", "geheim")
        assert found.state == state
        assert "geheim" not in str(found)


def test_the_key_goes_to_nobody_else() -> None:
    with Listing() as other, Listing(302, location=other.url) as server:
        assert endpoint("t", server.url, "m", "geheim").state == "fault"
        assert other.seen == []


def test_an_endpoint_that_is_not_there_or_speaks_otherwise() -> None:
    assert endpoint("t", closed_port(), "m", None).state == "fault"
    assert endpoint("t", "ftp://x", "m", None).state == "fault"
    with Listing(body=b"<html>") as server:
        assert endpoint("t", server.url, "m", None).state == "warning"
