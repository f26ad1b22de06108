from resources.training import Checkpoints


def make(work, step, *, whole=True):
    folder = work / f"checkpoint-{step}"
    folder.mkdir(parents=True)
    (folder / "weights").write_text("x")
    if whole:
        Checkpoints(work).finish(step)
    return folder


def test_only_a_marked_checkpoint_is_gone_on_from(tmp_path):
    checkpoints = Checkpoints(tmp_path)
    assert checkpoints.latest() is None
    make(tmp_path, 5)
    make(tmp_path, 9, whole=False)
    assert checkpoints.latest() == (5, tmp_path / "checkpoint-5")


def test_a_new_checkpoint_removes_the_older_one_only_when_it_is_whole(tmp_path):
    make(tmp_path, 5)
    make(tmp_path, 10, whole=False)
    assert (tmp_path / "checkpoint-5").is_dir()
    Checkpoints(tmp_path).finish(10)
    assert not (tmp_path / "checkpoint-5").exists()
    assert Checkpoints(tmp_path).latest() == (10, tmp_path / "checkpoint-10")


def test_claiming_removes_half_written_ones_and_those_of_another_config(tmp_path):
    said = []
    checkpoints = Checkpoints(tmp_path)
    checkpoints.claim("one", said.append)
    make(tmp_path, 5)
    make(tmp_path, 9, whole=False)
    checkpoints.claim("one", said.append)
    assert not (tmp_path / "checkpoint-9").exists() and checkpoints.latest() is not None and said == []
    checkpoints.claim("two", said.append)
    assert checkpoints.latest() is None
    assert "another config" in said[0]


def test_a_damaged_mark_does_not_count(tmp_path):
    folder = make(tmp_path, 5)
    (folder / "whole.json").write_text("{")
    assert Checkpoints(tmp_path).latest() is None


def test_discard_removes_checkpoints_and_keeps_the_log(tmp_path):
    make(tmp_path, 5)
    (tmp_path / "training_log.jsonl").write_text("{}\n")
    Checkpoints(tmp_path).discard()
    assert [path.name for path in tmp_path.iterdir()] == ["training_log.jsonl"]
