from __future__ import annotations

from pathlib import Path

import pytest

from tests.registry.house import House


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> House:
    """A furnished registry folder; nothing of the environment shines through."""
    monkeypatch.delenv("OT_REGISTRY", raising=False)
    monkeypatch.setenv("OT_HOME", str(tmp_path / "home"))
    return House(tmp_path).furnish()
