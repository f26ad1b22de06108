"""The UI over a copy of the demo's state, with a registry of its own, and a user before it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.demo.home import DemoHome
from tests.ui.browser import User, at, chromium
from tests.ui.server import UiServer


@pytest.fixture(scope="session", autouse=True)
def needs_chromium() -> None:
    """Before the demo is made: without a browser there is nothing to make it for."""
    if chromium() is None:
        pytest.skip("no chromium on this machine (Debian: apt-get install chromium)")


@pytest.fixture(scope="module")
def ui(needs_chromium: None, demo: DemoHome, tmp_path_factory: pytest.TempPathFactory) -> Iterator[UiServer]:
    folder = tmp_path_factory.mktemp("ui")
    home = demo.copy(folder / "ot")
    (folder / "registry").mkdir()
    server = UiServer(home, folder / "registry", folder / "ui.log")
    server.start()
    try:
        yield server
    finally:
        server.stop()
        shutil.rmtree(home.path)


@pytest.fixture(scope="module")
def user(ui: UiServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[User]:
    pictures: Path = tmp_path_factory.mktemp("pictures")
    with at(ui.url, pictures) as someone:
        yield someone
