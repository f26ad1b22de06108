"""TRL's trainer with two changes: the order of examples is ours, and on a CPU the loss looks at the answer's tokens
only.

TRL's own head scores every position where there is no Triton (it would recompile for every batch otherwise), in chunks
that it computes twice. With a vocabulary of 49,152 and prompts longer than answers that is most of a small model's
work. Part of the training script: imports torch and TRL, and is imported by nothing else.
"""

from __future__ import annotations

import functools
import types
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from transformers import PreTrainedModel
from transformers.utils.generic import ModelOutput
from trl.trainer.sft_trainer import SFTTrainer

from resources.training.order import ByLength

_SCALED = ("final_logit_softcapping", "logit_scale", "output_multiplier", "lm_head_multiplier", "logits_scaling")


@dataclass
class AnswerLogProbs(ModelOutput):
    """What TRL's trainer reads from a fused head, each of shape (batch, length - 1) and zero on the prompt."""

    log_probs: torch.Tensor | None = None
    entropy: torch.Tensor | None = None
    is_top1: torch.Tensor | None = None
    label_mask: torch.Tensor | None = None


def use_answer_head(model: PreTrainedModel) -> bool:
    """Replaces TRL's fused head of `model` by one that projects the answer's positions only, once.

    The loss is the same. Entropy, which only feeds a metric, is not computed (zeros). Returns False, and changes
    nothing, for a model that scales its logits: TRL's head knows how.
    """
    text_config = model.config.get_text_config()
    if any(getattr(text_config, name, None) is not None for name in _SCALED):
        return False
    patched = model.forward

    @functools.wraps(patched)
    def forward(self: PreTrainedModel, *args: Any, **kwargs: Any) -> Any:
        if not kwargs.pop("fused_lm_head", False):
            return patched(*args, **kwargs)
        labels = kwargs.pop("labels")[:, 1:]
        kwargs.pop("num_items_in_batch", None)
        hidden = self.base_model(*args, **{**kwargs, "use_cache": False}).last_hidden_state[:, :-1]
        return _score(self, hidden, labels)

    model.forward = types.MethodType(forward, model)
    return True


def _score(model: Any, hidden: torch.Tensor, labels: torch.Tensor) -> AnswerLogProbs:
    mask = labels != -100
    logits = model.get_output_embeddings()(hidden[mask]).float()
    loss = torch.nn.functional.cross_entropy(logits, labels[mask], reduction="none")
    zeros = loss.new_zeros(mask.shape)
    right = (logits.argmax(-1) == labels[mask]).to(zeros.dtype)
    return AnswerLogProbs(
        log_probs=zeros.masked_scatter(mask, -loss),
        entropy=zeros,
        is_top1=zeros.masked_scatter(mask, right),
        label_mask=mask,
    )


class AnswerTrainer(SFTTrainer):
    """`SFTTrainer` over examples of `examples.tokenise`, in the order of `order_of` unless they are packed."""

    def __init__(self, *, lengths: Sequence[int], **kwargs: Any) -> None:
        """Takes what `SFTTrainer` takes, and the number of tokens of each row."""
        self._lengths = lengths
        super().__init__(**kwargs)

    def _get_train_sampler(self, train_dataset: Any = None) -> Any:
        args: Any = self.args
        if args.packing:
            return super()._get_train_sampler(train_dataset)
        return ByLength(self._lengths, args.per_device_train_batch_size, args.seed)
