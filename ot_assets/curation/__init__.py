"""From sources to the questions a recipe asks: screening, scores, mixing, selection. Pure modules, and their assets."""
