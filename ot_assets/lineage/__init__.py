"""Where everything came from and what became of it, from manifests alone: trees, row paths, fates and cards.

Nothing here asks Dagster: deleted runs and changed upstreams leave an old artifact's lineage as it was. Nothing here
writes to a store. What is missing or damaged is shown as such, with the reason; only a question that makes no sense
(an unknown asset, row or id) is a `UserError`.
"""

from __future__ import annotations
