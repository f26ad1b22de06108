"""How models are asked benchmark questions, scored, and compared. `assets` holds the Dagster side, nothing else does."""
