"""What is published goes into TRL's trainers as it lies: all columns, no renaming, no script in between."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ot_assets.conversations.kept import kept_trees
from ot_assets.conversations.pairs import BallotBox, pairs
from ot_assets.conversations.prompts import prompts
from ot_assets.conversations.rows import tree_rows
from ot_assets.conversations.threads import threads
from resources.artifacts import Artifact, ArtifactStore, Partition
from schemas import SCHEMAS
from tests.resources.training.conftest import build_base

from .forests import a_spec, a_tree, cast, said

pytestmark = pytest.mark.slow

EN = Partition({"language": "en"})
PLAIN = {"use_cpu": True, "bf16": False, "gradient_checkpointing": False, "report_to": [], "max_steps": 1}


def grown(number: int):
    """A tree of two turns; the first has three ranked replies, all but one of them with ballots."""
    name = f"tree-{number:03d}"
    first = [said(f"{name}-a{rank}", rank=rank, text=f"{rank} is the place of this reply") for rank in range(3)]
    first[0]["replies"] = (said(f"{name}-q", said(f"{name}-b"), text="and why?"),)
    tree = a_tree(said(name, *first, text=f"what is {number}?"))
    return tree if number == 0 else cast(tree, name, [one["name"] for one in first])


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Artifact]:
    """The trees, and what is made of them as it is read back from the store."""
    store = ArtifactStore(tmp_path_factory.mktemp("store"))
    spec = a_spec(threads={"repeated": "weighted"}, validation=0.2)
    with store.publication("conversation_trees", EN, code_version="1", schemas=SCHEMAS["conversation_trees"]) as out:
        for rows in tree_rows([grown(number) for number in range(12)], at_once=30):
            for table, frame in rows.tables.items():
                out.write(frame, table)
        out.publish()
    trees = store.current("conversation_trees", EN)
    assert trees is not None
    box = BallotBox(trees.batches("ballots"))
    makers = {
        "sft_threads": lambda some: threads(some, spec),
        "preference_pairs": lambda some: pairs(some, box, spec),
        "prompts": lambda some: prompts(some, spec),
    }
    found = {}
    for asset, made in makers.items():
        with store.publication(asset, EN, code_version="1", schemas=SCHEMAS[asset]) as out:
            for some in kept_trees(trees.batches(rows=25), spec.kept):
                out.write(made(some).frame)
            out.publish()
        artifact = store.current(asset, EN)
        assert artifact is not None
        found[asset] = artifact
    return found


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_base(tmp_path_factory.mktemp("base") / "model")


def dataset(artifact: Artifact) -> Any:
    from datasets import load_dataset

    files = [str(path) for path in artifact.parts()]
    rows = load_dataset(
        "parquet", data_files=files, split="train", cache_dir=str(artifact.parts()[0].parents[1] / "hf")
    )
    assert len(rows) == artifact.manifest.rows_out and rows.column_names == list(
        SCHEMAS[artifact.manifest.asset][""].dtypes()
    )
    return rows


def one_step(trainer: Any) -> dict[str, float]:
    import math

    trainer.train()
    logged: dict[str, float] = {}
    for entry in trainer.state.log_history:
        logged |= entry
    assert trainer.state.global_step == 1
    assert math.isfinite(logged["train_loss"])
    return logged


def loaded(base: Path, kind: str, **fields: Any) -> tuple[Any, Any]:
    import torch
    import transformers

    model = getattr(transformers, kind).from_pretrained(base, dtype=torch.float32, **fields)
    return model, transformers.AutoTokenizer.from_pretrained(base)


def test_threads_go_into_the_sft_trainer(published, base, tmp_path):
    from trl import SFTConfig, SFTTrainer

    rows = dataset(published["sft_threads"])
    model, tokenizer = loaded(base, "AutoModelForCausalLM")
    trainer = SFTTrainer(
        model, args=SFTConfig(output_dir=str(tmp_path), **PLAIN), train_dataset=rows, processing_class=tokenizer
    )
    # The loss is on the completion alone: what is not masked is the reply and the template's end of turn.
    first = trainer.train_dataset[0]
    learnt = [token for token, label in zip(first["input_ids"], first["labels"], strict=True) if label != -100]
    assert tokenizer.decode(learnt).startswith(rows[0]["completion"][0]["content"])
    one_step(trainer)


def test_pairs_go_into_the_reward_trainer_and_the_margin_is_taken_off(published, base, tmp_path):
    from trl import RewardConfig, RewardTrainer

    rows = dataset(published["preference_pairs"])
    assert len(rows) == 36 and rows[0]["agreement"] is None and rows[3]["agreement"] == 1.0
    model, tokenizer = loaded(base, "AutoModelForSequenceClassification", num_labels=1)
    args = RewardConfig(output_dir=str(tmp_path), per_device_train_batch_size=36, **PLAIN)
    trainer = RewardTrainer(model, args=args, train_dataset=rows, processing_class=tokenizer)
    batch = next(iter(trainer.get_train_dataloader()))
    assert sorted(batch["margin"].tolist()) == [1.0] * 24 + [2.0] * 12
    plain = RewardTrainer(model, args=args, train_dataset=rows.remove_columns("margin"), processing_class=tokenizer)
    assert one_step(trainer)["train_loss"] > one_step(plain)["train_loss"] + 0.3


def test_pairs_go_into_the_dpo_trainer(published, base, tmp_path):
    import math

    from trl import DPOConfig, DPOTrainer

    model, tokenizer = loaded(base, "AutoModelForCausalLM")
    args = DPOConfig(output_dir=str(tmp_path), **PLAIN)
    rows = dataset(published["preference_pairs"])
    trainer = DPOTrainer(model, args=args, train_dataset=rows, processing_class=tokenizer)
    assert one_step(trainer)["train_loss"] == pytest.approx(math.log(2), abs=1e-3)


def test_prompts_go_into_the_grpo_trainer_and_the_reward_sees_their_columns(published, base, tmp_path):
    from trl import GRPOConfig, GRPOTrainer

    seen: list[tuple[str, Any, str]] = []

    def reward(
        completions: list[Any], text: list[str], best: list[str], message_id: list[str], **_: Any
    ) -> list[float]:
        seen.extend(zip(text, best, message_id, strict=True))
        return [float(len(one[0]["content"])) for one in completions]

    model, tokenizer = loaded(base, "AutoModelForCausalLM")
    args = GRPOConfig(
        output_dir=str(tmp_path), num_generations=2, per_device_train_batch_size=4, max_completion_length=4, **PLAIN
    )
    rows = dataset(published["prompts"])
    one_step(GRPOTrainer(model, reward, args=args, train_dataset=rows, processing_class=tokenizer))
    known = {row["message_id"]: row for row in rows}
    assert seen and all((known[name]["text"], known[name]["best"]) == (text, best) for text, best, name in seen)
