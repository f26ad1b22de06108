"""Saying aloud that a recipe asked for more than there is.

Belongs here: the warning and the check. A source that is smaller than its share, or a step that is reached by fewer rows than
it is to keep, takes what there is (unless the part says `fill: error`): then the run's log says so, the figures hold it
(`short`), and the check of the data set warns that fewer rows came out than were meant to. Raises nothing.
"""

from __future__ import annotations

from ot_assets.progress import report
from ot_assets.step import Step


def tell_short(step: Step, what: str, short: int) -> None:
    """A warning in the run's log, where rows are lacking."""
    if short:
        line = f"{what}, {short:,} fewer than asked for"
        step.context.log.warning(line)
        report(line)


def expect_rows(step: Step, rows: int) -> None:
    """Tells the data set's suite how many rows were meant to come out at least."""
    from ot_assets.quality.rules import Bounds

    step.suite_facts["rows"] = Bounds(low=max(1, rows))
