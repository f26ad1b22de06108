"""Wilson's interval of a share.

Belongs here: the formula (E. B. Wilson, "Probable inference, the law of succession, and statistical inference", 1927)
as polars expressions. A count may be a sum of weights. Contract: bounds lie in [0, 1] and hold the share; null where
the count is 0. Pure.
"""

from __future__ import annotations

import polars as pl

LEVEL = 0.95
"""How often an interval should hold the true value."""


def wilson(share: pl.Expr, count: pl.Expr, level: float = LEVEL) -> tuple[pl.Expr, pl.Expr]:
    """The lower and the upper bound of a share that was seen among `count`."""
    from scipy import stats

    z = float(stats.norm.ppf((1 + level) / 2))
    n = pl.when(count > 0).then(count.cast(pl.Float64))
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z * (share * (1 - share) / n + z * z / (4 * n * n)).sqrt() / (1 + z * z / n)
    # what is 0 or 1 but for rounding stays so: the bounds hold the share
    return pl.min_horizontal((middle - half).clip(0, 1), share), pl.max_horizontal((middle + half).clip(0, 1), share)
