"""A base model that can count tokens and nothing else: the folder of a byte tokenizer, for recipes that train nobody.

Imports nothing of this folder, so that tests use it too.
"""

from __future__ import annotations

from pathlib import Path


def counting_base(folder: Path, template: str) -> Path:
    """Writes the folder: a token a byte, the chat template, and files that say that a model is there."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    raw = Tokenizer(models.BPE(vocab={symbol: i for i, symbol in enumerate(alphabet)}, merges=[]))
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.decoder = decoders.ByteLevel()
    raw.add_special_tokens([AddedToken(text, special=True) for text in ("<|im_start|>", "<|im_end|>")])
    made = PreTrainedTokenizerFast(tokenizer_object=raw, eos_token="<|im_end|>", pad_token="<|im_end|>")
    made.chat_template = template
    made.save_pretrained(folder)
    for weightless in ("config.json", "model.safetensors"):
        (folder / weightless).write_text("{}")
    return folder
