"""Pictures are small, are PNGs, are the same for the same figures, and never fail on odd figures."""

from __future__ import annotations

import base64
import io
import json
import subprocess
import sys

import pytest
from PIL import Image

from ot_assets.pictures import LARGEST, Bar, bars_of, histogram, loss_curve, score_bars


def image(markdown: str) -> Image.Image:
    head, data = markdown.split("base64,")
    assert head.startswith("![") and head.endswith("](data:image/png;")
    assert data.endswith(")") and "\n" not in markdown
    raw = base64.b64decode(data[:-1], validate=True)
    assert len(raw) <= LARGEST
    return Image.open(io.BytesIO(raw))


def colours(picture: Image.Image) -> set[tuple[int, ...]]:
    return {colour for _, colour in picture.convert("RGB").getcolors(maxcolors=1_000_000)}


def row(model: str, benchmark: str, score: float | None, se: float | None = 0.05) -> dict:
    return {"model": model, "benchmark": benchmark, "score": score, "se": se}


def test_bars_are_drawn_with_a_colour_a_benchmark():
    picture = image(score_bars(bars_of([row("m", "one", 0.5), row("m", "two", 0.9), row("n", "one", None, None)])))
    assert {(0, 114, 178), (230, 159, 0)} <= colours(picture)
    assert picture.width > 600


def test_whiskers_are_the_interval_and_stay_within_the_scale():
    assert bars_of([row("m", "b", 0.99, 0.05)]) == [Bar("m", "b", 0.99, pytest.approx(0.892), 1.0)]
    assert bars_of([row("m", "b", 0.5, None)]) == [Bar("m", "b", 0.5)]


def test_many_models_stay_small():
    rows = [
        row(f"a-recipe-with-a-long-name-{i} × teacher", f"benchmark-{j}", (i * 7 + j) % 10 / 10)
        for i in range(30)
        for j in range(9)
    ]
    assert image(score_bars(bars_of(rows))).height < 3000


@pytest.mark.parametrize("text", ["*No scores to draw.*"])
def test_nothing_to_draw_is_a_sentence(text):
    assert score_bars([]) == text
    assert loss_curve([]) == "*No loss was logged.*"
    assert loss_curve([{"step": 1, "loss": float("nan")}, {"train_runtime": 3.0}]) == "*No loss was logged.*"
    assert histogram([None, float("inf")], "x") == "*No values to draw.*"


def test_loss_from_a_file_with_a_torn_line_and_a_summary(tmp_path):
    log = tmp_path / "metrics.jsonl"
    lines = [json.dumps({"step": i, "loss": 3 - i / 50, "learning_rate": 1e-5}) for i in range(100)]
    log.write_text("\n".join([*lines, json.dumps({"train_loss": 2.0}), "[1, 2]", '{"step": 100, "lo']))
    from_file = loss_curve(log)
    image(from_file)
    assert from_file == loss_curve(str(log)) == loss_curve([{"step": i, "loss": 3 - i / 50} for i in range(100)])


def test_a_resumed_run_counts_each_step_once():
    once = [{"step": i, "loss": 1.0 + i} for i in range(5)]
    assert loss_curve([{"step": 3, "loss": 99.0}, *once]) == loss_curve(once)


def test_a_long_run_with_evaluation_is_thinned():
    rows = [{"step": i, "loss": 1 / (i + 1)} for i in range(50_000)] + [
        {"step": i, "eval_loss": 0.5} for i in range(0, 50_000, 500)
    ]
    assert {(0, 114, 178), (213, 94, 0)} <= colours(image(loss_curve(rows)))


def test_histograms_of_any_shape():
    for values in ([1], [0, 0, 0], [1, 2, 3, None], [10**i for i in range(6)], [-1.5, 2.5]):
        image(histogram(values, "x", unit="tokens"))


def test_an_odd_title_cannot_break_out_of_the_markdown():
    assert histogram([1, 2], "a](x) ![b\n").startswith("![ax !b](data:")


def test_matplotlib_is_imported_only_when_drawing():
    code = "import sys, ot_assets.pictures, ot_assets.previews; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
