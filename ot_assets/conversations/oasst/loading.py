"""What `datasets` must be told to load what was written.

Belongs here: `features`. Without them `datasets` takes the types of a file of lines from its first 10 MB, and gives up where
a later line has a score, a model's name or a deeper reply that none of those had. Parquet needs nothing. Labels and emojis of
lines, and the prompt of a tree line, are JSON to it, whose numbers it keeps to ten digits; parquet keeps them whole.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ot_assets.conversations.oasst.published import OF_TREE, arrow_schema

if TYPE_CHECKING:
    from datasets import Features

    from ot_assets.conversations.oasst.writing import Form


def features(form: Form) -> Features:
    """For `datasets.load_dataset("json", data_files=..., features=features("trees"))`, and so for each form."""
    from datasets import Features, Json, Value

    if form == "trees":
        return Features({**dict.fromkeys(OF_TREE, Value("string")), "prompt": Json()})
    found = Features.from_arrow_schema(arrow_schema())
    return Features({**found, "emojis": Json(), "labels": Json()}) if form == "messages" else found
