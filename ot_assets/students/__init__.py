"""How a student comes to be: token counts with its own tokenizer, training, its card."""
