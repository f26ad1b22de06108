"""A tiny Llama with random weights and a byte tokenizer with a chat template, written to a folder as real models are."""

from __future__ import annotations

from pathlib import Path

TEMPLATE = (
    "{% for m in messages %}{% if m.role == 'tool' %}{{ raise_exception('no tools here') }}{% endif %}"
    "<s>{{ m.role }}\n{{ m.content }}</s>{% endfor %}{% if add_generation_prompt %}<s>assistant\n{% endif %}"
)
CONTEXT = 256


def write_tiny_model(folder: Path, *, template: str | None = TEMPLATE, seed: int = 0, sliding: bool = False) -> Path:
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast, Qwen2Config, Qwen2ForCausalLM

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE(vocab={char: n for n, char in enumerate(alphabet)}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>")
    fast.chat_template = template
    fast.save_pretrained(folder)
    torch.manual_seed(seed)
    common = {
        "vocab_size": len(fast),
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 3,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": CONTEXT,
        # Wide enough for logits that differ by more than rounding does.
        "initializer_range": 0.6,
        "bos_token_id": fast.bos_token_id,
        "eos_token_id": fast.eos_token_id,
        "pad_token_id": fast.eos_token_id,
    }
    if sliding:
        config = Qwen2Config(**common, use_sliding_window=True, sliding_window=16, max_window_layers=1)
        net = Qwen2ForCausalLM(config)
    else:
        net = LlamaForCausalLM(LlamaConfig(**common))
    net.save_pretrained(folder)
    return folder
