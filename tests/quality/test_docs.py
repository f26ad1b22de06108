"""Data Docs: they hold the results, need no network, survive crashes and concurrent processes."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from ot_assets.quality import SuiteContext, build_docs, run_suite
from ot_assets.quality.project import KEEP, folder_name, site_folder, validations_folder
from resources.errors import UserError

from .frames import questions, traces

ADDRESS = re.compile(r"(?:src|href)=[\"']?(?:https?:)?//|url\(['\"]?https?:|@import|<script[^>]*src")


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    """A state folder in which three data sets were validated, one of them with faults, once with a previous version."""
    folder = tmp_path_factory.mktemp("home")
    run_suite("questions", questions(30), None, SuiteContext("sourced_questions", "aime"), folder)
    bad = traces(30, finish_reason="length", reasoning_closed=False)
    run_suite("traces", bad, traces(200), SuiteContext("traces", "aime|r1"), folder)
    run_suite("traces", traces(30), None, SuiteContext("traces", "aime|reference"), folder)
    return folder


def pages(folder: Path) -> dict[str, str]:
    return {str(p.relative_to(folder)): p.read_text() for p in folder.rglob("*.html")}


def test_the_index_lists_suites_and_latest_validations(home):
    index = build_docs(home)
    assert index == site_folder(home) / "index.html"
    text = index.read_text()
    for name in ("questions", "traces", "verdicts", "training_set", "scores"):
        assert f'href="expectations/{name}.html"' in text
    assert "sourced_questions aime" in text and "traces aime, r1" in text and "traces aime, reference" in text
    assert text.count("✗ failed") == 1 and text.count("✓ met") == 2
    for link in re.findall(r'href="([^"]+)"', text):
        assert (index.parent / link.replace("%20", " ").replace("%2C", ",").replace("%3D", "=")).exists(), link


def test_a_page_holds_expectation_figure_and_offending_rows_and_no_text_of_the_data(home):
    build_docs(home)
    found = {name: page for name, page in pages(site_folder(home)).items() if "aime, r1" in name}
    (page,) = found.values()
    assert "At least three quarters of the replies end their reasoning (at least 0.75; rows such as t0" in page
    assert "At least half of the previous traces are still there" in page
    assert re.search(r"<span[^>]*>\s*0\.15\s*<|>0\.15<", page)  # 30 of 200 traces are still there
    assert "Failed" in page
    assert "secret thought" not in page


def test_no_page_loads_anything_from_elsewhere(home):
    build_docs(home)
    for name, page in pages(site_folder(home)).items():
        assert not ADDRESS.search(page), (name, ADDRESS.search(page))
        assert "dataContextId" not in page
    config = (home / "gx" / "great_expectations.yml").read_text()
    assert "analytics_enabled: false" in config


def test_only_new_pages_are_built_and_old_ones_go(tmp_path):
    known = SuiteContext("sourced_questions", "aime")
    for _ in range(KEEP + 2):
        run_suite("questions", questions(5), None, known, tmp_path)
        build_docs(tmp_path)
    built = list((site_folder(tmp_path) / "validations").rglob("*.html"))
    assert len(built) == KEEP
    stamps = {p: p.stat().st_mtime_ns for p in built}
    run_suite("questions", questions(5), None, SuiteContext("sourced_questions", "other"), tmp_path)
    assert build_docs(tmp_path).read_text().count("✓ met") == 2
    assert {p: p.stat().st_mtime_ns for p in built} == stamps


def test_without_any_validation_the_docs_say_so(tmp_path):
    assert "Nothing has been validated yet" in build_docs(tmp_path).read_text()


def test_a_torn_validation_is_dropped_and_a_torn_project_made_anew(tmp_path):
    for partition in ("a", "b"):
        run_suite("questions", questions(5), None, SuiteContext("sourced_questions", partition), tmp_path)
    torn = next((validations_folder(tmp_path) / "questions" / "sourced_questions a").rglob("*.json"))
    torn.write_bytes(torn.read_bytes()[:100])
    (tmp_path / "gx" / "great_expectations.yml").write_text("stores: [")
    index = build_docs(tmp_path).read_text()
    assert "sourced_questions b" in index
    assert "sourced_questions a<" not in index
    run_suite("questions", questions(5), None, SuiteContext("sourced_questions", "a"), tmp_path)
    assert "sourced_questions a<" in build_docs(tmp_path).read_text()


WORKER = """
import sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from quality.frames import questions
from ot_assets.quality import SuiteContext, build_docs, run_suite
home, name = Path(sys.argv[1]), sys.argv[2]
for i in range(2):
    assert run_suite("questions", questions(20), None, SuiteContext("sourced_questions", name + str(i)), home).passed
build_docs(home)
"""


def test_processes_at_once_do_not_corrupt_it(tmp_path):
    code = WORKER.format(tests=str(Path(__file__).parents[1]))
    environment = {**os.environ, "PYTHONWARNINGS": "ignore"}
    started = [
        subprocess.Popen([sys.executable, "-c", code, str(tmp_path), name], env=environment, stderr=subprocess.PIPE)
        for name in ("left", "right")
    ]
    for process in started:
        _, errors = process.communicate(timeout=300)
        assert process.returncode == 0, errors.decode()
    index = build_docs(tmp_path).read_text()
    assert index.count("✓ met") == 4
    recorded = [json.loads(p.read_bytes()) for p in validations_folder(tmp_path).rglob("*.json")]
    assert len(recorded) == 4 and all(r["success"] for r in recorded)


def test_a_folder_that_cannot_be_made_is_told_plainly(tmp_path):
    (tmp_path / "gx").write_text("in the way")
    with pytest.raises(UserError, match="gx"):
        run_suite("questions", questions(5), None, SuiteContext("x"), tmp_path)


def test_odd_partitions_make_one_folder():
    assert folder_name("traces aime|r1") == "traces aime, r1"
    assert folder_name("a/../b\\c:*") == "a .. b c"
    assert folder_name("…") == "-"


def test_importing_it_does_not_import_great_expectations():
    code = "import sys, ot_assets.quality; sys.exit(any(m in sys.modules for m in ('great_expectations', 'pandas')))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
