from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from resources.errors import UserError
from resources.generation import decoding
from resources.generation.ask import ask
from resources.generation.engine import Outcome
from resources.generation.linear import pack_linears
from resources.generation.model import Model
from resources.generation.reply import Failure, Reply
from resources.generation.request import Message, Request, Sampling
from resources.generation.transformers_engine import TransformersEngine
from resources.responses.store import ResponseStore
from tests.resources.generation.tiny import CONTEXT, write_tiny_model

WORDS = ["a", "cats and dogs", "rain", "the long way home from the sea", "iron", "salt!", "1 + 1 = ?", "ü", "why"]
Opening = Callable[..., TransformersEngine]


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_model(tmp_path_factory.mktemp("tiny"))


@pytest.fixture
def opening(tiny: Path) -> Iterator[Opening]:
    opened: list[TransformersEngine] = []

    def open_it(weights: Path = tiny, **options: Any) -> TransformersEngine:
        opened.append(TransformersEngine(model(weights, **options)))
        return opened[-1]

    yield open_it
    for engine in opened:
        engine.close()


def model(weights: Path, **options: Any) -> Model:
    return Model(
        key="tiny",
        engine="transformers",
        model="org/tiny",
        weights=weights,
        dtype="float32",
        device="cpu",
        options=options,
    )


def asked(engine: TransformersEngine, text: str, sample: int = 0, **sampling: Any) -> Request:
    return engine.model.request([Message(role="user", content=text)], Sampling(**{"max_tokens": 40} | sampling), sample)


def replies(outcomes: Iterator[Outcome]) -> dict[Request, Reply]:
    got = {}
    for request, result in outcomes:
        assert isinstance(result, Reply)
        assert request not in got
        got[request] = result
    return got


def by_transformers(engine: TransformersEngine, request: Request, **settings: Any) -> str:
    """The greedy answer of transformers' own `generate`, one row at a time."""
    import torch

    tokenizer = engine._tokenizer
    text = tokenizer.apply_chat_template(
        [m.model_dump() for m in request.messages], add_generation_prompt=True, tokenize=False
    )
    ids = tokenizer(text, return_tensors="pt", add_special_tokens=False, return_token_type_ids=False)
    with torch.inference_mode():
        out = engine._net.generate(**ids, max_new_tokens=request.sampling.max_tokens, do_sample=False, **settings)
    said: str = tokenizer.decode(out[0, ids["input_ids"].shape[1] :], skip_special_tokens=True)
    return said


@pytest.mark.parametrize(
    "options", [{"rows": 3, "window": 2}, {"rows": 64}, {"tokens": 512}], ids=["churn", "one", "narrow"]
)
def test_greedy_answers_are_those_of_transformers_whatever_the_batch(opening: Opening, options: dict[str, int]) -> None:
    engine = opening(**options)
    requests = [
        asked(engine, word, k, temperature=0, max_tokens=5 + 9 * n) for n, word in enumerate(WORDS) for k in range(2)
    ]
    got = replies(engine.generate(iter(requests)))
    assert len(got) == len(requests)
    assert {request: reply.text for request, reply in got.items()} == {r: by_transformers(engine, r) for r in requests}


def test_a_model_with_a_sliding_window_answers_as_in_transformers(opening: Opening, tmp_path: Path) -> None:
    engine = opening(write_tiny_model(tmp_path, sliding=True), rows=3)
    requests = [asked(engine, word, temperature=0, max_tokens=60) for word in WORDS]
    got = replies(engine.generate(requests))
    assert {request: reply.text for request, reply in got.items()} == {r: by_transformers(engine, r) for r in requests}


@pytest.mark.parametrize("shape", [(1, 1), (3, 17), (64, 1)])
def test_packed_layers_answer_bit_for_bit_the_same(tiny: Path, shape: tuple[int, int]) -> None:
    import torch
    from transformers import AutoModelForCausalLM

    plain = AutoModelForCausalLM.from_pretrained(tiny, dtype=torch.bfloat16)
    packed = AutoModelForCausalLM.from_pretrained(tiny, dtype=torch.bfloat16)
    if not pack_linears(packed, 64):
        pytest.skip("this processor has no bf16 of its own")
    ids = torch.randint(0, 250, shape, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        assert torch.equal(plain(ids).logits, packed(ids).logits)


def test_a_repetition_penalty_is_that_of_transformers(opening: Opening) -> None:
    engine = opening(rows=4)
    requests = [asked(engine, word, temperature=0, repetition_penalty=1.7) for word in WORDS]
    got = replies(engine.generate(requests))
    plain = [by_transformers(engine, request) for request in requests]
    want = [by_transformers(engine, request, repetition_penalty=1.7) for request in requests]
    assert [got[request].text for request in requests] == want != plain


def test_the_same_requests_give_the_same_answers_and_samples_differ(opening: Opening) -> None:
    engine = opening(rows=6)
    requests = [asked(engine, word, k) for word in WORDS for k in range(4)]
    first = replies(engine.generate(requests))
    second = replies(opening(rows=6).generate(requests))
    assert {r: reply.text for r, reply in first.items()} == {r: reply.text for r, reply in second.items()}
    assert len({first[asked(engine, "rain", k)].text for k in range(4)}) == 4
    seeded = replies(engine.generate([asked(engine, "rain", seed=1), asked(engine, "rain", seed=2)]))
    assert len({reply.text for reply in seeded.values()}) == 2


def test_finish_reasons_and_counts_are_honest(opening: Opening) -> None:
    engine = opening(rows=16)
    requests = [asked(engine, word, k, max_tokens=90) for word in WORDS for k in range(8)]
    got = replies(engine.generate(requests))
    assert {reply.finish_reason for reply in got.values()} == {"stop", "length"}
    for request, reply in got.items():
        assert reply.completion_tokens is not None
        assert (reply.completion_tokens == 90) >= (reply.finish_reason == "length")
        assert reply.completion_tokens <= 90
        assert reply.prompt_tokens == len(f"user\n{request.messages[0].content}assistant\n".encode()) + 3
        assert "</s>" not in reply.text
        assert reply.seconds is not None
        assert reply.raw["choices"][0]["message"]["content"] == reply.text


def test_a_stop_string_ends_the_text_before_it(opening: Opening) -> None:
    engine = opening(rows=8)
    plain = replies(engine.generate([asked(engine, word, temperature=0, max_tokens=60) for word in WORDS]))
    for request, reply in plain.items():
        if len(reply.text) < 8:
            continue
        stop = reply.text[3:5]
        stopping = asked(engine, request.messages[0].content, temperature=0, max_tokens=60, stop=[stop, "never this"])
        (cut,) = replies(engine.generate([stopping])).values()
        assert cut.text == reply.text[: reply.text.index(stop)]
        assert cut.finish_reason == "stop"
        assert (cut.completion_tokens or 0) < (reply.completion_tokens or 0)


def test_requests_drawn_differently_run_side_by_side(opening: Opening) -> None:
    engine = opening(rows=4)
    settings: list[dict[str, Any]] = [
        {"temperature": 0},
        {"top_k": 1},
        {"top_p": 0.0001},
        {"min_p": 1.0},
        {"temperature": 1},
    ]
    requests = [asked(engine, word, max_tokens=20, **some) for word in WORDS for some in settings]
    got = replies(engine.generate(requests))
    for word in WORDS:
        # Four ways to say: the likeliest token.
        assert len({got[asked(engine, word, max_tokens=20, **some)].text for some in settings[:4]}) == 1
    assert len(got) == len(requests)


def test_a_prompt_longer_than_the_context_is_a_failure_that_names_the_lengths(opening: Opening) -> None:
    engine = opening()
    long, fits = asked(engine, "x" * 300), asked(engine, "fits")
    got = dict(engine.generate([long, fits]))
    failure = got[long]
    assert isinstance(failure, Failure)
    assert (failure.kind, failure.retryable) == ("bad_request", False)
    assert "318 tokens" in failure.reason
    assert f"holds {CONTEXT}" in failure.reason
    assert isinstance(got[fits], Reply)


def test_an_answer_that_meets_the_end_of_the_context_says_length(opening: Opening) -> None:
    engine = opening()
    got = replies(engine.generate([asked(engine, "x" * 230, k, max_tokens=5000) for k in range(8)]))
    cut = [reply for reply in got.values() if reply.finish_reason == "length"]
    assert cut
    assert {(reply.prompt_tokens or 0) + (reply.completion_tokens or 0) for reply in cut} == {CONTEXT}


def test_messages_that_the_template_refuses_are_a_failure(opening: Opening) -> None:
    engine = opening()
    request = engine.model.request([Message(role="tool", content="x")], Sampling(max_tokens=5))
    ((_, failure),) = engine.generate([request])
    assert isinstance(failure, Failure)
    assert "no tools here" in failure.reason
    held = engine.model.request(
        [Message(role="user", content="x")], Sampling(max_tokens=5), response_format={"type": "json_object"}
    )
    ((_, failure),) = engine.generate([held])
    assert isinstance(failure, Failure)


def test_out_of_memory_halves_the_batch_and_goes_on(opening: Opening, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    engine = opening(rows=16)
    requests = [asked(engine, word, k, temperature=0) for word in WORDS for k in range(3)]
    want = {request: reply.text for request, reply in replies(engine.generate(requests)).items()}
    forward, sizes = decoding.Decoder._forward, []

    def small(self: Any, ids: Any, *rest: Any) -> Any:
        sizes.append(len(ids))
        if len(ids) > 5 and len(sizes) % 3 == 0:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return forward(self, ids, *rest)

    monkeypatch.setattr(decoding.Decoder, "_forward", small)
    got = {request: reply.text for request, reply in replies(engine.generate(requests)).items()}
    assert got == want
    assert max(sizes[-20:]) <= 5


def test_a_single_row_that_does_not_fit_is_a_failure_and_the_others_are_answered(
    opening: Opening, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = opening(rows=4)
    forward = decoding.Decoder._forward

    def small(self: Any, ids: Any, mask: Any, *rest: Any) -> Any:
        if mask.shape[1] > 100:
            raise RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory")
        return forward(self, ids, mask, *rest)

    monkeypatch.setattr(decoding.Decoder, "_forward", small)
    large, others = asked(engine, "x" * 150), [asked(engine, word) for word in WORDS]
    got = dict(engine.generate([large, *others]))
    assert isinstance(got[large], Failure)
    assert "memory" in got[large].reason
    assert all(isinstance(got[other], Reply) for other in others)


def test_a_fault_that_is_not_memory_is_raised(opening: Opening, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = opening()
    monkeypatch.setattr(decoding.Decoder, "_forward", lambda *_: (_ for _ in ()).throw(RuntimeError("shapes differ")))
    with pytest.raises(RuntimeError, match="shapes differ"):
        list(engine.generate([asked(engine, "x")]))


def test_rows_and_tokens_stay_within_their_budget(opening: Opening, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = opening(rows=7, tokens=900)
    forward, held = decoding.Decoder._forward, []

    def watched(self: Any, ids: Any, mask: Any, *rest: Any) -> Any:
        held.append(tuple(mask.shape))
        return forward(self, ids, mask, *rest)

    monkeypatch.setattr(decoding.Decoder, "_forward", watched)
    requests = [asked(engine, "x" * (n * 7 % 120), n, max_tokens=100) for n in range(40)]
    assert len(replies(engine.generate(requests))) == 40
    assert max(rows for rows, _ in held) == 7
    assert max(rows * columns for rows, columns in held) <= 900


def test_requests_are_read_a_bounded_window_ahead(opening: Opening) -> None:
    engine = opening(rows=4, window=2)
    read = itertools.count()
    endless = (asked(engine, f"question {next(read)}", max_tokens=3) for _ in itertools.count())
    list(itertools.islice(engine.generate(endless), 10))
    assert next(read) <= 10 + 4 + 8


def test_failures_are_yielded_before_more_is_read(opening: Opening) -> None:
    engine = opening(rows=4, window=2)
    read = itertools.count()
    endless = (asked(engine, "x" * 300, next(read)) for _ in itertools.count())
    assert len(list(itertools.islice(engine.generate(endless), 20))) == 20
    assert next(read) <= 32


def test_stopping_in_the_middle_keeps_what_is_finished(opening: Opening, tmp_path: Path) -> None:
    engine = opening(rows=8)
    store = ResponseStore(f"sqlite:///{tmp_path}/responses.sqlite")
    finished = 0
    take = engine._take_token

    def interrupted(row: Any, token: int) -> bool:
        nonlocal finished
        finished += take(row, token)
        if finished == 12:
            raise KeyboardInterrupt
        return row.finish is not None

    engine._take_token = interrupted  # type: ignore[method-assign]
    requests = [asked(engine, word, k, max_tokens=2 + 3 * k) for word in WORDS for k in range(4)]
    with pytest.raises(KeyboardInterrupt):
        list(ask(store, lambda: engine, requests))
    assert len(list(store.rows())) == 12
    assert len(list(ask(store, opening, requests))) == len(requests)


def test_a_tokenizer_without_a_chat_template_is_named(tmp_path: Path) -> None:
    folder = write_tiny_model(tmp_path, template=None)
    with pytest.raises(UserError, match="no chat template") as said:
        TransformersEngine(model(folder))
    assert "instruct" in str(said.value)


def test_a_folder_without_weights_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=str(tmp_path)):
        TransformersEngine(model(tmp_path))


def test_damaged_weights_are_named(tmp_path: Path) -> None:
    folder = write_tiny_model(tmp_path)
    (folder / "model.safetensors").write_bytes(b"not tensors")
    with pytest.raises(UserError, match="cannot load"):
        TransformersEngine(model(folder))


def test_a_model_with_other_layers_than_attention_is_refused(tmp_path: Path) -> None:
    folder = write_tiny_model(tmp_path)
    config = json.loads((folder / "config.json").read_text())
    config["layer_types"] = ["full_attention", "linear_attention", "full_attention"]
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(UserError, match="linear_attention"):
        TransformersEngine(model(folder))


def test_a_gpu_that_is_not_there_is_named(tiny: Path) -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    with pytest.raises(UserError, match="no GPU"):
        TransformersEngine(model(tiny).model_copy(update={"device": "cuda"}))


def test_a_wrong_option_is_named(tiny: Path) -> None:
    with pytest.raises(UserError, match="batch_size: there is no such option"):
        TransformersEngine(model(tiny, batch_size=4))


def test_an_empty_run_is_empty(opening: Opening) -> None:
    assert list(opening().generate([])) == []
