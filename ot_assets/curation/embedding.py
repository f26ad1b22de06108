"""Sentence embeddings: texts as unit vectors of a local model, shared by deduplication and scores.

Belongs here: finding the model's folder, and `embed`. Contract: one float32 row of length 1 a text, so that a product
of two rows is their cosine. Pooling (mean, or the first token) and the longest text in tokens are those of the folder
(`1_Pooling/config.json`, `sentence_bert_config.json`, as sentence-transformers writes them); without them it is the
mean over at most 256 tokens. The model that was used last stays in memory.
Equal texts are embedded once, and batches are made of the sorted set of texts, so the rows' order and repetitions
change nothing. Nothing is fetched from anywhere by `embed`, and no code of the folder is run. Fails with `UserError`:
no such model, a model that is an endpoint, a folder that cannot be read, any other pooling.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from resources.errors import UserError
from resources.home import Home

if TYPE_CHECKING:
    from ot_assets.registry import Registry

Vectors = npt.NDArray[np.float32]
_MAX_TOKENS = 256
_FIX = "name a key of models/ with local weights (minilm-l6-v2 is one), or a folder that save_pretrained wrote"


def embedding_folder(name: str, registry: Registry, home: Home) -> Path:
    """The folder of an embedding model: `name` is a key of models/ (fetched if it is not there) or a local folder.

    Raises `UserError` when it is neither, or when the model is reached at an endpoint.
    """
    spec = registry.models.get(name)
    if spec is None:
        folder = Path(name).expanduser()
        if folder.is_dir():
            return folder
        raise UserError(f"there is no embedding model {name!r}: no key of models/ and no folder", fix=_FIX)
    if spec.engine not in ("transformers", "vllm"):
        raise UserError(f"model {name} has no weights on this machine (engine: {spec.engine})", fix=_FIX)
    from ot_assets.asking import weights_folder

    return weights_folder(spec, home)


def embed(
    texts: Sequence[str],
    model: Path,
    *,
    batch: int = 64,
    progress: Callable[[int, int], None] | None = None,
) -> Vectors:
    """Unit vectors of the texts, one row each, in their order. `model` is a folder; `batch` texts are run at once.

    Raises `UserError` when the folder holds no model that can be read, or one that is pooled in another way.
    """
    distinct = sorted(set(texts), key=lambda text: (len(text), text))
    encoder = _load(model)
    rows = np.zeros((len(distinct), encoder.width), np.float32)
    for start in range(0, len(distinct), batch):
        rows[start : start + batch] = encoder.encode(distinct[start : start + batch])
        if progress is not None:
            progress(min(start + batch, len(distinct)), len(distinct))
    places = {text: place for place, text in enumerate(distinct)}
    return rows[[places[text] for text in texts]]


@dataclass(frozen=True)
class _Encoder:
    tokenizer: Any
    model: Any
    width: int
    max_tokens: int
    first_token: bool
    """Whether the first token stands for the text, not the mean of all."""

    def encode(self, texts: list[str]) -> Vectors:
        import torch

        ready = self.tokenizer(texts, padding=True, truncation=True, max_length=self.max_tokens, return_tensors="pt")
        with torch.inference_mode():
            states = self.model(**ready).last_hidden_state.float()
        if self.first_token:
            pooled = states[:, 0]
        else:
            weights = ready["attention_mask"].unsqueeze(-1).float()
            pooled = (states * weights).sum(1) / weights.sum(1).clamp(min=1)
        unit: Vectors = torch.nn.functional.normalize(pooled, dim=1).numpy()
        return unit


@lru_cache(maxsize=1)
def _load(folder: Path) -> _Encoder:
    from transformers import AutoModel, AutoTokenizer

    first = _by_first_token(folder)
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        model = AutoModel.from_pretrained(folder, local_files_only=True, trust_remote_code=False).eval()
    except Exception as error:  # whatever a broken folder raises, the user needs the folder's name
        reason = " ".join(str(error).split())[:300]
        raise UserError(f"the embedding model in {folder} cannot be read: {reason}", fix=_FIX) from error
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    if first:
        tokenizer.padding_side = "right"
    longest = _json(folder / "sentence_bert_config.json").get("max_seq_length") or _MAX_TOKENS
    return _Encoder(tokenizer, model, int(model.config.hidden_size), int(longest), first)


def _by_first_token(folder: Path) -> bool:
    """Whether the folder's pooling is the first token; `UserError` where it is neither that nor the mean."""
    said = _json(folder / "1_Pooling" / "config.json")
    true = (name.removeprefix("pooling_mode_") for name, on in said.items() if name.startswith("pooling_mode_") and on)
    mode = str(said.get("pooling_mode") or " and ".join(true) or "mean")
    if mode not in ("mean", "mean_tokens", "cls", "cls_token"):
        raise UserError(f"the embedding model in {folder} is pooled by {mode}: only mean and cls are known", fix=_FIX)
    return mode.startswith("cls")


def _json(path: Path) -> dict[str, Any]:
    read = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return read if isinstance(read, dict) else {}
