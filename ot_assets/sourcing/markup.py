r"""HTML of forum posts as Markdown, with formulas left as they are.

Code stands in fences (with its language where the post says it), MathJax between dollars stays letter for letter: no
backslash, underscore or star is escaped. Scripts, styles and comments are gone; pictures and links stay visible, so that
cleaning can find them. By `markdownify`, a well-kept library over BeautifulSoup, which also reads HTML that is broken.
Pure. Fails with ValueError for HTML that is nested too deeply to be read.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any

_BLANKS = re.compile(r"[ \t]+\n")
_GAPS = re.compile(r"\n{3,}")
_LANGUAGE = re.compile(r"^lang(?:uage)?-([\w+#-]+)$")
_PLAIN = frozenset({"none", "default", "text"})


def as_markdown(html: str) -> str:
    """A post's HTML as Markdown. ValueError where it cannot be read."""
    if "<" not in html and "&" not in html:
        return html.strip()
    try:
        text: str = _converter().convert(html)
    except RecursionError:
        raise ValueError("its HTML is nested too deeply") from None
    return _outside_fences(text).strip()


def _outside_fences(text: str) -> str:
    """Without the gaps that conversion leaves between blocks; what stands in fences is left alone."""
    parts = re.split(r"(^```.*?^```$)", text, flags=re.MULTILINE | re.DOTALL)
    return "".join(part if i % 2 else _GAPS.sub("\n\n", _BLANKS.sub(_break, part)) for i, part in enumerate(parts))


def _break(match: re.Match[str]) -> str:
    """A hard line break is two blanks; other blanks at a line's end are nothing."""
    return "  \n" if match[0] == "  \n" else "\n"


@cache
def _converter() -> Any:
    """The converter with our settings; one for the process."""
    from markdownify import MarkdownConverter

    class Posts(MarkdownConverter):
        """Powers and indices in one line, as people write them."""

        def convert_sup(self, el: Any, text: str, parent_tags: Any) -> str:
            """`10<sup>5</sup>` is `10^5`."""
            return _raised("^", text)

        def convert_sub(self, el: Any, text: str, parent_tags: Any) -> str:
            """`H<sub>2</sub>O` is `H_2O`."""
            return _raised("_", text)

        def convert_script(self, el: Any, text: str, parent_tags: Any) -> str:
            """Nothing of it is text."""
            return ""

        convert_style = convert_script

    return Posts(
        heading_style="ATX",
        bullets="-",
        escape_asterisks=False,
        escape_underscores=False,
        escape_misc=False,
        code_language_callback=_language,
    )


def _raised(sign: str, text: str) -> str:
    text = text.strip()
    return (f"{sign}{text}" if re.fullmatch(r"\w|-?\d+", text) else f"{sign}({text})") if text else ""


def _language(pre: Any) -> str | None:
    """The language that a code block's class names."""
    classes = list(pre.get("class") or [])
    inner = pre.find("code")
    classes += list(inner.get("class") or []) if inner is not None else []
    found = next((match[1] for name in classes if (match := _LANGUAGE.match(name))), None)
    return None if found in _PLAIN else found
