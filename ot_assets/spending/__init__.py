"""What was spent and what may be: purposes of stored replies, budgets over them, and the bill of a recipe.

What belongs here: everything that reads money, tokens and hours out of the response store and the manifests. Contract:
reads only. A price that nobody states makes a cost "not known", never 0.
"""
