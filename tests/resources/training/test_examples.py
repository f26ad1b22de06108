import polars as pl
import pyarrow as pa
import pytest

from resources.chat import chat_tokenizer
from resources.errors import UserError
from resources.training.examples import load_counts, save_counts, tokenise

from .conftest import chat, write_part


@pytest.fixture
def tokenizer(tiny_base):
    return chat_tokenizer(tiny_base)


def rows_of(path):
    with pa.memory_map(str(path)) as source:
        return pa.ipc.open_stream(source).read_all().to_pylist()


def test_the_loss_is_on_the_answer_alone(tmp_path, tokenizer):
    part = write_part(tmp_path / "p.parquet", [chat("2 + 2 =", "4")])
    made = tokenise((part,), tokenizer, tmp_path / "t.arrow", cutoff=100, too_long="drop")
    [row] = rows_of(made.path)
    learnt = [token for token in row["labels"] if token != -100]
    assert tokenizer.raw.decode(learnt) == "4<|im_end|>\n"
    asked = row["input_ids"][: len(row["labels"]) - len(learnt)]
    assert tokenizer.raw.decode(asked) == "<|im_start|>user\n2 + 2 =<|im_end|>\n<|im_start|>assistant\n"
    assert (made.examples, made.longest, made.tokens) == (1, row["length"], row["length"])
    assert made.completion_tokens == len(learnt)


def test_parts_are_read_in_order(tmp_path, tokenizer):
    parts = tuple(write_part(tmp_path / f"{n}.parquet", [chat("q", str(n))]) for n in range(3))
    made = tokenise(parts, tokenizer, tmp_path / "t.arrow", cutoff=100, too_long="drop")
    answers = [tokenizer.raw.decode([t for t in row["labels"] if t >= 0])[0] for row in rows_of(made.path)]
    assert answers == ["0", "1", "2"]


def test_examples_over_the_cutoff_are_counted_whether_cut_or_dropped(tmp_path, tokenizer):
    rows = [chat("q", "short"), chat("q", "x" * 100), chat("q" * 200, "no room for an answer")]
    part = write_part(tmp_path / "p.parquet", rows)
    cut = tokenise((part,), tokenizer, tmp_path / "a.arrow", cutoff=60, too_long="truncate")
    assert (cut.examples, cut.truncated, cut.dropped, cut.longest) == (2, 1, 1, 60)
    dropped = tokenise((part,), tokenizer, tmp_path / "b.arrow", cutoff=60, too_long="drop")
    assert (dropped.examples, dropped.truncated, dropped.dropped) == (1, 0, 2)
    save_counts(cut, tmp_path / "counts.json")
    assert load_counts(tmp_path / "counts.json") == cut


def test_nothing_left_to_train_on_is_said(tmp_path, tokenizer):
    part = write_part(tmp_path / "p.parquet", [chat("q", "x" * 100)])
    with pytest.raises(UserError, match="all longer than the cutoff of 20 tokens"):
        tokenise((part,), tokenizer, tmp_path / "t.arrow", cutoff=20, too_long="drop")


def test_an_empty_training_set_is_said(tmp_path, tokenizer):
    part = write_part(tmp_path / "p.parquet", [chat("q", "a")])
    pl.read_parquet(part).head(0).write_parquet(part)
    with pytest.raises(UserError, match="the training set is empty"):
        tokenise((part,), tokenizer, tmp_path / "t.arrow", cutoff=20, too_long="drop")


def test_a_missing_column_is_named(tmp_path, tokenizer):
    path = tmp_path / "p.parquet"
    pl.DataFrame({"prompt": ["a"], "answer": ["b"]}).write_parquet(path)
    with pytest.raises(UserError, match="no column completion; it has prompt, answer"):
        tokenise((path,), tokenizer, tmp_path / "t.arrow", cutoff=20, too_long="drop")


def test_a_row_that_is_no_chat_is_named(tmp_path, tokenizer):
    path = tmp_path / "p.parquet"
    pl.DataFrame({"prompt": ["a"], "completion": ["b"]}).write_parquet(path)
    with pytest.raises(UserError, match=r"p\.parquet, row 0: prompt is a, not a list of turns"):
        tokenise((path,), tokenizer, tmp_path / "t.arrow", cutoff=20, too_long="drop")


def test_a_file_that_is_no_parquet_is_named(tmp_path, tokenizer):
    path = tmp_path / "p.parquet"
    path.write_text("no")
    with pytest.raises(UserError, match="not a parquet file"):
        tokenise((path,), tokenizer, tmp_path / "t.arrow", cutoff=20, too_long="drop")
