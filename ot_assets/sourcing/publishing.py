"""Reads an origin to its end and hands rows, rejected rows and figures to the publication."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ot_assets.progress import report
from ot_assets.registry.specs.origin import ConversationOrigin
from ot_assets.registry.specs.source import QuestionSet
from ot_assets.registry.specs.written import WrittenOrigin
from ot_assets.sourcing.conversations import prompt_rows
from ot_assets.sourcing.read import read_source
from ot_assets.sourcing.rows import SourcingContext
from ot_assets.sourcing.written.source import writer_of

if TYPE_CHECKING:
    from ot_assets.step import Step

_EXAMPLES = 3


def publish_questions(step: Step, spec: QuestionSet, folder: Path) -> Mapping[str, Any]:
    """Writes a source's or a benchmark's questions; what is worth seeing in the UI comes back."""
    mirror = os.environ.get("OT_HUB_MIRROR")
    context = SourcingContext(
        cache=step.services.home.wheels, base=folder, hub_mirror=Path(mirror) if mirror else None, log=report
    )
    writer = writer_of(step, spec, spec.origin) if isinstance(spec.origin, WrittenOrigin) else None
    if writer is not None:
        context = replace(context, written=writer.rows)
    if isinstance(spec.origin, ConversationOrigin):
        context = replace(context, prompts=partial(prompt_rows, step, spec.origin))
    read = skipped = 0
    notes: Counter[str] = Counter()
    facts: dict[str, str] = {}
    examples: list[str] = []
    for batch in read_source(spec, context):
        step.out.write(batch.frame)
        if writer is not None:
            writer.write_parents(batch.frame)
        step.out.drop(batch.rejected)
        step.out.licences(*batch.frame.get_column("licence").unique().to_list())
        read, skipped = read + batch.read, skipped + batch.not_selected
        notes.update(batch.notes)
        facts |= batch.facts
        examples += batch.examples
        report(f"{read:,} rows read")
    step.out.rows_in(read)
    if writer is not None:
        facts |= writer.finish()
    step.out.stat(notes=dict(notes), examples=examples[:_EXAMPLES], not_selected=skipped, **facts)
    return {**notes, **facts, "examples": "\n".join(examples[:_EXAMPLES]) or None}
