"""The Dagster resource that assets are handed: both stores, the engines, the trainer, behind one `services`.

Fields are configuration; live handles are made when first used and kept for the process. One engine is open at a time: an
engine that sits idle would hold its memory while a student trains. Deployment (another store, a cluster's database) is
configuration here; no asset knows of it.
"""

from __future__ import annotations

import atexit
import gc
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property

import dagster as dg
from pydantic import PrivateAttr

from resources.artifacts import ArtifactStore
from resources.generation.ask import ask
from resources.generation.budget import Budget
from resources.generation.engine import Engine, Outcome, open_engine
from resources.generation.model import Model
from resources.generation.progress import Progress
from resources.generation.request import Request
from resources.home import Home
from resources.memory import give_memory_back
from resources.responses.store import ResponseStore


class EngineSlot:
    """Holds at most one open engine; asking for another model closes the one before."""

    def __init__(self) -> None:
        self._model: Model | None = None
        self._engine: Engine | None = None
        atexit.register(self.release)

    def get(self, model: Model) -> Engine:
        """The engine of a model, opened now unless it is the open one."""
        if self._engine is None or self._model != model:
            self.release()
            self._engine, self._model = open_engine(model), model
        return self._engine

    def release(self) -> None:
        """Closes the open engine and gives its memory back."""
        engine, self._engine, self._model = self._engine, None, None
        if engine is not None:
            engine.close()
            del engine
            gc.collect()
            give_memory_back()  # training in a child process needs it


_SLOT = EngineSlot()
"""One for the process: Dagster makes a new resource for every run, and loading weights again for each would cost more."""


class Services(dg.ConfigurableResource["Services"]):
    """Stores, engines and folders. Empty fields follow the environment (`OT_HOME`, `OT_ARTIFACTS`, `OT_RESPONSES`)."""

    artifacts_url: str = ""
    responses_url: str = ""

    _responses: ResponseStore | None = PrivateAttr(default=None)

    @cached_property
    def home(self) -> Home:
        """The state folder."""
        return Home.from_env()

    @cached_property
    def artifacts(self) -> ArtifactStore:
        """The artifact store."""
        return ArtifactStore(self.artifacts_url or self.home.artifacts)

    @property
    def responses(self) -> ResponseStore:
        """The response store, opened when first asked for."""
        if self._responses is None:
            self._responses = ResponseStore(self.responses_url or self.home.responses)
        return self._responses

    def ask(
        self,
        model: Callable[[], Model],
        requests: Iterable[Request],
        *,
        purpose: str,
        total: int | None = None,
        progress: Callable[[Progress], None] | None = None,
        budget: Budget | None = None,
    ) -> Iterator[Outcome]:
        """Asks through the response store, within the budget; the model is resolved and its engine opened only if something
        is not stored.
        """
        return ask(
            self.responses,
            lambda: _SLOT.get(model()),
            requests,
            purpose=purpose,
            total=total,
            progress=progress,
            budget=budget,
            close=False,
        )

    def release_engine(self) -> None:
        """Closes the open engine, so that training has the memory."""
        _SLOT.release()

    def teardown_after_execution(self, context: dg.InitResourceContext) -> None:
        """Closes the response store at the end of a run."""
        if self._responses is not None:
            self._responses.close()
            self._responses = None
