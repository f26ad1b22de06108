"""Deduplication: which rows are the same, and which of them stays. Pure modules; the step itself is in `curation.steps.dedup`."""
