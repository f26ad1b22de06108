"""What a user does in the Dagster UI, in a real Chromium. Elements are found by what a person reads on them."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, urlsplit

from playwright.sync_api import Locator, Page, expect, sync_playwright

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
_SLOW = 120_000
"""Milliseconds to wait for anything: two cores may be busy with a model meanwhile."""


def chromium() -> str | None:
    """The system's Chromium; Playwright's own download is not used."""
    return shutil.which("chromium") or shutil.which("chromium-browser")


@dataclass
class User:
    """Someone with the UI open."""

    page: Page
    url: str
    pictures: Path
    hosts: set[str] = field(default_factory=set)
    """Everyone that the page has asked for anything."""

    def open(self, path: str) -> None:
        self.page.goto(self.url + path, timeout=_SLOW)

    def partition(self, asset: str, key: str) -> Locator:
        """Opens a partition of an asset; returns the table of its metadata."""
        self.open(f"/assets/{asset}?view=partitions&partition={quote(key, safe='')}")
        return self._metadata()

    def latest(self, asset: str) -> Locator:
        """Opens the latest event of an asset without partitions; returns the table of its metadata."""
        self.open(f"/assets/{asset}?view=events")
        return self._metadata()

    def value(self, table: Locator, name: str) -> str:
        """What stands beside a metadata entry."""
        return self._row(table, name).locator("td").nth(1).inner_text()

    @contextmanager
    def shown(self, table: Locator, name: str) -> Iterator[Locator]:
        """A long metadata entry, opened in a dialog and closed again."""
        self._row(table, name).get_by_text("[Show Markdown]").click()
        dialog = self.page.locator(".dagster-dialog")
        dialog.wait_for()
        yield dialog
        dialog.get_by_role("button", name="Close").click()
        dialog.wait_for(state="hidden")

    def reload_definitions(self) -> None:
        self.open("/asset-groups")
        self.page.get_by_role("button", name="Reload definitions").click()
        self.page.get_by_text("Definitions reloaded!").wait_for()

    def launch(self, job: str, *partitions: tuple[str, ...]) -> None:
        """Jobs -> the job -> Materialize all; for each dimension its keys; Launch."""
        self.open(f"/locations/ot/jobs/{job}")
        self.page.get_by_role("button", name="Materialize").first.click()
        dialog = self.page.locator(".dagster-dialog")
        if partitions:
            dialog.wait_for()
            for dimension, keys in enumerate(partitions):
                self._choose(dialog, dimension, keys)
            dialog.get_by_text("Backfill only failed and missing").click()
            self.photograph(f"launch-{job}")
            dialog.get_by_role("button", name="Launch").click()
            dialog.wait_for(state="hidden")
        self.page.get_by_text(re.compile("Created backfill|Launched run")).first.wait_for()

    def terminate(self) -> None:
        """On a run's page: Terminate, and yes."""
        self.page.get_by_role("button", name="Terminate").first.click()
        dialog = self.page.locator(".dagster-dialog")
        dialog.get_by_role("button", name="Terminate").click()

    def photograph(self, name: str) -> None:
        self.page.screenshot(path=self.pictures / f"{name}.png")

    def _metadata(self) -> Locator:
        table = self.page.locator("table", has=self.page.get_by_text("artifact", exact=True)).first
        table.wait_for()
        return table

    def _row(self, table: Locator, name: str) -> Locator:
        return table.locator("tr", has=self.page.get_by_text(name, exact=True)).first

    def _choose(self, dialog: Locator, dimension: int, keys: tuple[str, ...]) -> None:
        dialog.locator("[aria-haspopup=dialog]").nth(dimension).click()
        find = self.page.get_by_placeholder("Filter partitions")
        for key in keys:
            find.fill(key)
            named = self.page.get_by_text(key, exact=True)
            self.page.get_by_role("menuitem").filter(has=named).first.click()
        dialog.get_by_text("Launch runs to materialize").click()
        expect(find).to_be_hidden()


@contextmanager
def at(url: str, pictures: Path) -> Iterator[User]:
    """A user with a fresh browser."""
    program = chromium()
    assert program
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
        page = browser.new_page(viewport={"width": 1700, "height": 1100})
        page.set_default_timeout(_SLOW)
        user = User(page, url, pictures)
        page.on("request", lambda request: user.hosts.add(urlsplit(request.url).hostname or ""))
        page.on("websocket", lambda socket: user.hosts.add(urlsplit(socket.url).hostname or ""))
        try:
            yield user
        except BaseException:
            user.photograph("failed")
            raise
        finally:
            browser.close()
