"""Models of the registry, and students, as something that the engines can ask.

A request carries only identity; the weights are found (fetched, converted) when an engine really has to be opened, so a step
whose replies are all stored needs neither weights nor network.
"""

from __future__ import annotations

from collections.abc import Callable

from ot_assets.progress import report
from ot_assets.registry import ModelSpec
from ot_assets.registry.specs.model import HubWeights, WheelWeights
from resources.artifacts import Artifact
from resources.generation import Model, Progress
from resources.home import Home


def as_model(spec: ModelSpec) -> Model:
    """A model spec as the engines know it, weights not yet found."""
    return Model(
        key=spec.key,
        engine=spec.engine,
        model=spec.model,
        revision=_revision(spec),
        base_url=spec.endpoint_url,
        api_key_env=spec.api_key_env,
        dtype=spec.dtype or "auto",
        options=dict(spec.options),
        price_in=spec.price.input if spec.price else None,
        price_out=spec.price.output if spec.price else None,
    )


def with_weights(spec: ModelSpec, home: Home) -> Callable[[], Model]:
    """The model with its weights on this machine; called only when an engine is opened."""

    def resolve() -> Model:
        model = as_model(spec)
        if spec.engine != "transformers":
            return model
        from resources.models import weights_of

        return model.model_copy(update={"weights": weights_of(spec.key, spec.model, spec.revision, spec.weights, home)})

    return resolve


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


def tell(progress: Progress) -> None:
    """A progress figure as one line: rate, tokens, from store, failed, cost, time left."""
    total = f"/{progress.total:,}" if progress.total else ""
    parts = [f"{progress.done:,}{total} replies", f"{progress.from_store:,} from store"]
    if progress.seconds > 0 and progress.new:
        parts.append(f"{progress.completion_tokens / progress.seconds:.0f} tok/s")
    if progress.failed:
        parts.append(f"{progress.failed:,} failed")
    if progress.cost:
        parts.append(f"${progress.cost:.2f}")
    if progress.eta_seconds is not None:
        parts.append(f"{progress.eta_seconds:.0f} s left")
    report(", ".join(parts))


def _revision(spec: ModelSpec) -> str:
    """The revision with whatever pins the weights beyond it."""
    if isinstance(spec.weights, WheelWeights):
        return (
            f"{spec.weights.package}-{spec.weights.version}-{(spec.weights.member_sha256 or spec.weights.sha256)[:16]}"
        )
    if isinstance(spec.weights, HubWeights):
        return f"{spec.weights.repo}@{spec.weights.revision}"
    return spec.revision
