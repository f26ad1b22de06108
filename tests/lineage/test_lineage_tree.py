from __future__ import annotations

import json
import shutil
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lineage_house import OTHER_RECIPE, RECIPE, House

from ot_assets.lineage.graph import Ref, reachable
from ot_assets.lineage.layout import BOX_HEIGHT, BOX_WIDTH, picture
from ot_assets.lineage.page import as_html
from ot_assets.lineage.render import as_dict, as_json, as_mermaid, as_text
from ot_assets.lineage.tree import Node, lineage, tree
from resources.artifacts import Input, Manifest, Partition
from resources.errors import UserError

STUDENT = Partition({"recipe": RECIPE, "teacher": "pupil"})


def by_name(node: Node) -> dict[str, Node]:
    return {f"{n.asset}[{n.partition}]": n for n in node.walk()}


def test_a_students_tree_names_every_source_and_counts_every_row(built: House) -> None:
    node = lineage(built.store, "student_model", STUDENT)
    nodes = by_name(node)
    assert {n for n in nodes if n.startswith("sourced_questions")} == {
        "sourced_questions[sums]",
        "sourced_questions[facts]",
    }
    assert len(nodes) == len(list(node.walk())) == 15
    for n in nodes.values():
        manifest = built.store.get(n.asset, n.partition, n.artifact).manifest
        assert (n.content_hash, n.spec_hash, n.commit) == (manifest.content_hash, manifest.spec_hash, manifest.commit)
        assert n.reason == ""
        if n.rows_in is not None:
            assert n.rows_in == (n.rows_out or 0) + sum(n.dropped.values())
    assert nodes["sourced_questions[sums]"].dropped == {"duplicate": 1, "no_text": 1}
    assert nodes["sourced_questions[sums]"].licences == ("Apache-2.0",)


def test_what_is_reached_twice_is_one_node(built: House) -> None:
    node = lineage(built.store, "student_model", STUDENT)
    training = node.inputs[0]
    requests = by_name(node)["trace_requests[sums]"]
    chosen = next(n for n in training.inputs if n.asset == "filtered_set")
    assert requests.inputs[0] is chosen


def test_json_has_exactly_the_promised_keys_and_nests(built: House) -> None:
    found = json.loads(as_json(lineage(built.store, "student_model", STUDENT)))
    keys = {"asset", "partition", "artifact", "content_hash", "spec_hash", "commit", "rows_in", "rows_out", "dropped"}
    stack = [found]
    while stack:
        entry = stack.pop()
        assert set(entry) == keys | {"licences", "inputs"}
        stack += entry["inputs"]
    assert found["partition"] == {"recipe": RECIPE, "teacher": "pupil"}
    assert found["inputs"][0]["dropped"].keys() == {"wrong"}


def test_an_old_student_keeps_its_lineage_when_everything_upstream_changes(house: House) -> None:
    before = lineage(house.store, "student_model", STUDENT)
    house.revision["sums"] = 3
    house.sources("sums")
    house.downstream()
    after = lineage(house.store, "student_model", STUDENT)
    assert after.artifact != before.artifact
    old = lineage(house.store, "student_model", STUDENT, before.artifact)
    assert as_json(old) == as_json(before)
    assert as_json(after) != as_json(before)
    ids = {n.artifact for n in after.walk() if n.asset == "sourced_questions" and n.partition["source"] == "sums"}
    assert ids == {house.current("sourced_questions", source="sums").artifact_id}
    assert not ids & {n.artifact for n in old.walk()}


def test_a_second_recipe_does_not_change_what_was_made_before_it(house: House) -> None:
    before = as_json(lineage(house.store, "student_model", STUDENT))
    house.downstream(OTHER_RECIPE, ("reference",))
    assert as_json(lineage(house.store, "student_model", STUDENT)) == before


def test_a_version_can_be_named_by_the_beginning_of_its_id(built: House) -> None:
    whole = built.current("student_model", **STUDENT.as_dict()).artifact_id
    assert lineage(built.store, "student_model", STUDENT, whole[:6]).artifact == whole
    with pytest.raises(UserError, match="fits no version"):
        lineage(built.store, "student_model", STUDENT, "zz")
    with pytest.raises(UserError, match="no artifact '0000"):
        lineage(built.store, "student_model", STUDENT, "0" * 20)


def test_an_artifact_that_was_never_made_says_what_was(built: House) -> None:
    with pytest.raises(UserError, match=r"has not been made\n.*mix\|pupil, mix\|reference"):
        lineage(built.store, "student_model", {"recipe": "nope", "teacher": "pupil"})
    with pytest.raises(UserError, match="ot run"):
        lineage(built.store, "leaderboard", {})


@pytest.mark.parametrize("harm", ["cut", "removed", "gone", "other", "altered", "bad_key"])
def test_a_lost_or_damaged_input_is_a_node_with_a_reason(house: House, harm: str) -> None:
    found = house.current("filtered_set", recipe=RECIPE).manifest
    path = house.path(found, "manifest.json")
    text = path.read_text()
    if harm == "cut":
        path.write_text(text[:100])
    elif harm == "removed":
        path.unlink()
    elif harm == "gone":
        shutil.rmtree(path.parent)
    elif harm == "other":
        path.write_text(text.replace(found.artifact_id, "0" * 20, 1))
    elif harm == "altered":
        path.write_text(text.replace(found.content_hash, "0" * 64))
    else:
        path.write_text(text.replace('"recipe": "mix"', '"recipe": "../mix"'))
    node = lineage(house.store, "student_model", STUDENT)
    broken = by_name(node)[f"filtered_set[{RECIPE}]"]
    assert broken.reason and broken.artifact == found.artifact_id
    assert "\n" not in broken.reason
    text = as_text(node)
    assert "✗" in text and broken.reason[:30] in text.replace("\n", " ")
    assert any(entry.get("reason") for entry in as_dict(node)["inputs"][0]["inputs"])
    assert "cannot be vouched for" in as_html(node)
    assert "sourced_questions[sums]" in by_name(node), "what is reached another way is still there"


class Manifests:
    """Only what the graph asks of a store: manifests by id."""

    def __init__(self, manifests: dict[str, Manifest]) -> None:
        self.manifests = manifests

    def get(self, asset: str, partition: Partition, artifact_id: str) -> Holder:
        if artifact_id not in self.manifests:
            raise UserError(f"no artifact {artifact_id}")
        return Holder(self.manifests[artifact_id])


class Holder:
    def __init__(self, manifest: Manifest) -> None:
        self.manifest = manifest


def manifest(number: int, inputs: list[int], lie: bool = False) -> Manifest:
    return Manifest(
        asset=f"asset_{number % 4}",
        partition={"source": f"s{number}"},
        artifact_id=f"{number:020x}",
        content_hash=f"{number + 1000 * lie:064x}",
        created_at="2026-01-01T00:00:00+00:00",
        spec_hash="0" * 64,
        code_version="1",
        rows_out=number,
        inputs=[
            Input(
                asset=f"asset_{i % 4}", partition={"source": f"s{i}"}, artifact_id=f"{i:020x}", content_hash=f"{i:064x}"
            )
            for i in inputs
        ],
    )


def ref(number: int) -> Ref:
    return Ref(f"asset_{number % 4}", Partition({"source": f"s{number}"}), f"{number:020x}")


@st.composite
def graphs(draw: st.DrawFn) -> tuple[dict[int, list[int]], set[int], set[int]]:
    """Edges (some may run backwards and close a circle), artifacts that are gone, and some that are not what was recorded."""
    size = draw(st.integers(1, 14))
    everyone = st.integers(0, size - 1)
    edges = {i: draw(st.lists(st.integers(i + 1, size), max_size=4, unique=True)) for i in range(size)}
    if draw(st.booleans()):
        edges[draw(everyone)].append(draw(everyone))
    gone = draw(st.sets(st.integers(1, size), max_size=3))
    return edges, gone | {size}, draw(st.sets(everyone, max_size=2)) - gone


@settings(max_examples=150, deadline=None)
@given(graphs())
def test_any_graph_ends_and_shows_everything_once(drawn: tuple[dict[int, list[int]], set[int], set[int]]) -> None:
    edges, gone, lying = drawn
    manifests = {f"{i:020x}": manifest(i, to, i in lying) for i, to in edges.items() if i not in gone}
    graph = reachable(Manifests(manifests), [ref(0)])  # type: ignore[arg-type]
    node = tree(graph, ref(0))
    expected, stack = set(), [0]
    while stack:
        number = stack.pop()
        if number not in expected:
            expected.add(number)
            stack += [] if number in gone else edges.get(number, [])
    assert {n.ref for n in node.walk()} == {ref(i) for i in expected} == set(graph.vertices)
    for n in node.walk():
        number = int(n.artifact, 16)
        assert (number in gone) <= bool(n.reason)
        assert (number in lying and number != 0) <= bool(n.reason)
    assert {v.ref for v in graph.ancestors(ref(0))} == {ref(i) for i in expected - {0}}
    text, chart = as_text(node), as_mermaid(node)
    assert all(f"s{i}  " in text and f"s{i}<br/>" in chart for i in expected)
    assert chart.count("-->") == sum(len(n.inputs) for n in node.walk())
    json.loads(as_json(node))
    drawing = picture(node)
    rows: dict[float, list[float]] = {}
    for box in drawing.boxes:
        assert 0 <= box.x <= drawing.width - BOX_WIDTH and 0 <= box.y <= drawing.height - BOX_HEIGHT
        rows.setdefault(box.y, []).append(box.x)
    for places in rows.values():
        ordered = sorted(places)
        assert all(b - a >= BOX_WIDTH for a, b in pairwise(ordered))
    assert len(drawing.boxes) == len(list(node.walk()))


def test_diamonds_upon_diamonds_stay_small() -> None:
    """Sixty diamonds are 2**60 ways: every rendering must go by artifacts, not by ways."""
    manifests = {}
    for i in range(60):
        manifests |= {f"{n:020x}": m for n, m in (
            (3 * i, manifest(3 * i, [3 * i + 1, 3 * i + 2])),
            (3 * i + 1, manifest(3 * i + 1, [3 * i + 3])),
            (3 * i + 2, manifest(3 * i + 2, [3 * i + 3])),
        )}  # fmt: skip
    manifests[f"{180:020x}"] = manifest(180, [])
    node = tree(reachable(Manifests(manifests), [ref(0)]), ref(0))  # type: ignore[arg-type]
    assert len(list(node.walk())) == 181
    assert as_text(node, width=4000).count("s180  ") == 2
    found = json.loads(as_json(node))
    stack, full, again = [found], 0, 0
    while stack:
        entry = stack.pop()
        again += entry.get("repeated", False)
        full += not entry.get("repeated", False)
        stack += entry["inputs"]
    assert again == 59 and full == 182, "each sub-tree once, then by name; a leaf is never worth a reference"
    assert as_html(node).count("<details") == 181
    assert "Node" in repr(node) and len(repr(node)) < 1000
