"""What each rule of a `clean` step looks for, one module a rule; `rules` lists them.

A rule is pure: it is given questions (columns question, gold, verifier, verifier_args, domain) and says of each row what it
found, as the excerpt that the ledger shows, or null where the row stays.
"""
