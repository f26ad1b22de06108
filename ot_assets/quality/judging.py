"""What Great Expectations says of measured figures, in this process.

Belongs here: the step from figures to GX expectations and back. The batch that GX judges is a data set's profile: one
row, one column a figure. So no cell of the data can reach a report. GX is imported inside functions only (`project`).
Fails with UserError or OSError when the docs' project cannot be written.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from great_expectations import ExpectationSuite
    from great_expectations.expectations.expectation import Expectation


@dataclass(frozen=True)
class Held:
    """One figure and what it is held against; None means open."""

    name: str
    value: float | None
    low: float | None
    high: float | None
    says: str
    """What is expected, as HTML may show it."""


@dataclass(frozen=True)
class Profile:
    """All figures of one version of a data set, and where the validation is recorded."""

    suite: str
    run_name: str
    figures: tuple[Held, ...]
    home: str | None = None
    """The state folder; None records nothing."""

    def to_json(self) -> str:
        """One line."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, line: str) -> Profile:
        """What `to_json` wrote. Raises ValueError, KeyError or TypeError for anything else."""
        said = json.loads(line)
        return cls(said["suite"], said["run_name"], tuple(Held(**figure) for figure in said["figures"]), said["home"])


def judge(profile: Profile) -> dict[str, bool]:
    """GX's word on each figure, by its name."""
    import pandas as pd

    from ot_assets.quality import project

    rows = pd.DataFrame({figure.name: [figure.value] for figure in profile.figures})
    expectations = as_suite(profile.suite, profile.figures)
    if profile.home is None:
        said = project.validate(rows, expectations)
    else:
        said = project.record(Path(profile.home), rows, expectations, profile.run_name)
    return {str(r["expectation_config"]["kwargs"]["column"]): bool(r["success"]) for r in said}


def as_suite(name: str, figures: Sequence[Held]) -> ExpectationSuite:
    """The figures' bounds as a GX suite over a profile."""
    from ot_assets.quality import project

    suite: ExpectationSuite = project.gx().ExpectationSuite(name=name, expectations=[_expectation(f) for f in figures])
    return suite


def _expectation(figure: Held) -> Expectation:
    from ot_assets.quality import project

    expectation: Expectation = project.gx().expectations.ExpectColumnMaxToBeBetween(
        column=figure.name, min_value=figure.low, max_value=figure.high, description=figure.says, severity="warning"
    )
    return expectation
