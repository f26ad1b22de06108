"""Conversations: from many people's contributions to ranked trees, chat examples, preference pairs and prompts."""
