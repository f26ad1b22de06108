r"""Rule `figures`: questions that need a figure which is not there.

Belongs here: what names a figure. Markup (``![](..)``, ``<img``, ``\includegraphics``, [asy], TikZ) outside of code; and words
that point at a figure ("see the figure", "in the diagram", "Figure 2", "the graph shown below"). A word by itself is none:
figure skating, significant figures, to figure out, the graph of a function, a graph's edges, the image of a map, and "draw a
diagram" stay. Pure; the patterns are linear in the length of the text.
"""

from __future__ import annotations

import re

import polars as pl

from ot_assets.curation.cleaning.finding import Place, noted, without_code
from ot_assets.registry.specs.clean import Figures

_IMAGES = re.compile(
    r"!\[[^\]\n]{0,500}\]\([^)\n]{1,2000}\)|!\[[^\]\n]{0,500}\]\[[^\]\n]{1,200}\]|<img\b|<image\b|<svg\b|<figure\b"
    r"|\\includegraphics\b|\\begin\{figure\*?\}|\bdata:image/|\[(?:image|img|picture|figure|diagram)(?::[^\]\n]{0,200})?\]",
    re.IGNORECASE,
)
_DRAWINGS = re.compile(r"\[asy\]|\\begin\{(?:asy|tikzpicture|pspicture|picture)\}", re.IGNORECASE)

_STRONG = r"(?:figures?|fig\.|diagrams?|pictures?|illustrations?|screenshots?|drawings?|sketch|photos?|photographs?)"
_ONE = r"(?:figure|fig\.|diagram|picture|illustration|screenshot|drawing)"
_WEAK = r"(?:graphs?|charts?|images?|maps?|plots?|histograms?)"
_IDIOM = r"(?!\s*(?:skat|out\b|eight\b|of\s+(?:speech|merit|eight)|drawing\b|it\b|that\b|head))"
_KINDS = r"(?:[a-z-]+\s+){0,2}?"
_POINTED = r"accompanying|attached|adjacent|adjoining|following|given|above|below|provided|enclosed|included|displayed"
_POINTING = rf"(?:{_POINTED}|first|second)"
_PLACED = (
    r"(?:(?:below|above)(?=\s*(?:[.,;:?!)\]]|$|(?:shows?|is|are|represents?|depicts?|illustrates?|gives|displays?|and|which|to)\b))"
    r"|(?:on|at|to)\s+(?:the\s+)?(?:right|left)\b|opposite\b|alongside\b)"
)
_SHOWN = r"(?:shown|depicted|pictured|drawn|displayed|illustrated|sketched|provided|attached|given)"
_SHAPES = (
    r"(?:triangles?|circles?|rectangles?|squares?|polygons?|trapezoids?|trapezium|quadrilaterals?|parallelograms?|hexagons?"
    r"|pentagons?|octagons?|circuits?|cubes?|prisms?|pyramids?|cylinders?|cones?|shapes?|solids?|number\s+line|molecules?)"
)

_NUMBERED = r"\b(?:Figure|FIGURE|Fig\.|FIG\.|Diagram|DIAGRAM)\s*\(?\d|\b(?:figure|fig\.?|diagram)\s*\(?(?!8\b)\d"
"""Figure 2, Fig. 3.4; a figure 8 is a shape."""
_WORDS = (
    # see the figure, refer to the attached diagram, look at the picture, see Fig.
    rf"\b(?:see|refer(?:ring)?\s+to|consult|look(?:ing)?\s+at|observe|study|examine|consider|in)"
    rf"\s+(?:the|this|that|these|following)\s+(?:{_POINTING}\s+)?{_STRONG}(?!\w){_IDIOM}",
    rf"\b(?:using|use|from|on|by|with|per)\s+(?:the|this|that|following)\s+(?:{_POINTING}\s+)?{_ONE}(?!\w){_IDIOM}",
    rf"\b(?:see|in|from|refer(?:ring)?\s+to)\s+{_STRONG}(?!\w)\s*(?:\(?\d|below\b|above\b|[.,;:)]|$)",
    # the figure below, the diagram shows, the picture on the right, the diagram shown
    rf"\b(?:the|this|a)\s+{_KINDS}{_STRONG}\s+(?:{_PLACED}|{_SHOWN}\b)",
    r"\b(?:the|this)\s+(?:diagram|figure|picture|illustration|photo|photograph|screenshot)\s+"
    r"(?:shows|depicts|illustrates|represents)\b",
    rf"\b(?:{_POINTED})\s+{_STRONG}(?!\w){_IDIOM}",
    # a graph, chart or image only where something points at it
    rf"\b{_WEAK}\s+(?:{_PLACED}|(?:is\s+|are\s+)?(?:shown|depicted|pictured|displayed|attached)\b)",
    rf"\b(?:accompanying|attached|adjacent|adjoining|enclosed)\s+{_KINDS}{_WEAK}\b",
    # as shown in the figure; the triangle pictured; pictured below
    rf"\b{_SHOWN}\s+(?:in|on|by)\s+(?:the\s+|this\s+)?(?:{_POINTING}\s+)?(?:{_STRONG}|{_WEAK})(?!\w)",
    rf"\b{_SHAPES}(?:\s+[A-Z$][\w$]*)?\s+(?:is\s+|are\s+|as\s+)?(?:shown|pictured|depicted|illustrated|sketched)\b(?!\s+(?:that|to\s+be)\b)",
    r"\b(?:pictured|depicted|illustrated|sketched)\s+(?:below|above|here|at\s+(?:the\s+)?(?:right|left))\b",
    r"\bdrawn\s+to\s+scale\b|\bnot\s+to\s+scale\b",
)
_CASED = re.compile(_NUMBERED)
_NAMED = [re.compile(words, re.IGNORECASE | re.MULTILINE) for words in _WORDS]
_WIDE = (
    r"!\[|<im|<svg|<fig|includegraphics|begin\{|data:image|\[asy|\[im|\[pic|\[fig|\[dia|fig|diagram|picture|illustrat|screenshot"
    r"|drawing|drawn|sketch|photo|graph|chart|image|map|plot|histogram|shown|depicted|scale"
)


def hits(questions: pl.DataFrame, rule: Figures) -> pl.Series:
    """What of each question names a figure."""
    also = [re.compile(pattern, re.IGNORECASE) for pattern in rule.also]
    patterns = [_IMAGES, *([_DRAWINGS] if rule.drawings else []), _CASED, *_NAMED, *also]

    def find(text: str) -> Place | None:
        plain = without_code(text)
        return next((match.span() for pattern in patterns if (match := pattern.search(plain))), None)

    return noted(questions.get_column("question"), "." if also else _WIDE, find)
