"""Why a server died, read from the end of its log.

What belongs here: the known causes, each with what to do, and the tail of a log made fit to show. Contract: pure over the
log's text; `explain` always has an answer, if only that the log tells more. The key of the server is never shown.
"""

from __future__ import annotations

import re
from pathlib import Path

_TAIL_BYTES = 200_000
_SHOWN = 20
_LONGEST_LINE = 300

_CAUSES: tuple[tuple[str, str, str], ...] = (
    (
        r"out ?of ?memory|OutOfMemoryError|No available memory for the cache blocks|CUDA error: out of memory",
        "it ran out of GPU memory",
        "lower serve.gpu_memory_utilization, max_model_len or max_num_seqs, raise tensor_parallel, or end what else "
        "holds the GPU (nvidia-smi)",
    ),
    (
        r"larger than the (?:maximum number of tokens|available KV cache)|KV cache is needed",
        "its key-value cache does not hold one answer of full length",
        "lower serve.max_model_len, or raise gpu_memory_utilization or tensor_parallel",
    ),
    (r"DefaultCPUAllocator: can't allocate|Cannot allocate memory", "it ran out of memory", "lower serve.max_num_seqs"),
    (
        r"No module named '?(?:vllm|sglang)\b",
        "that Python has no such server",
        "install it there, or name another Python (serve.interpreter)",
    ),
    (
        r"unrecognized arguments|error: argument|invalid choice",
        "it does not know an argument",
        "correct serve.args for the version that is installed",
    ),
    (
        r"torchvision::nms does not exist",
        "torchvision does not fit torch",
        "pip uninstall torchvision torchaudio torchcodec",
    ),
    (
        r"CPU Generator does not use offset",
        "this build falls over seeds that come with requests",
        "set serve.seeds: false",
    ),
    (r"No space left on device", "the disk is full", "make room, then run again"),
    (
        r"world size \(\d+\).*(?:larger|greater) than|not enough GPUs|device ordinal|CUDA_VISIBLE_DEVICES",
        "there are fewer GPUs than it was told to use",
        "lower serve.tensor_parallel, or give it more GPUs",
    ),
    (
        r"(?:401|403) Client Error|GatedRepoError|RepositoryNotFoundError",
        "the hub does not give it the weights",
        "set HF_TOKEN, or correct model and revision",
    ),
)
_PORT_TAKEN = re.compile(r"address already in use|Errno 98|EADDRINUSE", re.IGNORECASE)


def read_tail(log: Path) -> str:
    """The end of a log, as text; empty where there is none."""
    try:
        with log.open("rb") as file:
            file.seek(0, 2)
            file.seek(max(0, file.tell() - _TAIL_BYTES))
            return file.read().decode("utf-8", "replace")
    except OSError:
        return ""


def shown(text: str, secret: str = "") -> str:
    """The last lines, shortened, without the key: what a message may hold."""
    text = text.replace(secret, "***") if secret else text
    lines = [line.rstrip()[:_LONGEST_LINE] for line in text.splitlines() if line.strip()]
    return "\n".join(f"  | {line}" for line in lines[-_SHOWN:]) or "  | (its log is empty)"


def port_was_taken(text: str) -> bool:
    """Whether the server died because another program had taken its port first."""
    return bool(_PORT_TAKEN.search(text))


def explain(text: str, code: int | None) -> tuple[str, str]:
    """What went wrong in words, and what to do next. `code` is the exit code of the server, 128 + n for signal n."""
    for pattern, what, fix in _CAUSES:
        if re.search(pattern, text, re.IGNORECASE):
            return what, fix
    if code == 128 + 9:
        return "it was killed (signal 9), most likely for want of memory", "see `dmesg`; lower what it may use"
    if code is not None and code > 128:
        return f"it was ended by signal {code - 128}", "see its log"
    return (f"it ended with exit code {code}" if code is not None else "it stopped answering"), "see its log"
