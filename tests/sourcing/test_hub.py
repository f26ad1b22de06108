from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from resources.errors import UserError
from tests.sourcing.helpers import context, read_all, spec, write_jsonl

TRAIN = {"data_files": ["data/train-*.parquet"]}
COLUMNS = {"question": "problem", "gold": "answer"}


def hub_spec(**origin: Any) -> Any:
    return spec({"kind": "hub", "dataset": "owner/name", **origin}, columns=COLUMNS, verifier="math")


@pytest.fixture
def mirror(tmp_path: Path) -> Path:
    """A folder in hub shape: two parquet shards of `train`, one jsonl of `test`."""
    data = tmp_path / "mirror" / "owner" / "name" / "data"
    data.mkdir(parents=True)
    for shard in range(2):
        rows = [{"problem": f"p{shard}{i}", "answer": str(i), "image": None} for i in range(3)]
        pl.DataFrame(rows).write_parquet(data / f"train-0000{shard}-of-00002.parquet")
    write_jsonl(data / "test.jsonl", [{"problem": "p?", "answer": 1}])
    return tmp_path / "mirror"


def test_a_mirror_in_hub_shape_is_streamed_in_order(tmp_path: Path, mirror: Path) -> None:
    told: list[str] = []
    source = hub_spec(data_files=["data/train-*.parquet"])
    batch = read_all(source, context(tmp_path, hub_mirror=mirror, log=told.append))
    assert batch.frame["question"].to_list() == [f"p{shard}{i}" for shard in range(2) for i in range(3)]
    assert batch.frame["source_row"].to_list() == [f"train:{i}" for i in range(6)]
    assert batch.facts == {"mirror": "owner/name"}
    assert told == ["tiny: reading owner/name from the mirror"]


def test_chat_columns_and_conditions_work_on_hub_rows(tmp_path: Path) -> None:
    folder = tmp_path / "mirror" / "owner" / "name"
    folder.mkdir(parents=True)
    chat = [[{"from": "human", "value": f"Why {i}?"}, {"from": "gpt", "value": "So."}] for i in range(3)]
    pl.DataFrame({"talk": chat, "kind": ["a", "b", "a"]}).write_parquet(folder / "train.parquet")
    source = spec(
        {"kind": "hub", "dataset": "owner/name"}, columns={"question": "talk", "solution": "talk"}, where={"kind": "a"}
    )
    batch = read_all(source, context(tmp_path, hub_mirror=tmp_path / "mirror"))
    assert batch.frame.select("question", "solution", "source_row").rows() == [
        ("Why 0?", "So.", "train:0"),
        ("Why 2?", "So.", "train:2"),
    ]


@pytest.mark.parametrize(
    ("origin", "columns", "message"),
    [
        (TRAIN, {"question": "problm"}, r"no column 'problm', which columns\.question asks for; did you mean 'problem'\? "
         r"Known: answer, image, problem"),
        ({**TRAIN, "split": "tset"}, COLUMNS, r"tset[\s\S]*train[\s\S]*correct origin\.subset and origin\.split in tiny\.yaml"),
        ({"subset": "main"}, COLUMNS, r"main[\s\S]*[Aa]vailable[\s\S]*correct origin\.subset"),
        ({"data_files": ["none.parquet"]}, COLUMNS, r"no such files \((?!.*mirror)[\s\S]*correct origin\.data_files"),
    ],
)  # fmt: skip
def test_what_is_not_there_is_named(tmp_path: Path, mirror: Path, origin: Any, columns: Any, message: str) -> None:
    source = spec({"kind": "hub", "dataset": "owner/name", **origin}, columns=columns)
    with pytest.raises(UserError, match=message):
        read_all(source, context(tmp_path, hub_mirror=mirror))


def test_a_damaged_shard_is_an_error_that_says_how_far_it_came(tmp_path: Path, mirror: Path) -> None:
    shard = mirror / "owner" / "name" / "data" / "train-00001-of-00002.parquet"
    shard.write_bytes(shard.read_bytes()[:40])
    with pytest.raises(UserError, match=r"tiny: owner/name: row 3: "):
        read_all(hub_spec(data_files=["data/train-*.parquet"]), context(tmp_path, hub_mirror=mirror))


def test_a_folder_of_the_same_name_does_not_pass_for_the_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "owner" / "name").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="hides the hub's data set"):
        read_all(hub_spec(), context(tmp_path))


def test_offline_mode_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(UserError, match=r"HF_HUB_OFFLINE is set[\s\S]*OT_HUB_MIRROR"):
        read_all(hub_spec(), context(tmp_path))


class Hub(BaseHTTPRequestHandler):
    """Answers as the hub does: by the name of the data set."""

    def do_GET(self) -> None:
        answers = {
            "gated": (
                403,
                "GatedRepo",
                "Access to dataset owner/gated is restricted and you are not in the authorized list.",
            ),
            "gone": (404, "RepoNotFound", "Repository not found"),
            "private": (401, "RepoNotFound", "Invalid username or password."),
            "old": (404, "RevisionNotFound", "Invalid rev id: nope"),
            "down": (503, "", "Service Unavailable"),
        }
        name = next((key for key in answers if f"owner/{key}" in self.path), "gone")
        status, code, said = answers[name]
        body = json.dumps({"error": said}).encode()
        self.send_response(status)
        if code:
            self.send_header("X-Error-Code", code)
        self.send_header("X-Error-Message", said)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_args: object) -> None:
        pass


@pytest.fixture
def endpoint() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


SCRIPT = """
import sys, json
from pathlib import Path
from ot_assets.sourcing.read import read_source
from resources.errors import UserError
from tests.sourcing.helpers import context, spec
said = {}
for name in sys.argv[1:]:
    origin = {"kind": "hub", "dataset": f"owner/{name}", **({"revision": "nope"} if name == "old" else {})}
    try:
        list(read_source(spec(origin), context(Path("unused"))))
    except UserError as error:
        said[name] = str(error)
print(json.dumps(said))
"""


def said_of(endpoint: str, *names: str) -> dict[str, str]:
    """What reading data sets says where the hub is at an address; in a process of its own, since the address is read once."""
    import os

    environment = {**os.environ, "HF_ENDPOINT": endpoint, "HF_TOKEN": "", "HF_HUB_OFFLINE": "0"}
    ran = subprocess.run(
        [sys.executable, "-c", SCRIPT, *names],
        capture_output=True,
        text=True,
        check=True,
        env=environment,
        cwd=Path(__file__).parents[2],
    )
    found: dict[str, str] = json.loads(ran.stdout.splitlines()[-1])
    return found


def test_what_the_hub_refuses_is_said_in_plain_words(endpoint: str) -> None:
    said = said_of(endpoint, "gated", "gone", "private", "old")
    assert "tiny: owner/gated: it is gated" in said["gated"]
    assert "https://huggingface.co/datasets/owner/gated" in said["gated"]
    assert "no such data set on the hub, or it is private" in said["gone"]
    assert "correct origin.dataset in tiny.yaml" in said["gone"]
    assert "or it is private" in said["private"]
    assert "there is no revision 'nope'" in said["old"]
    assert not any("Traceback" in text or "http://127" in text for text in said.values())


def test_a_hub_that_cannot_be_reached_or_is_down_is_said_so(endpoint: str) -> None:
    assert "the hub cannot be reached" in said_of("http://127.0.0.1:9", "gone")["gone"]
    assert "the hub cannot be reached" in said_of(endpoint, "down")["down"]
