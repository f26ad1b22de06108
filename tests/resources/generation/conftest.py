"""torch in these tests shares the machine with other work."""

from __future__ import annotations

from resources.generation.threads import calm_threads

calm_threads()
