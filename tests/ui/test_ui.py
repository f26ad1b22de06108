"""The Dagster UI as a user meets it after the demo: look around, add a teacher, run it and nothing else, see it ranked.

One story, told in order over one state: a test needs those before it.
"""

from __future__ import annotations

import re
from collections import Counter
from importlib.resources import files

import dagster as dg
import pytest
from playwright.sync_api import expect

from resources.artifacts import ArtifactStore
from tests.ui.browser import User
from tests.ui.record import await_runs, await_started, instance, record, why_failed
from tests.ui.server import UiServer

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]

GROUPS = {
    "registry": ("source_spec", "benchmark_spec", "model_spec", "teacher_spec", "recipe_spec"),
    "sourcing": ("sourced_questions", "benchmark_questions"),
    "curation": ("screened_questions", "question_scores", "mixed_pool", "filtered_set"),
    "distillation": ("trace_requests", "traces", "verdicts", "training_set"),
    "students": ("student_model",),
    "conversations": ("contributions", "conversation_trees", "sft_threads", "preference_pairs", "prompts"),
    "evaluation": ("eval_responses", "eval_scores", "baseline_scores", "leaderboard"),
}
SOURCES = (
    "chain-sum", "openbookqa", "more-itertools", "knights-knaves", "mathematics-dataset", "demo-problems", "demo-forum",
)  # fmt: skip
TEACHER = "smollm2-cool"
YAML = """\
description: SmolLM2 at a low temperature.
model: smollm2-135m-instruct
sampling: {temperature: 0.3, max_tokens: 64}
reasoning: null
"""
ASKED = {(asset, f"{source}|{TEACHER}") for asset in ("traces", "verdicts") for source in SOURCES}
TAUGHT = {(asset, f"demo|{TEACHER}") for asset in ("training_set", "student_model", "eval_responses", "eval_scores")}


def test_it_serves_this_machine_only_with_the_templates_settings(ui: UiServer):
    assert ui.listens_at() == {f"127.0.0.1:{ui.port}"}
    template = (files("ot_assets") / "dagster.yaml").read_text()
    assert (ui.home.path / "dagster" / "dagster.yaml").read_text() == template
    with instance(ui.home.path) as opened:
        assert not opened.telemetry_enabled
        assert not opened.nux_enabled
        assert opened.run_monitoring_enabled


def test_a_taken_port_is_told_before_anything_starts(ui: UiServer):
    done = ui.home.ot("ui", "--port", str(ui.port))
    assert done.returncode == 1
    assert f"port {ui.port}" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_graph_shows_every_asset_in_its_group(user: User):
    user.open("/asset-groups")
    graph = user.page.locator("svg")
    for group in GROUPS:
        expect(graph.get_by_text(group, exact=True).first).to_be_visible(timeout=60_000)  # laid out by then
    assert user.page.locator(".dagster-dialog").count() == 0  # nothing asks a newcomer to join anything
    user.page.keyboard.press("Alt+KeyE")  # expands all groups
    for assets in GROUPS.values():
        for asset in assets:
            shown = (
                asset if asset != "benchmark_questions" else re.compile("^benchm.*questions$")
            )  # cut when zoomed out
            expect(graph.get_by_text(shown, exact=True).first).to_be_visible()
    user.photograph("graph")


def test_a_students_materialization_shows_loss_card_and_where_it_lies(ui: UiServer, user: User):
    table = user.partition("student_model", "demo|reference")
    user.photograph("student")
    assert float(user.value(table, "final_loss")) < 1
    assert int(user.value(table, "examples")) > 100
    current = record(ui.home.path).current["student_model", "demo|reference"]
    assert user.value(table, "artifact") == current
    assert user.value(table, "path").strip().endswith(f"student_model/recipe=demo/teacher=reference/{current}")
    with user.shown(table, "loss") as dialog:
        picture = dialog.locator("img[alt='Training loss']")
        picture.wait_for()
        assert picture.evaluate("image => image.complete && image.naturalWidth > 300")
        user.photograph("student-loss")
    with user.shown(table, "card") as dialog:
        heading = dialog.get_by_role("heading").first
        expect(heading).to_have_text("demo × reference")
        expect(dialog.get_by_text("pipeline_tag")).to_have_count(0)  # front matter is for the hub
        for source in ("chain-sum", "openbookqa"):
            expect(dialog.get_by_text(source, exact=True).first).to_be_visible()
        expect(dialog.get_by_text("Decontamination").first).to_be_visible()
        user.photograph("student-card")


def test_a_training_set_shows_counts_preview_columns_and_checks(user: User):
    table = user.partition("training_set", "demo|reference")
    counted = int(user.value(table, "dagster/partition_row_count"))
    assert 0 < counted <= int(user.value(table, "rows_in"))
    with user.shown(table, "preview") as dialog:
        expect(dialog.get_by_text("user:").first).to_be_visible()
        user.photograph("preview")
    user.open("/assets/training_set")
    expect(user.page.get_by_text("source_row", exact=True).first).to_be_visible()  # the Columns panel
    expect(user.page.get_by_text("Examples after the answer filter").first).to_be_visible()
    user.open("/assets/training_set?view=checks&checkDetail=schema")
    expect(user.page.get_by_text("This is a blocking asset check").first).to_be_visible()
    expect(user.page.get_by_text("Passed", exact=True).first).to_be_visible()
    user.photograph("checks")


def test_the_pool_is_listed_with_its_limit(user: User):
    user.open("/deployment/concurrency")
    expect(user.page.locator("body")).to_contain_text(re.compile(r"Pool\s*Limit\s*gpu\s*1"))


def test_a_new_teacher_is_there_after_a_reload(ui: UiServer, user: User):
    folder = ui.registry / "teachers"
    folder.mkdir()
    (folder / f"{TEACHER}.yaml").write_text(YAML)
    user.reload_definitions()
    user.open("/assets/traces?view=partitions")
    expect(user.page.get_by_text(TEACHER, exact=True).first).to_be_visible()


def test_a_run_that_is_terminated_leaves_the_state_whole(ui: UiServer, user: User):
    before, stored = record(ui.home.path), len(ui.home.stored_keys())
    user.launch("ask_teachers", ("chain-sum",), (TEACHER,))
    run = await_started(ui.home.path, before)
    user.open(f"/runs/{run.run_id}")  # at once: a page takes its time on a busy machine, and the run goes on
    expect(user.page.get_by_role("button", name="Terminate").first).to_be_visible()
    while len(ui.home.stored_keys()) == stored:  # not before it has bought something
        user.page.wait_for_timeout(100)
    user.terminate()
    (run,) = await_runs(ui.home.path, before, 1)
    assert run.status == dg.DagsterRunStatus.CANCELED
    after = record(ui.home.path)
    assert not after.made_since(before)
    assert not after.changed_since(before)
    assert len(ui.home.stored_keys()) > stored
    assert not list((ui.home.path / "artifacts" / "traces").rglob(f"*{TEACHER}/.tmp-*"))


def test_a_teachers_partitions_are_backfilled_and_nothing_else(ui: UiServer, user: User):
    before, kept = record(ui.home.path), len(ui.home.stored_keys())
    user.launch("ask_teachers", SOURCES, (TEACHER,))
    runs = await_runs(ui.home.path, before, len(SOURCES))
    for run in runs:
        assert run.status == dg.DagsterRunStatus.SUCCESS, why_failed(ui.home.path, run)
    assert Counter(run.tags["dagster/partition"] for run in runs) == Counter(f"{s}|{TEACHER}" for s in SOURCES)
    after = record(ui.home.path)
    assert after.made_since(before) == Counter(ASKED)
    assert after.changed_since(before) == ASKED
    # Replies that the terminated run had bought were not bought again.
    traces = [
        ArtifactStore(ui.home.path / "artifacts").find(after.current["traces", f"{s}|{TEACHER}"]) for s in SOURCES
    ]
    asked = [found.manifest.stats["asked"] for found in traces if found]
    assert sum(figures["from_store"] for figures in asked) > 0
    assert sum(figures["new"] for figures in asked) == len(ui.home.stored_keys()) - kept
    table = user.partition("traces", f"chain-sum|{TEACHER}")
    assert int(user.value(table, "dagster/partition_row_count")) > 100
    user.photograph("traces")


def test_the_leaderboard_grows_by_the_new_student(ui: UiServer, user: User):
    registry = {"OT_REGISTRY": str(ui.registry)}
    shown_before = {row["model"] for row in ui.home.json("leaderboard", **registry)["scores"]}
    before = record(ui.home.path)
    user.launch("train_and_evaluate", ("demo",), (TEACHER,))
    (run,) = await_runs(ui.home.path, before, 1)
    assert run.status == dg.DagsterRunStatus.SUCCESS, why_failed(ui.home.path, run)
    user.launch("compare_models")
    for run in await_runs(ui.home.path, before, 2):
        assert run.status == dg.DagsterRunStatus.SUCCESS, why_failed(ui.home.path, run)
    after = record(ui.home.path)
    assert after.made_since(before) == Counter(TAUGHT | {("leaderboard", "-")})
    assert after.changed_since(before) == TAUGHT | {("leaderboard", "-")}

    student = f"demo × {TEACHER}"
    table = user.latest("leaderboard")
    with user.shown(table, "leaderboard") as dialog:
        expect(dialog.locator("tr", has=user.page.get_by_text(student, exact=True)).first).to_be_visible()
        user.photograph("leaderboard")
    with user.shown(table, "scores") as dialog:
        assert dialog.locator("img").first.evaluate("image => image.naturalWidth > 300")
        user.photograph("leaderboard-scores")
    board = ui.home.json("leaderboard", **registry)
    assert {row["model"] for row in board["scores"]} == shown_before | {student}
    assert any(student in (pair["a"], pair["b"]) for pair in board["comparisons"])
    fresh = ui.home.json("status", "demo", **registry)
    assert {row["state"] for row in fresh if row["asset"] == "leaderboard"} == {"fresh"}


def test_no_other_host_was_ever_asked(ui: UiServer, user: User):
    assert user.hosts - {""} == {"127.0.0.1"}
    assert ui.talks_to() <= {"127.0.0.1", "::1"}


def test_ctrl_c_leaves_no_process(ui: UiServer):
    assert ui.stop() == []
