"""Assets of students: weights, tokenizer, training log, card."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import dagster as dg

from ot_assets.asking import weights_folder
from ot_assets.lineage.card import CardExtras, student_card, without_front_matter
from ot_assets.lineage.tree import lineage
from ot_assets.pictures import loss_curve
from ot_assets.stage import stage
from ot_assets.step import Step
from ot_assets.students.fitting import fit


@stage(
    "recipe_teacher",
    reads={"training_set": None, "recipe_spec": "recipe_to_training"},
    group="students",
    kinds=frozenset({"pytorch", "huggingface"}),
    pool="gpu",
)
def student_model(step: Step) -> Mapping[str, Any]:
    """The base model fine-tuned on the training set: safetensors, tokenizer, chat template, training log and card."""
    recipe = step.registry.recipe(step.partition["recipe"])
    base = step.registry.model(recipe.student.base)
    examples = step.open("training_set", step.partition)
    step.services.release_engine()
    result = fit(step, recipe, examples, weights_folder(base, step.services.home))
    step.out.stat(training=result.figures())
    step.out.licences(*examples.manifest.licences, base.licence)
    node = lineage(step.store, "training_set", step.partition, examples.artifact_id)
    extras = CardExtras(
        spec=step.spec, stats={"training": result.figures()}, licences=[base.licence, *examples.manifest.licences]
    )
    card = student_card(step.store, node, extras)
    step.out.annotate("README.md", card)
    return {
        "loss": dg.MetadataValue.md(loss_curve(step.out.folder() / "training_log.jsonl")),
        "final_loss": round(result.final_loss, 4),
        "examples": result.examples,
        "card": dg.MetadataValue.md(without_front_matter(card)),
    }


ASSETS = (student_model,)
