"""From a model to the command that serves it.

What belongs here: `ServePlan` (what is served, and how) and its command line for vLLM and sglang. Contract: pure but for
looking where the server is installed; no secret is ever in the command line, where every user of the machine could read
it. Fails with UserError when the server is nowhere to be found.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from resources.errors import UserError
from resources.generation.model import Model
from resources.serving.options import ServeOptions
from schemas.ids import canonical_json

HOST = "127.0.0.1"
KEY_VARIABLE = {"vllm": "VLLM_API_KEY", "sglang": "OT_SERVE_KEY"}
"""Where a server finds its key. sglang reads none from the environment, so the launcher hands it over."""

_PYTHON_VARIABLE = {"vllm": "OT_VLLM_PYTHON", "sglang": "OT_SGLANG_PYTHON"}
_LAUNCHER = Path(__file__).with_name("launcher.py")
_NAMES = {
    "vllm": {
        "tensor": "--tensor-parallel-size",
        "pipeline": "--pipeline-parallel-size",
        "data": "--data-parallel-size",
        "length": "--max-model-len",
        "memory": "--gpu-memory-utilization",
        "rows": "--max-num-seqs",
        "eager": "--enforce-eager",
    },
    "sglang": {
        "tensor": "--tp-size",
        "pipeline": "--pp-size",
        "data": "--dp-size",
        "length": "--context-length",
        "memory": "--mem-fraction-static",
        "rows": "--max-running-requests",
        "eager": "--disable-cuda-graph",
    },
}
# Both fill sampling settings that a request leaves open from the model's generation_config.json. What is stored under a
# request must be what that request says, so that is turned off.
_ONLY_WHAT_IS_ASKED = {"vllm": ("--generation-config", "vllm"), "sglang": ("--sampling-defaults", "openai")}


@dataclass(frozen=True)
class ServePlan:
    """What is served: the model's key, the name that requests call it by, its weights, and the options."""

    key: str
    name: str
    weights: str
    revision: str
    dtype: str
    options: ServeOptions

    @classmethod
    def of(cls, model: Model) -> ServePlan:
        """The plan of a model. Weights that were found on this machine need no revision."""
        weights, revision = (str(model.weights), "") if model.weights else (model.model, model.revision)
        return cls(model.key, model.model, weights, revision, model.dtype, model.serve or ServeOptions())

    @cached_property
    def hash(self) -> str:
        """Equal for plans that one server can serve, 16 hex digits. When to give up and what a client sends is not in it."""
        of_clients = {"seeds", "start_seconds", "stop_seconds", "on_death", "restarts", "interpreter"}
        said = [self.name, self.weights, self.revision, self.dtype]
        text = canonical_json([*said, self.options.model_dump(mode="json", exclude=of_clients)])
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def command(self, port: int) -> list[str]:
        """The command line of the server on a port of this machine."""
        options, names = self.options, _NAMES[self.options.server]
        sized = {
            names["tensor"]: options.tensor_parallel if options.tensor_parallel > 1 else None,
            names["pipeline"]: options.pipeline_parallel if options.pipeline_parallel > 1 else None,
            names["data"]: options.data_parallel if options.data_parallel > 1 else None,
            names["length"]: options.max_model_len,
            names["memory"]: options.gpu_memory_utilization,
            names["rows"]: options.max_num_seqs,
            "--quantization": options.quantization,
            "--reasoning-parser": options.reasoning_parser,
            "--revision": self.revision or None,
        }
        model = [self.weights] if options.server == "vllm" else ["--model-path", self.weights]
        fixed = ["--served-model-name", self.name, "--host", HOST, "--port", str(port), "--dtype", self.dtype]
        said = [part for name, value in sized.items() if value is not None for part in (name, str(value))]
        eager = [names["eager"]] if options.enforce_eager else []
        more = [*_ONLY_WHAT_IS_ASKED[options.server], *options.args, *options.answering_args]
        return [*server_command(self.key, options), *model, *fixed, *said, *eager, *more]

    def environment(self, secret: str) -> dict[str, str]:
        """The server's environment: ours without what ties it to our Python, the options', and its key."""
        own = {n: v for n, v in os.environ.items() if n not in ("PYTHONHOME", "PYTHONPATH", "VIRTUAL_ENV")}
        python = _interpreter(self.options)
        if python is not None:  # the environment's own tools (ninja, compilers) come first
            own["PATH"] = os.pathsep.join([str(python.absolute().parent), own.get("PATH", os.defpath)])
        said = {name: str(value) for name, value in self.options.environment.items()}
        quiet = {"VLLM_NO_USAGE_STATS": "1", "DO_NOT_TRACK": "1", "PYTHONUNBUFFERED": "1"}
        return own | quiet | said | {KEY_VARIABLE[self.options.server]: secret}


def server_command(key: str, options: ServeOptions) -> list[str]:
    """What stands before the arguments; UserError where there is no such server on this machine."""
    if options.command:
        first = options.command[0]
        if shutil.which(first) is None:
            raise UserError(
                f"model {key}: serve.command: {first} cannot be run: no such program", fix="correct it in the YAML"
            )
        return list(options.command)
    python = _interpreter(options)
    if python is not None:
        if not os.access(python, os.X_OK):
            raise UserError(f"model {key}: {python} is no program to run", fix=_how_to_install(options.server))
        start = ["vllm", "serve"] if options.server == "vllm" else ["sglang"]
        return [str(python), str(_LAUNCHER), *start]
    beside = Path(sys.executable).with_name("vllm")
    found = str(beside) if beside.exists() else shutil.which("vllm")
    if options.server == "vllm" and found:
        return [found, "serve"]
    raise UserError(f"model {key}: {options.server} is not installed here", fix=_how_to_install(options.server))


def _interpreter(options: ServeOptions) -> Path | None:
    named = options.interpreter or os.environ.get(_PYTHON_VARIABLE[options.server])
    return Path(named).expanduser() if named else None


def _how_to_install(server: str) -> str:
    return (
        f"install {server} into an environment of its own and name that Python: "
        f"export {_PYTHON_VARIABLE[server]}=/path/to/bin/python (or serve.interpreter in the model's YAML)"
    )
