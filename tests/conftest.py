"""What tests of several folders share."""

from __future__ import annotations

import pytest

from tests.demo.home import DemoHome, demo_home


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> DemoHome:
    """The state folder of a finished demo. Look at it; change only what `ot gc` may; `copy` it for more."""
    return demo_home(tmp_path_factory.mktemp("demo"))
