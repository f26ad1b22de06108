"""Where questions come from: rows of any origin, put into one shape. No module here but `assets` knows of Dagster.

`read_source` is the way in. One reader an origin (`hub`, `files`, `wheel`, `procedural`, `doctests`), each of which
yields raw rows; `shape` makes a question or a rejected row of each; `read` joins the two, drops repeated questions
and checks gold answers.
"""
