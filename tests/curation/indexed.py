"""An index of screening over lists of tokens, as tests write them."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from ot_assets.curation.vocabulary import Coded, Vocabulary

_Hit = TypeVar("_Hit", covariant=True)


class _Index(Protocol[_Hit]):
    def hits(self, questions: Coded) -> Iterator[_Hit]: ...


@dataclass
class Indexed(Generic[_Hit]):
    """An index with the numbers of its items' tokens."""

    index: _Index[_Hit]
    vocabulary: Vocabulary

    @classmethod
    def of(cls, make: Callable[[Coded], _Index[_Hit]], items: Sequence[Sequence[Hashable]]) -> Indexed[_Hit]:
        vocabulary = Vocabulary(items)
        return cls(make(vocabulary.items), vocabulary)

    def asked(self, questions: Sequence[Sequence[Hashable]]) -> Iterator[_Hit]:
        return self.index.hits(self.vocabulary.read(questions))
