"""The decoding loop: a batch from which finished rows leave and which waiting rows join while it runs.

What belongs here: which rows run, and what a step does with them. Contract: `Decoder.run` yields rows as they finish;
at most `rows` run at once and their caches hold at most `tokens` tokens, padding included, except that one row may
always run. When the device runs out of memory all rows go back to the queue with what they have, the limits are halved
for good, and it goes on; a row that does not fit alone is yielded with `finish` still None. The loop is deterministic
in the requests and the limits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from resources.generation.drawing import draw, has_penalties, penalise
from resources.generation.kv_cache import Part, columns, join, new_cache
from resources.generation.request import Sampling
from resources.generation.rows import Row, Supply

if TYPE_CHECKING:
    import torch

# A batch is rebuilt (rows out, rows in) when one row in so many has finished: each rebuilding copies the cache once.
_REBUILD_AT = 8
# Columns that a row is expected to need soon beyond its present length.
_AHEAD = 64
_PREFILL_TOKENS_CPU = 4096
_PREFILL_TOKENS = 32768


@dataclass(slots=True)
class _Batch:
    """The running rows, their cache, the mask of its columns [rows, columns], and the token each row goes on with
    [rows].

    `alive` are the indices of the rows that are not finished; the others run along until the batch is rebuilt.
    """

    sampling: Sampling
    rows: list[Row]
    cache: Any
    mask: torch.Tensor
    following: torch.Tensor
    alive: list[int]


@dataclass(slots=True)
class _Piece:
    """Rows on their way into a batch, with their part of a cache, its mask, and the token each goes on with."""

    rows: list[Row]
    part: Part
    mask: torch.Tensor
    following: torch.Tensor


class Decoder:
    """Runs rows through `model`, which has `layers` attention layers. `finish(row, token)` takes each token of a row
    and says whether the row is done.
    """

    def __init__(self, model: Any, layers: int, rows: int, tokens: int, finish: Callable[[Row, int], bool]) -> None:
        self._model, self._layers = model, layers
        self._most_rows, self._most_tokens = rows, tokens
        self._finish = finish
        self._device = model.device
        self._prefill_tokens = _PREFILL_TOKENS_CPU if self._device.type == "cpu" else _PREFILL_TOKENS
        self._batch: _Batch | None = None
        self._joining: list[Row] = []

    def run(self, supply: Supply) -> Iterator[list[Row]]:
        """The rows that finished in each turn, often none, until the supply is empty."""
        import torch

        self._batch, self._joining = None, []
        while self._batch is not None or supply.group() is not None or not supply.ended:
            # Not around the yield: a generator that waits there would leave its caller in inference mode.
            with torch.inference_mode():
                finished = self._turn(supply)
            yield finished

    def _turn(self, supply: Supply) -> list[Row]:
        """Rebuilds the batch if that is due, or gives every row a token; the rows that finished."""
        try:
            batch = self._batch
            return self._rebuild(supply) if batch is None or self._is_due(batch) else self._step(batch)
        except Exception as error:
            if not _is_memory(error):
                raise
        # Outside the handler, whose traceback holds on to the tensors.
        return self._shrink(supply)

    def _is_due(self, batch: _Batch) -> bool:
        finished = len(batch.rows) - len(batch.alive)
        over = len(batch.rows) * (columns(batch.cache) + 1) > self._most_tokens and len(batch.alive) > 1
        return not batch.alive or finished * _REBUILD_AT >= len(batch.rows) or over

    def _rebuild(self, supply: Supply) -> list[Row]:
        """Lets finished rows out and waiting ones in; those of the new ones whose first token was their last."""
        batch, self._batch = self._batch, None
        pieces: list[_Piece] = []
        running: list[Row] = []
        if batch is not None and batch.alive:
            self._joining = [batch.rows[index] for index in batch.alive]
            pieces.append(self._staying(batch, supply))
            running = list(pieces[0].rows)
        group = batch.sampling if batch is not None and running else supply.group()
        if group is None:
            return []
        new = supply.take(group, lambda taken, row: self._fits([*running, *taken], row))
        self._joining = running + new
        finished: list[Row] = []
        for some in self._prefill_groups(new):
            piece, done = self._prefill(group, some)
            finished += done
            if piece.rows:
                pieces.append(piece)
        if pieces:
            self._batch = _assembled(group, pieces)
        self._joining = []
        return finished

    def _staying(self, batch: _Batch, supply: Supply) -> _Piece:
        """The unfinished rows, as many as the budget holds, oldest first; the others go back to the queue."""
        import torch

        stay: list[int] = []
        rows: list[Row] = []
        for index in batch.alive:
            if not self._fits(rows, batch.rows[index]):
                supply.put_back([batch.rows[other] for other in batch.alive[len(stay) :]])
                break
            stay.append(index)
            rows.append(batch.rows[index])
        kept = torch.tensor(stay, device=self._device)
        mask = batch.mask[kept]
        start = int(mask.any(0).int().argmax())
        return _Piece(rows, Part(batch.cache, kept, start), mask[:, start:], batch.following[kept])

    def _fits(self, rows: list[Row], row: Row) -> bool:
        """Whether a row may run beside others."""
        if not rows:
            return True
        longest = max(row.length, max(other.length for other in rows)) + _AHEAD
        return len(rows) < self._most_rows and (len(rows) + 1) * longest <= self._most_tokens

    def _prefill_groups(self, rows: list[Row]) -> Iterator[list[Row]]:
        """Splits rows so that the padded prompts of a group stay within the prefill budget."""
        group: list[Row] = []
        longest = 0
        for row in sorted(rows, key=lambda row: (row.length, row.prompt)):
            longest = max(longest, row.length)
            if group and (len(group) + 1) * longest > self._prefill_tokens:
                yield group
                group, longest = [], row.length
            group.append(row)
        if group:
            yield group

    def _prefill(self, group: Sampling, rows: list[Row]) -> tuple[_Piece, list[Row]]:
        """Runs prompts, each different one once, and draws the first token of every row."""
        import torch

        tokens = [tuple(row.prompt + row.produced) for row in rows]
        unique = {prompt: index for index, prompt in enumerate(dict.fromkeys(tokens))}
        width = max(map(len, unique))
        ids = torch.zeros((len(unique), width), dtype=torch.long)
        mask = torch.zeros((len(unique), width), dtype=torch.bool)
        for prompt, index in unique.items():
            ids[index, width - len(prompt) :] = torch.tensor(prompt)
            mask[index, width - len(prompt) :] = True
        ids, mask = ids.to(self._device), mask.to(self._device)
        cache = new_cache(self._layers)
        positions = (mask.long().cumsum(-1) - 1).clamp(min=0)
        logits = self._forward(ids, mask, positions, cache)
        places = torch.tensor([unique[prompt] for prompt in tokens], device=self._device)
        following = self._draw(group, rows, logits[places])
        finished = self._note(rows, following)
        live = [index for index, row in enumerate(rows) if row.finish is None]
        kept = places[torch.tensor(live, dtype=torch.long, device=self._device)]
        piece = _Piece([rows[index] for index in live], Part(cache, kept, 0), mask[kept], following[live])
        return piece, finished

    def _step(self, batch: _Batch) -> list[Row]:
        """Gives every row of the batch its next token; the rows that finished."""
        import torch

        positions = batch.mask.sum(-1, keepdim=True)
        batch.mask = torch.cat([batch.mask, batch.mask.new_ones((len(batch.rows), 1))], dim=-1)
        logits = self._forward(batch.following.unsqueeze(-1), batch.mask, positions, batch.cache)
        batch.following = self._draw(batch.sampling, batch.rows, logits)
        alive = [batch.rows[index] for index in batch.alive]
        finished = self._note(alive, batch.following[torch.tensor(batch.alive, device=self._device)])
        if finished:
            batch.alive = [index for index in batch.alive if batch.rows[index].finish is None]
        return finished

    def _forward(self, ids: torch.Tensor, mask: torch.Tensor, positions: torch.Tensor, cache: Any) -> torch.Tensor:
        """Logits [rows, vocabulary], float32, of the last column."""
        output = self._model(
            input_ids=ids,
            attention_mask=mask,
            position_ids=positions,
            past_key_values=cache,
            use_cache=True,
            logits_to_keep=1,
        )
        logits: torch.Tensor = output.logits[:, -1].float()
        return logits

    def _draw(self, group: Sampling, rows: list[Row], logits: torch.Tensor) -> torch.Tensor:
        if has_penalties(group):
            logits = penalise(logits, group, [row.said for row in rows], [frozenset(row.prompt) for row in rows])
        return draw(logits, group, [row.chance.random() for row in rows])

    def _note(self, rows: list[Row], following: torch.Tensor) -> list[Row]:
        """Hands each row its token; the rows that are done with it."""
        return [row for row, token in zip(rows, following.tolist(), strict=True) if self._finish(row, token)]

    def _shrink(self, supply: Supply) -> list[Row]:
        """After running out of memory: half as much at a time from now on. The row that is too large alone, if that was
        it.
        """
        import torch

        batch, self._batch = self._batch, None
        rows = self._joining or ([batch.rows[index] for index in batch.alive] if batch is not None else [])
        self._joining = []
        del batch
        if self._device.type == "cuda":
            torch.cuda.empty_cache()
        rows = [row for row in rows if row.finish is None]
        if len(rows) <= 1:
            return rows
        self._most_rows = max(1, len(rows) // 2)
        self._most_tokens = max(_AHEAD, self._most_rows * max(row.length for row in rows))
        supply.put_back(rows)
        return []


def _assembled(group: Sampling, pieces: list[_Piece]) -> _Batch:
    """One batch of several pieces, right-aligned."""
    import torch

    cache = join([piece.part for piece in pieces])
    width = columns(cache)
    masks = [torch.nn.functional.pad(piece.mask, (width - piece.mask.shape[1], 0)) for piece in pieces]
    rows = [row for piece in pieces for row in piece.rows]
    following = torch.cat([piece.following for piece in pieces])
    return _Batch(group, rows, cache, torch.cat(masks), following, list(range(len(rows))))


def _is_memory(error: Exception) -> bool:
    """Whether an error says that memory ran out, on a GPU or here."""
    if type(error).__name__ == "OutOfMemoryError" or isinstance(error, MemoryError):
        return True
    return isinstance(error, RuntimeError) and ("out of memory" in str(error) or "allocate memory" in str(error))
