"""The response store: every reply that any model gave, raw, by the key of its request. See store."""
