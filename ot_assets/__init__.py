"""Reasoning models from data recipes: every data set and model a partition of a Dagster asset.

Rooms: `registry` (specs and their YAML), `sourcing`, `curation`, `distillation`, `verification`, `students`, `evaluation`,
`lineage`. `graph` says what each partition is made from, `definitions` puts everything together, `cli` is `ot`.
"""
