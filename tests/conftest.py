"""What tests of several folders share."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import settings
from xdist.scheduler import LoadScopeScheduling

from tests.demo.home import DemoHome, demo_home

# How long an example takes is the machine's business.
settings.register_profile("house", deadline=None)
settings.load_profile("house")


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> DemoHome:
    """The state folder of a finished demo. Look at it; change only what `ot gc` may; `copy` it for more."""
    return demo_home(tmp_path_factory.mktemp("demo"))


@pytest.fixture(autouse=True)
def same_environment() -> Iterator[None]:
    """A test leaves the variables that say where things lie as it found them; the next one would look elsewhere."""

    def found() -> dict[str, str]:
        return {name: value for name, value in os.environ.items() if name.startswith(("OT_", "HF_", "DAGSTER_"))}

    before = found()
    yield
    assert found() == before


class OneDemo(LoadScopeScheduling):
    """A module stays in one process, and all that look at the demo share it: it takes ten minutes. (xdist's own groups do
    nothing with pytest 9.2.)
    """

    def _split_scope(self, nodeid: str) -> str:
        place = nodeid.partition("::")[0]
        return "demo" if place.startswith(("tests/demo/", "tests/ui/")) else place


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> OneDemo | None:
    """For `--dist loadscope`."""
    return OneDemo(config, log) if config.getvalue("dist") == "loadscope" else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What looks at the demo comes first: it takes longest."""
    items.sort(key=lambda item: "demo" not in getattr(item, "fixturenames", ()))


def pytest_configure(config: pytest.Config) -> None:
    """Ctrl-C reaches what tests start even where the tests themselves were started in the background, deaf to it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
