"""Keeps secrets out of manifests.

What belongs here: one look at a manifest before it is written. Secrets come from the environment only, so a manifest
that holds the value of a variable named like one is refused with a UserError that names the variable, never the value.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping

from resources.errors import UserError

_NAMES = re.compile(r"(^|_)(API_?KEY|ACCESS_?KEY|KEY_ID|TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIALS?)(_|$)", re.IGNORECASE)
_SHORTEST = 12
"""Shorter values are settings, and would be found in any text."""


def refuse_secrets(text: str, place: str, environ: Mapping[str, str] | None = None) -> None:
    """Raises UserError when the text holds the value of a variable that is named like a secret."""
    for name, value in (os.environ if environ is None else environ).items():
        if _NAMES.search(name) and len(value) >= _SHORTEST and value in text:
            raise UserError(
                f"{place} would hold the value of the environment variable {name}; nothing was published",
                fix="name the variable (api_key_env) in the spec instead of its value, and keep it out of stats and checks",
            )
