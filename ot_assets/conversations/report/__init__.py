"""A report on conversations: one HTML page from the rows of `conversation_trees`."""
