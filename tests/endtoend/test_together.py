"""Two `ot run` of the same recipe at the same time: both end well, and everything is made and bought once."""

from __future__ import annotations

import json
from collections import Counter

from tests.endtoend.house import House
from tests.endtoend.server import Endpoint


def test_two_runs_at_the_same_time(house: House, server: Endpoint):
    house.edit("teachers/solver", {"sampling": {"temperature": 0.2}})
    server.seconds = 0.05
    both = [house.start("run", "sums", "--json") for _ in range(2)]
    ended = [process.communicate(timeout=200) for process in both]
    for process, (out, err) in zip(both, ended, strict=True):
        assert process.returncode == 0, out + err
        assert "Traceback" not in err
    reports = [json.loads(out) for out, _ in ended]
    made = Counter(
        (step["asset"], *step["partition"].values())
        for report in reports
        for step in report["steps"]
        if step["outcome"] == "made"
    )
    assert set(made.values()) == {1}, "each partition was made by one of them"
    assert ("student_model", "sums", "solver") in made
    assert all(report["failed"] == 0 and len(report["steps"]) == 20 for report in reports)
    teacher = [body for body in server.bodies if body["temperature"] == 0.2]
    assert len(teacher) == 24
    assert max(Counter(json.dumps(body, sort_keys=True) for body in teacher).values()) == 1
    assert house.problems() == []
    assert house.ot("run", "sums", "--json").json["made"] == 0
