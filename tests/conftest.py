"""What tests of several folders share."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

from tests.demo.home import DemoHome, demo_home


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


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """With `--dist loadgroup` a module stays in one process, and all that look at the demo share it: it takes ten minutes."""
    for item in items:
        shared = "demo" in getattr(item, "fixturenames", ())
        item.add_marker(pytest.mark.xdist_group("demo" if shared else str(item.path)))
    # The longest first.
    items.sort(key=lambda item: "demo" not in getattr(item, "fixturenames", ()))


def pytest_configure(config: pytest.Config) -> None:
    """Ctrl-C reaches what tests start even where the tests themselves were started in the background, deaf to it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
