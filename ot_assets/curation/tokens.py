"""Tokens for screening: how a text becomes the sequence whose n-grams are compared.

Belongs here: the `Tokenizer` interface, the built-in word tokenizer, and the reader of a local Hugging Face tokenizer
folder. Contract: `split` is a pure function of each text; texts and benchmark items go through the same tokenizer;
special tokens (added ones, and ones that a text spells out, such as `<|im_end|>`) are never part of the sequence; no
code of the folder is ever run. Fails with `UserError` when a folder holds no tokenizer that can be read.

OpenThoughts3 used the tokenizer of Qwen2-7B-Instruct. Words and punctuation marks are coarser than its tokens, so
thirteen of them are a somewhat longer run; they need no download and ignore case, which catches copies that differ in
case only.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import polars as pl

from resources.errors import UserError

_WORD = r"\w+|[^\w\s]"


class Tokenizer(Protocol):
    """Cuts texts into comparable tokens."""

    @property
    def name(self) -> str:
        """What a manifest says of it."""
        ...

    def split(self, texts: Sequence[str]) -> list[list[Hashable]]:
        """The tokens of each text, special tokens left out; an empty list for a text without any."""
        ...

    def shown(self, tokens: Sequence[Any]) -> str:
        """A run of tokens as a person reads it."""
        ...


@dataclass(frozen=True)
class WordTokenizer:
    r"""Words (`\w+`, with the marks of scripts that need them) and single punctuation marks, case folded. The default: needs
    no files.
    """

    name: str = "words"

    def split(self, texts: Sequence[str]) -> list[list[Hashable]]:
        """Case-folded words and marks of each text."""
        return self.column(texts).to_list()

    def column(self, texts: Sequence[str]) -> pl.Series:
        """The same as a column of lists, cut by polars: a third of the time, and other threads go on meanwhile."""
        return pl.Series([text.casefold() for text in texts], dtype=pl.String).str.extract_all(_WORD)

    def shown(self, tokens: Sequence[Any]) -> str:
        """The tokens with a space between them."""
        return " ".join(tokens)


@dataclass(frozen=True)
class FastTokenizer:
    """A `tokenizers` tokenizer, read from a folder's `tokenizer.json`."""

    name: str
    inner: Any
    special: frozenset[int]

    def split(self, texts: Sequence[str]) -> list[list[Hashable]]:
        """Token ids of each text without special tokens."""
        encoded = self.inner.encode_batch_fast(list(texts), add_special_tokens=False)
        return [[token for token in one.ids if token not in self.special] for one in encoded]

    def shown(self, tokens: Sequence[Any]) -> str:
        """The decoded text of the tokens."""
        return str(self.inner.decode(list(tokens)))


@dataclass(frozen=True)
class SlowTokenizer:
    """A tokenizer that only `transformers` can read (sentencepiece files without a `tokenizer.json`)."""

    name: str
    inner: Any
    special: frozenset[int]

    def split(self, texts: Sequence[str]) -> list[list[Hashable]]:
        """Token ids of each text without special tokens."""
        encoded = self.inner(list(texts), add_special_tokens=False)["input_ids"] if texts else []
        return [[token for token in ids if token not in self.special] for ids in encoded]

    def shown(self, tokens: Sequence[Any]) -> str:
        """The decoded text of the tokens."""
        return str(self.inner.decode(list(tokens)))


def load_tokenizer(folder: Path | None) -> Tokenizer:
    """The tokenizer of a local Hugging Face folder; the word tokenizer when none is given.

    The manifest's name is `<folder name>`; the files are only read, so a folder that brings its own code is refused or read
    without it. Raises `UserError` when nothing in the folder can be read as a tokenizer.
    """
    if folder is None:
        return WordTokenizer()
    if (folder / "tokenizer.json").is_file():
        return _fast(folder)
    return _slow(folder)


def _fast(folder: Path) -> FastTokenizer:
    from tokenizers import Tokenizer as Inner

    try:
        inner = Inner.from_file(str(folder / "tokenizer.json"))
    except Exception as error:  # the library raises bare Exception
        raise _unreadable(folder, error) from error
    inner.no_truncation()
    inner.no_padding()
    special = frozenset(key for key, token in inner.get_added_tokens_decoder().items() if token.special)
    return FastTokenizer(folder.name, inner, special)


def _slow(folder: Path) -> SlowTokenizer:
    from transformers import AutoTokenizer

    try:
        inner = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except Exception as error:  # whatever a broken folder raises, the user needs the folder's name
        raise _unreadable(folder, error) from error
    return SlowTokenizer(folder.name, inner, frozenset(inner.all_special_ids))


def _unreadable(folder: Path, error: Exception) -> UserError:
    reason = " ".join(str(error).split())[:300]
    return UserError(
        f"the tokenizer in {folder} cannot be read: {reason}",
        fix="give a folder with a tokenizer.json, or none: then words and punctuation marks are compared",
    )
