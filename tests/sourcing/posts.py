"""Dumps of forums for tests, shaped like those of Stack Exchange, with every odd case."""

from __future__ import annotations

from collections.abc import Iterable
from xml.sax.saxutils import quoteattr

HEAD = '<?xml version="1.0" encoding="utf-8"?>\n<posts>\n'
CODE = "<p>Print $\\pi &lt; 4$ in <em>few</em> bytes.</p>\n"
CODE += '<pre class="lang-py"><code>print(3.14)\n\nx = 1 &amp;&amp; 2\n</code></pre>'


def row(**values: object) -> str:
    """One `<row .../>` with these attributes."""
    return "  <row " + " ".join(f"{name}={quoteattr(str(value))}" for name, value in values.items()) + " />\n"


def question(number: int, body: str = "<p>How?</p>", title: str = "A title", **more: object) -> str:
    """A question's row."""
    said = {"Id": number, "PostTypeId": 1, "Score": 3, "Title": title, "Body": body, "Tags": "<a><b-c>"}
    return row(**{**said, "ContentLicense": "CC BY-SA 4.0", **more})


def answer(number: int, parent: int, body: str = "<p>So.</p>") -> str:
    """An answer's row."""
    return row(Id=number, PostTypeId=2, ParentId=parent, Score=1, Body=body)


def dump(rows: Iterable[str], end: str = "</posts>\n") -> str:
    """A whole Posts.xml."""
    return HEAD + "".join(rows) + end
