"""Chance that is the same every time: a generator of numbers for one purpose at one event.

Belongs here: how the seed of a draw comes from the settings' seed, the language and the event, so that neither the
process nor what was folded before matters. Pure.
"""

from __future__ import annotations

import random
from hashlib import blake2b
from typing import TYPE_CHECKING

from ot_assets.conversations.events import Event

if TYPE_CHECKING:
    from ot_assets.conversations.fold import Fold


def chance(fold: Fold, event: Event, purpose: str) -> random.Random:
    """A generator for this purpose at this event."""
    said = f"{fold.settings.seed}\0{fold.name}\0{event.event_id}\0{purpose}"
    return random.Random(int.from_bytes(blake2b(said.encode(), digest_size=16).digest(), "little"))
