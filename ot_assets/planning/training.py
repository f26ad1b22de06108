"""How long training takes, from students that were trained from the same base before.

Contract: reads manifests only. The pace is the slowest, mean and fastest of those runs, on whatever device they ran; the same
recipe on another device takes another time. None where no student of that base was trained here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ot_assets.planning.estimates import FACTOR, Range

if TYPE_CHECKING:
    from resources.artifacts import ArtifactStore


@dataclass(frozen=True)
class TrainingPace:
    """Tokens a second of earlier trainings: `slowest`, `mean`, `fastest`, of how many, and on what."""

    slowest: float
    mean: float
    fastest: float
    students: int
    devices: tuple[str, ...]

    def hours(self, tokens: int) -> Range:
        """Hours for so many tokens. A single run says nothing of the spread: a factor of two each way is taken."""
        slow, fast = (self.slowest, self.fastest) if self.students > 1 else (self.mean / FACTOR, self.mean * FACTOR)
        return Range(tokens / fast / 3600, tokens / self.mean / 3600, tokens / slow / 3600)

    @property
    def basis(self) -> str:
        """What the hours rest on."""
        count = "1 student" if self.students == 1 else f"{self.students} students"
        return f"{self.mean:,.0f} tokens/s of {count} on {', '.join(self.devices)}"


def training_pace(store: ArtifactStore, base: Mapping[str, Any]) -> TrainingPace | None:
    """The pace of the students that were trained from a base with this identity."""
    from resources.artifacts import DamagedArtifact

    paces, devices = list[float](), dict[str, None]()
    for partition in store.partitions("student_model"):
        try:
            found = store.current("student_model", partition)
        except DamagedArtifact:
            continue
        figures = found.manifest.stats.get("training", {}) if found is not None else {}
        if found is not None and found.manifest.spec.get("base") == base and figures.get("tokens_per_second"):
            paces.append(float(figures["tokens_per_second"]))
            devices[str(figures.get("device", "an unknown device"))] = None
    if not paces:
        return None
    return TrainingPace(min(paces), sum(paces) / len(paces), max(paces), len(paces), tuple(devices))
