"""Deduplication: which rows are the same, and which of them stays. The step itself is in `curation.steps.dedup`."""
