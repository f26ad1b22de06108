"""Questions that a model writes: parents -> calls -> replies -> what is no near copy, supported, agreed on -> rows.

`parents` says from what, `sequence` which parents meet in which call, `prompts` what is asked, `replies` what came,
`near`, `support` and `agree` what of it stays, `writing` puts them together. No module here knows of Dagster; models
are asked through the response store only, so the same spec is paid once.
"""
