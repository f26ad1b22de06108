"""Runs `ot` and writes down every request that reaches the in-process engine: to see that nothing stored is asked again."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import Any

from ot_assets.cli import main
from resources.generation import transformers_engine
from resources.generation.request import Request

original = transformers_engine.TransformersEngine.generate


def generate(self: Any, requests: Iterable[Request]) -> Iterator[Any]:
    def told() -> Iterator[Request]:
        with open(os.environ["ASKED"], "a", encoding="utf-8", buffering=1) as log:  # noqa: PTH123
            for request in requests:
                log.write(request.key + "\n")
                yield request

    return original(self, told())


transformers_engine.TransformersEngine.generate = generate  # type: ignore[method-assign]

if __name__ == "__main__":
    main()
