"""What tests of several folders share."""

from __future__ import annotations

import signal

import pytest

from tests.demo.home import DemoHome, demo_home


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> DemoHome:
    """The state folder of a finished demo. Look at it; change only what `ot gc` may; `copy` it for more."""
    return demo_home(tmp_path_factory.mktemp("demo"))


def pytest_configure(config: pytest.Config) -> None:
    """Ctrl-C reaches what tests start even where the tests themselves were started in the background, deaf to it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
