"""`ot ui`: the Dagster web server and daemon over the instance of `OT_HOME`, on this machine only."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from ot_assets.commands.instance import prepare_instance
from resources.home import Home


def run(port: int) -> None:
    """Replaces this process by `dagster dev`, so that Ctrl-C reaches it and nothing is left behind."""
    prepare_instance(Home.from_env())
    workspace = Path(__file__).resolve().parents[2] / "workspace.yaml"
    where = ["-w", str(workspace)] if workspace.exists() else ["-m", "ot_assets.definitions"]
    command = [sys.executable, "-m", "dagster", "dev", *where, "-h", "127.0.0.1", "-p", str(port)]
    os.execv(sys.executable, command)
