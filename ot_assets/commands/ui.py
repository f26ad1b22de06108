"""`ot ui`: the Dagster web server and daemon over the instance of `OT_HOME`, on this machine only."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

from ot_assets.commands.instance import prepare_instance
from ot_assets.registry import registry, remember_keys
from resources.errors import UserError
from resources.home import Home

HOST = "127.0.0.1"
POOL = "gpu"
# `dg dev` is what Dagster would rather see; it is another package and asks for its project layout.
_SUPERSEDED = "ignore:Function `dev_command`"


def run(port: int) -> None:
    """Replaces this process by `dagster dev`, so that Ctrl-C reaches it and nothing is left behind."""
    _refuse_taken(port)
    prepare_instance(Home.from_env())
    remember_keys(registry())
    _show_pool()
    workspace = Path(__file__).resolve().parents[2] / "workspace.yaml"
    where = ["-w", str(workspace)] if workspace.exists() else ["-m", "ot_assets.definitions"]
    command = [sys.executable, "-W", _SUPERSEDED, "-m", "dagster", "dev", *where, "-h", HOST, "-p", str(port)]
    os.execv(sys.executable, command)


def _refuse_taken(port: int) -> None:
    """Dagster would start its services first and then fall over with a traceback."""
    with socket.socket() as probe:
        # As the server binds: a port that an ended server has just left may be taken again.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise UserError(
                f"port {port} on {HOST} cannot be used: {error.strerror}",
                fix=f"stop what uses it, or choose another: ot ui --port {port + 1 if port < 65535 else port - 1}",
            ) from error


def _show_pool() -> None:
    """Gives the pool its default limit now, so that the UI lists it before the first run has waited for it."""
    import dagster as dg

    with dg.DagsterInstance.get() as instance:
        instance.event_log_storage.initialize_concurrency_limit_to_default(POOL)
