"""Turns a GGUF file into a folder of bf16 safetensors with tokenizer and chat template: `python -m
resources.gguf_weights FILE FOLDER`.

Runs in a process of its own, so that the memory of the conversion is gone afterwards. transformers 5 keeps GGUF
weights packed unless told otherwise and then refuses to save them: they are dequantised here, once, and the result is
checked.

How it fails: exit status 1 with the reason on stderr; the folder is then worth nothing.
"""

from __future__ import annotations

import functools
import os
import sys
from pathlib import Path


def convert(source: Path, folder: Path) -> None:
    """Writes the weights in `source` to `folder` as one bf16 safetensors model, with its tokenizer.

    Raises `ValueError` when the result is not what a trainer can start from: still quantised, another dtype, or not
    finite.
    """
    import gguf
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    # transformers reads the file once each for config, tokenizer and weights, and makes the map of names anew for every
    # tensor: two thirds of the time.
    for name in ("GGUFReader", "get_tensor_name_map"):
        setattr(gguf, name, functools.cache(getattr(gguf, name)))
    tokenizer = AutoTokenizer.from_pretrained(str(source.parent), gguf_file=source.name)
    model = AutoModelForCausalLM.from_pretrained(
        str(source.parent),
        gguf_file=source.name,
        quantization_config=GgufConfig(dequantize=True),
        dtype=torch.bfloat16,
    )
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config  # save_pretrained refuses while it is there
    for name, weight in model.named_parameters():
        if weight.dtype != torch.bfloat16 or not bool(torch.isfinite(weight).all()):
            raise ValueError(f"{source.name}: tensor {name} is {weight.dtype} or holds values that are not finite")
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def main() -> int:
    """Converts the file named on the command line."""
    if len(sys.argv) != 3:
        sys.stderr.write("usage: python -m resources.gguf_weights FILE.gguf FOLDER\n")
        return 2
    os.environ["HF_HUB_OFFLINE"] = "1"  # everything is in the file; a look at the hub would only cost time
    convert(Path(sys.argv[1]), Path(sys.argv[2]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
