"""Fine-tunes a recipe's base model on a training set: from tier to the trainer's config, in a process of its own."""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ot_assets.progress import report
from ot_assets.registry import RecipeSpec
from resources.artifacts import Artifact
from resources.training.config import SftConfig
from resources.training.result import LOG
from resources.training.trainer import Trainer, discard_checkpoints

if TYPE_CHECKING:
    from ot_assets.step import Step


@dataclass(frozen=True)
class Fitted:
    """What training came to; `settings` are the hyper-parameters that were really used."""

    settings: dict[str, Any]
    examples: int
    steps: int
    first_loss: float
    final_loss: float
    tokens: int
    seconds: float
    tokens_per_second: float
    truncated: int
    dropped: int
    resumed_from: int | None
    device: str
    peak_memory_bytes: int

    def figures(self) -> dict[str, Any]:
        """For the manifest and the card. How long it took and where is told, but belongs to no identity."""
        return asdict(self)


def fit(step: Step, recipe: RecipeSpec, examples: Artifact, base: Path) -> Fitted:
    """Trains into the publication's folder. Checkpoints lie in the state folder until the student is published."""
    tier = recipe.student.training.resolve(
        examples.manifest.rows_out, cutoff=recipe.student.max_tokens, seed=recipe.seed
    )
    settings = tier.to_dict()
    told = {key: value for key, value in settings.items() if key in SftConfig.model_fields and value is not None}
    work = _work_folder(step, examples, settings)
    config = SftConfig(
        base=base,
        dataset=tuple(examples.parts()),
        output=step.out.folder(),
        work=work,
        too_long=recipe.student.too_long,
        **told,
    )
    result = Trainer().train(config, log=report, context=step.context)
    shutil.copyfile(result.log, step.out.folder() / LOG)
    step.when_published.append(lambda: discard_checkpoints(work))
    return Fitted(
        settings=settings,
        examples=result.examples,
        steps=result.steps,
        first_loss=result.first_loss,
        final_loss=result.final_loss,
        tokens=result.tokens,
        seconds=result.seconds,
        tokens_per_second=result.tokens_per_second,
        truncated=result.truncated,
        dropped=result.dropped,
        resumed_from=result.resumed_from,
        device=result.device,
        peak_memory_bytes=result.peak_memory_bytes,
    )


def _work_folder(step: Step, examples: Artifact, settings: dict[str, Any]) -> Path:
    """One folder for one data set and settings: a run that was killed goes on from its checkpoints, another starts anew."""
    told = f"{examples.manifest.content_hash} {sorted(settings.items())} {step.spec['base']}"
    name = hashlib.sha256(told.encode()).hexdigest()[:16]
    return step.services.home.work / "student_model" / step.partition.path().replace("/", ",") / name
