"""What a YAML may say under `serve`, and the command line that comes of it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from pydantic import ValidationError

from ot_assets.registry.specs.model import ModelSpec
from ot_assets.registry.specs.serve import ServeSpec
from resources.errors import UserError
from resources.generation.model import Model
from resources.generation.request import Message, Sampling
from resources.serving.command import KEY_VARIABLE, ServePlan
from resources.serving.options import ServeOptions

SAYS = [Message(role="user", content="hello")]
SAMPLING = Sampling(max_tokens=8)


def model(serve: ServeOptions | None = None, **fields: object) -> Model:
    return Model.model_validate(
        {"key": "qwq", "engine": "vllm", "model": "Qwen/QwQ-32B", "revision": "main", "serve": serve} | fields
    )


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"args": ["--port", "1"]}, "--port is set by us"),
        ({"args": ["--api-key=sk-1"]}, "--api-key is set by us"),
        ({"answering_args": ["--served-model-name", "x"]}, "--served-model-name is set by us"),
        ({"environment": {"HF_TOKEN": "x"}}, "looks like a secret"),
        ({"environment": {"MY_API_KEY": "x"}}, "looks like a secret"),
        ({"gpu_memory_utilization": 1.2}, "less than or equal to 1"),
        ({"tensor_parallel": 0}, "greater than or equal to 1"),
        ({"tensor_paralel": 4}, "Extra inputs"),
        ({"on_death": "shrug"}, "'fail' or 'restart'"),
    ],
)
def test_what_cannot_be_is_refused(wrong: dict[str, object], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        ServeSpec.model_validate(wrong)


def test_serve_belongs_to_engine_vllm() -> None:
    fields = {"key": "m", "model": "m", "licence": "MIT", "serve": {}}
    assert ModelSpec.model_validate(fields | {"engine": "vllm"}).serve == ServeSpec()
    with pytest.raises(ValidationError, match="serve belongs to engine: vllm"):
        ModelSpec.model_validate(fields | {"engine": "transformers"})
    with pytest.raises(ValidationError, match="an endpoint belongs to engine: openai"):
        ModelSpec.model_validate(fields | {"engine": "vllm", "base_url": "http://127.0.0.1:1/v1"})


SPEED = {
    "tensor_parallel": 4, "pipeline_parallel": 2, "data_parallel": 2, "max_model_len": 4096, "max_num_seqs": 7,
    "gpu_memory_utilization": 0.5, "enforce_eager": True, "args": ("--block-size", "16"), "environment": {"A": 1},
    "seeds": False, "start_seconds": 5.0, "stop_seconds": 5.0, "on_death": "restart", "restarts": 9,
    "server": "sglang", "interpreter": "/somewhere/python", "command": ("/somewhere/serve",),
}  # fmt: skip
ANSWERS = {"quantization": "fp8", "reasoning_parser": "qwen3", "answering_args": ("--rope-scaling", "{}")}


def test_every_field_is_either_speed_or_answer() -> None:
    assert set(SPEED) | set(ANSWERS) == set(ServeOptions.model_fields)


@pytest.mark.parametrize("field", SPEED)
def test_speed_is_no_part_of_who_answers(field: str) -> None:
    said = {field: SPEED[field]}
    spec = ModelSpec(key="m", engine="vllm", model="m", licence="MIT", serve=ServeSpec())
    assert spec.model_copy(update={"serve": ServeSpec.model_validate(said)}).identity_hash == spec.identity_hash
    asked = [model(serve).request(SAYS, SAMPLING).key for serve in (None, ServeOptions.model_validate(said))]
    assert asked[0] == asked[1]


@pytest.mark.parametrize("field", ANSWERS)
def test_what_changes_answers_is_part_of_who_answers(field: str) -> None:
    said = {field: ANSWERS[field]}
    spec = ModelSpec(key="m", engine="vllm", model="m", licence="MIT", serve=ServeSpec())
    assert spec.model_copy(update={"serve": ServeSpec.model_validate(said)}).identity_hash != spec.identity_hash
    asked = [model(serve).request(SAYS, SAMPLING).key for serve in (None, ServeOptions.model_validate(said))]
    assert asked[0] != asked[1]


def test_who_starts_the_server_is_no_part_of_who_answers() -> None:
    """An answer bought from somebody's `vllm serve` is not bought again when we start it ourselves."""
    ours = ModelSpec(key="m", engine="vllm", model="m", licence="MIT", serve=ServeSpec(tensor_parallel=4))
    theirs = ModelSpec(key="m", engine="openai", model="m", licence="MIT", base_url="http://127.0.0.1:8000/v1")
    assert ours.identity_hash == theirs.identity_hash
    asked = [model().request(SAYS, SAMPLING).key, model(engine="openai").request(SAYS, SAMPLING).key]
    assert asked[0] == asked[1]


def test_an_endpoint_from_the_environment_wins_over_a_server(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = ModelSpec(key="m", engine="vllm", model="m", licence="MIT", base_url_env="M_URL")
    assert spec.endpoint_url is None
    monkeypatch.setenv("M_URL", "http://10.0.0.1:8000/v1")
    assert spec.endpoint_url == "http://10.0.0.1:8000/v1"


def test_the_command_line_of_vllm() -> None:
    serve = ServeOptions(
        interpreter=sys.executable, tensor_parallel=4, max_model_len=4096, gpu_memory_utilization=0.9, max_num_seqs=64,
        enforce_eager=True, quantization="fp8", args=("--block-size", "16"), answering_args=("--rope-scaling", "{}"),
    )  # fmt: skip
    line = ServePlan.of(model(serve, dtype="bfloat16")).command(4711)
    assert line[0] == sys.executable
    assert Path(line[1]).name == "launcher.py"
    assert line[2:5] == ["vllm", "serve", "Qwen/QwQ-32B"]
    said = " ".join(line[5:])
    for part in (
        "--served-model-name Qwen/QwQ-32B", "--host 127.0.0.1 --port 4711", "--dtype bfloat16", "--revision main",
        "--tensor-parallel-size 4", "--max-model-len 4096", "--gpu-memory-utilization 0.9", "--max-num-seqs 64",
        "--enforce-eager", "--quantization fp8", "--block-size 16", "--rope-scaling {}", "--generation-config vllm",
    ):  # fmt: skip
        assert part in said
    assert "pipeline" not in said


def test_the_command_line_of_sglang() -> None:
    serve = ServeOptions(server="sglang", interpreter=sys.executable, tensor_parallel=2, max_model_len=4096)
    plan = ServePlan.of(model(serve, weights=Path("/weights/qwq")))
    said = " ".join(plan.command(4711))
    assert "sglang --model-path /weights/qwq" in said
    for part in ("--tp-size 2", "--context-length 4096", "--sampling-defaults openai", "--port 4711"):
        assert part in said
    assert "--revision" not in said, "weights on this machine have none"


@pytest.mark.parametrize("server", ["vllm", "sglang"])
def test_the_key_travels_in_the_environment_only(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", "/ours")
    serve = ServeOptions.model_validate(
        {"server": server, "interpreter": sys.executable, "environment": {"OMP_NUM_THREADS": 2}}
    )
    plan = ServePlan.of(model(serve))
    environment = plan.environment("s3cret")
    assert environment[KEY_VARIABLE[server]] == "s3cret"
    assert environment["OMP_NUM_THREADS"] == "2"
    assert "PYTHONPATH" not in environment, "our packages are not for its Python"
    assert environment["PATH"].startswith(str(Path(sys.executable).parent))
    assert "s3cret" not in " ".join(plan.command(1))


def test_the_python_of_the_environment_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OT_VLLM_PYTHON", sys.executable)
    assert ServePlan.of(model()).command(1)[0] == sys.executable


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"interpreter": "/no/such/python"}, "/no/such/python is no program.*OT_VLLM_PYTHON"),
        ({"command": ["no-such-server"]}, "no-such-server cannot be run"),
        ({"server": "sglang"}, "sglang is not installed here.*OT_SGLANG_PYTHON"),
    ],
)
def test_a_server_that_is_not_there(said: dict[str, object], told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OT_SGLANG_PYTHON", raising=False)
    with pytest.raises(UserError, match=f"(?s){told}"):
        ServePlan.of(model(ServeOptions.model_validate(said))).command(1)


def test_one_server_can_serve_plans_that_differ_in_what_clients_do() -> None:
    plans = [ServePlan.of(model(ServeOptions.model_validate(said))) for said in ({}, {"seeds": False, "restarts": 1})]
    assert plans[0].hash == plans[1].hash
    assert ServePlan.of(model(ServeOptions(tensor_parallel=2))).hash != plans[0].hash
    assert ServePlan.of(model(weights=Path("/elsewhere"))).hash != plans[0].hash
