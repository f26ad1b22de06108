"""Scores of questions: a figure a question, one column a score, made once a source and shared by all recipes.

``making`` builds a scorer of each score, ``table`` lets them fill their columns; a scorer is handed only the rows that the
version before does not answer (``known``). ``asked`` speaks to models (``prompts``, ``replies``), ``likeness`` and ``meaning``
learn from ``examples``, ``chance`` draws. Every score is a number or null, and why it is null is counted.
"""
