"""Supervised fine-tuning with TRL: `python -m resources.training.sft --config config.json`.

Needs torch and TRL, not Dagster; runs as one process or as several under torchrun. Under Dagster Pipes
(its environment variables are there) progress lines go to the run's log, otherwise to stdout. Imported by nothing:
start it.

Contract: reads an `SftConfig`; writes the student (safetensors in the base's dtype, tokenizer, chat template) to
`output`, and to `work` the log, checkpoints and, last of all, `result.json`. Started again with the same config it
goes on from the newest whole checkpoint. The loss is on the answer only.

How it fails: exit status 3 with `failure.json` for what the user can mend, 130 when it was asked to stop (a
checkpoint is there), 1 with a traceback on stderr and its end in `failure.json` for the rest.
"""

from __future__ import annotations

import argparse
import os
import resource
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from resources.chat import ChatTokenizer, chat_tokenizer
from resources.errors import UserError
from resources.training.checkpoints import Checkpoints
from resources.training.config import Batches, SftConfig, split_batch
from resources.training.examples import Tokenised, load_counts, save_counts, tokenise
from resources.training.guard import die_with_parent
from resources.training.result import LOG, TrainingFailure, TrainingResult

MENDABLE, STOPPED = 3, 130
_TAIL_LINES = 15
Say = Callable[[str], None]


def train(config: SftConfig, say: Say) -> TrainingResult | None:
    """Trains to the end, or until it is asked to stop (then None)."""
    import torch
    from accelerate import PartialState  # type: ignore[import-untyped]

    gpu = _use_gpu(config)
    state = PartialState(cpu=not gpu)
    if state.num_processes != config.processes:
        raise UserError(
            f"the config says {config.processes} processes, but {state.num_processes} were started",
            fix=f"start it with torchrun --nproc_per_node {config.processes}",
        )
    checkpoints = Checkpoints(config.work)
    if state.is_main_process:
        checkpoints.claim(config.identity, say)
    tokenizer = chat_tokenizer(config.base)
    with state.main_process_first():
        tokens = _tokens(config, tokenizer, say, write=state.is_main_process)
    batches = split_batch(config, tokens.longest, gpu=gpu)
    if state.is_main_process:
        _introduce(config, tokens, batches, say, "GPU" if gpu else f"CPU, {torch.get_num_threads()} threads")
    return _fit(config, tokenizer, tokens, batches, checkpoints, gpu, say)


def _use_gpu(config: SftConfig) -> bool:
    import torch

    there = torch.cuda.is_available()
    if config.device == "cuda" and not there:
        raise UserError("device: cuda, but torch sees no GPU", fix="leave device out, or install a CUDA build of torch")
    if config.precision == "fp16" and not (there and config.device != "cpu"):
        raise UserError("precision: fp16 needs a GPU", fix="use bf16 or fp32 on a CPU")
    return there and config.device != "cpu"


def _tokens(config: SftConfig, tokenizer: ChatTokenizer, say: Say, *, write: bool) -> Tokenised:
    counts = config.work / "tokens.json"
    if not write:
        return load_counts(counts)
    tokens = tokenise(
        config.dataset, tokenizer, config.work / "tokens.arrow", cutoff=config.cutoff, too_long=config.too_long
    )
    save_counts(tokens, counts)
    if tokens.truncated or tokens.dropped:
        say(f"cutoff {config.cutoff} tokens: {tokens.truncated} examples lose their end, {tokens.dropped} are left out")
    return tokens


def _introduce(config: SftConfig, tokens: Tokenised, batches: Batches, say: Say, device: str) -> None:
    say(
        f"training on {tokens.examples:,} examples, {tokens.tokens:,} tokens ({tokens.completion_tokens:,} learnt), "
        f"longest {tokens.longest}: {config.epochs:g} epochs, batch {config.global_batch} = {batches.device_batch} x "
        f"{batches.accumulation} x {config.processes}, {config.precision} on {device}"
    )


def _fit(
    config: SftConfig,
    tokenizer: ChatTokenizer,
    tokens: Tokenised,
    batches: Batches,
    checkpoints: Checkpoints,
    gpu: bool,
    say: Say,
) -> TrainingResult | None:
    from datasets import Dataset
    from transformers import PrinterCallback

    from resources.training.answer_trainer import AnswerTrainer, use_answer_head
    from resources.training.callbacks import Journal, Keeper, Trim, cut_log

    start = checkpoints.latest()
    if start is not None:
        say(f"going on from the checkpoint of step {start[0]}")
    journal = Journal(
        config.work / LOG, say, config.log_seconds, before=cut_log(config.work / LOG, start[0] if start else 0)
    )
    keeper = Keeper(checkpoints, config.checkpoint_seconds)
    rows = Dataset.from_file(str(tokens.path))
    trainer: Any = AnswerTrainer(
        lengths=rows["length"][:],
        model=_model(config, gpu),
        args=_arguments(config, batches, gpu),
        train_dataset=rows,
        processing_class=tokenizer.raw,
        callbacks=[journal, keeper],
    )
    trainer.remove_callback(PrinterCallback)  # the journal says it, readably
    if not gpu:
        use_answer_head(trainer.model)
        trainer.add_callback(Trim())
    keeper.listen()
    trainer.train(resume_from_checkpoint=str(start[1]) if start else None)
    if keeper.stopping and trainer.state.global_step < trainer.state.max_steps:
        say(f"stopped at step {trainer.state.global_step}; the same run goes on from there")
        return None
    _save(trainer, config, tokenizer)
    return _result(config, tokens, trainer, journal, start[0] if start else None, gpu)


def _model(config: SftConfig, gpu: bool) -> Any:
    """The base, ready to train: weights in fp32 under mixed precision, so that small updates are not rounded away."""
    import torch
    from transformers import AutoModelForCausalLM

    narrow = {"bf16": torch.bfloat16, "fp16": torch.float16, "fp32": torch.float32}[config.precision]
    model = AutoModelForCausalLM.from_pretrained(
        str(config.base),
        dtype=narrow if config.pure else torch.float32,
        attn_implementation=config.attention or ("sdpa" if gpu else "eager"),
    )
    return model


def _arguments(config: SftConfig, batches: Batches, gpu: bool) -> Any:
    from trl.trainer.sft_config import SFTConfig

    checkpointing = gpu if config.gradient_checkpointing is None else config.gradient_checkpointing
    sharded: Any = config.sharding == "full"
    return SFTConfig(
        output_dir=str(config.work),
        learning_rate=config.learning_rate,
        num_train_epochs=config.epochs,
        max_steps=config.max_steps or -1,
        per_device_train_batch_size=batches.device_batch,
        gradient_accumulation_steps=batches.accumulation,
        lr_scheduler_type={"constant": "constant_with_warmup"}.get(config.schedule, config.schedule),
        warmup_steps=config.warmup_ratio,
        weight_decay=config.weight_decay,
        adam_beta1=config.adam_beta1,
        adam_beta2=config.adam_beta2,
        max_grad_norm=config.max_grad_norm,
        seed=config.seed,
        data_seed=config.seed,
        bf16=config.precision == "bf16" and not config.pure,
        fp16=config.precision == "fp16" and not config.pure,
        use_cpu=not gpu,
        max_length=config.cutoff if _packs(config) else None,
        packing=_packs(config),
        gradient_checkpointing=checkpointing and not sharded,  # FSDP recomputes by itself, without gathering twice
        fsdp=sharded or None,
        fsdp_config={"activation_checkpointing": checkpointing, "state_dict_type": "SHARDED_STATE_DICT"}
        if sharded
        else None,
        save_strategy="no",
        logging_steps=1,
        logging_nan_inf_filter=False,
        report_to=[],
        disable_tqdm=True,
        dataloader_num_workers=0,
        dataloader_pin_memory=gpu,
    )


def _packs(config: SftConfig) -> bool:
    """Packing keeps examples apart only with flash attention; without it they would attend to each other, so they are
    padded.
    """
    return config.packing and "flash" in (config.attention or "")


def _save(trainer: Any, config: SftConfig, tokenizer: ChatTokenizer) -> None:
    """Writes the student in the dtype of its base. Every process calls it: sharded weights are gathered here."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    weights = trainer.accelerator.get_state_dict(trainer.model_wrapped)
    if not trainer.is_world_process_zero():
        return
    said = AutoConfig.from_pretrained(str(config.base))
    said._name_or_path = ""  # a path of this machine
    dtype = said.dtype or torch.float32
    with torch.device("meta"):
        student: Any = AutoModelForCausalLM.from_config(said, dtype=dtype)  # type: ignore[no-untyped-call]
    student.load_state_dict({name: weight.to(dtype) for name, weight in weights.items()}, assign=True)
    student.tie_weights()
    student.generation_config = trainer.accelerator.unwrap_model(trainer.model_wrapped).generation_config
    student.save_pretrained(config.output)
    for name in ("is_local", "local_files_only"):  # where it was loaded from says nothing about the student
        tokenizer.raw.init_kwargs.pop(name, None)
    tokenizer.raw.save_pretrained(config.output)


def _result(
    config: SftConfig, tokens: Tokenised, trainer: Any, journal: Any, resumed: int | None, gpu: bool
) -> TrainingResult:
    import torch

    from resources.training.callbacks import losses_in

    losses, steps = losses_in(config.work / LOG), trainer.state.global_step
    tail = losses[-max(1, len(losses) // 10) :]
    memory = torch.cuda.max_memory_allocated() if gpu else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return TrainingResult(
        folder=config.output,
        log=config.work / LOG,
        steps=steps,
        final_loss=sum(tail) / len(tail) if tail else float("nan"),
        first_loss=losses[0] if losses else float("nan"),
        examples=tokens.examples,
        truncated=tokens.truncated,
        dropped=tokens.dropped,
        tokens=journal.tokens,
        completion_tokens=tokens.completion_tokens,
        seconds=round(journal.seconds, 2),
        tokens_per_second=round(journal.tokens / max(journal.seconds, 1e-9), 1),
        resumed_from=resumed,
        peak_memory_bytes=memory,
        device="cuda" if gpu else "cpu",
    )


def _print(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


@contextmanager
def _reporting() -> Iterator[Say]:
    """Where progress lines go: the log of the Dagster run under Pipes, stdout otherwise; only the first process says
    them.
    """
    if int(os.environ.get("RANK", "0")):
        yield lambda line: None
    elif "DAGSTER_PIPES_CONTEXT" in os.environ:
        from dagster_pipes import open_dagster_pipes

        with open_dagster_pipes() as pipes:
            yield pipes.log.info
    else:
        yield _print


def main() -> int:
    """Trains as the config on the command line says."""
    parser = argparse.ArgumentParser(description="Supervised fine-tuning with TRL, loss on the answer only.")
    parser.add_argument("--config", type=Path, required=True, help="JSON file of an SftConfig")
    config = SftConfig.model_validate_json(parser.parse_args().config.read_text(encoding="utf-8"))
    if "OT_TRAINING_GUARD" in os.environ:
        die_with_parent()
    config.work.mkdir(parents=True, exist_ok=True)
    with _reporting() as say:
        try:
            result = train(config, say)
        except UserError as error:
            TrainingFailure(error.what, error.fix).write(config.work)
            sys.stderr.write(f"{error}\n")
            return MENDABLE
        except Exception:
            tail = traceback.format_exc().strip().splitlines()[-_TAIL_LINES:]
            TrainingFailure("training broke:\n" + "\n".join(tail), "").write(config.work)
            raise
        if result is None:
            return STOPPED
        if not int(os.environ.get("RANK", "0")):
            result.write(config.work)
    return 0


if __name__ == "__main__":
    sys.exit(main())
