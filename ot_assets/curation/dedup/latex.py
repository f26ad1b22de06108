r"""LaTeX as plain text: what a formula says, without how it is set.

Belongs here: commands and braces. `plain` turns \(\left( x \right)\), $(x)$ and ( x ) into the same characters,
\frac{1}{2} into 1/2, \le and \leq into <=, x^{2} into x^2; a command that it does not know leaves its name. Contract:
the input is lower case already (`unicode_forms.unified`); numbers, signs and names stay, in their order. Linear for
each pass, and the passes are bounded, so hostile nesting costs no more. Raises nothing.
"""

from __future__ import annotations

import re

_PASSES = 12
_LINE_BREAK = re.compile(r"\\\\(?:\s*\[[^\]\s]{0,12}\])?")
_SIZES = re.compile(r"\\(?:left|right|middle|bigg?[lrm]?)(?![a-z])\s*(\.(?!\d))?")
_ENVIRONMENT = re.compile(r"\\(?:begin|end)\s*\{([a-z]{1,20})\*?\}(?:\s*\{[lcr|@ ]{1,20}\})?")
_ALIGNED = re.compile(r"(?<!\\)&(?!&)")
_BETWEEN = re.compile(r"\\\)\s*\\\(")
_SPACES = re.compile(r"\\[,;:> ]|\\q?quad(?![a-z])|(?<!\w)~|~(?=\S)")
_THOUSANDS = re.compile(r"(?<=\d)(?:\{,\}|\\,|\\!)(?=\d{3}(?!\d))")
_DEGREES = re.compile(r"\^\s*(?:\{\s*\\circ\s*\}|\\circ(?![a-z]))")
_PRIMES = re.compile(r"\^\s*(?:\{\s*((?:\\prime\s*)+)\}|(\\prime)(?![a-z]))")
_SHORT_FRACTION = re.compile(r"\\[dtc]?frac\s*(\d|\{[^{}]*\})\s*(\d|\{[^{}]*\})")
_ROOT = re.compile(r"\\sqrt\s*+(?:\[([^\[\]{}]*)\])?\s*+(?:\{([^{}]*)\}|([a-z0-9]))")
_SCRIPT = re.compile(r"([\^_])\s*\{([^{}]*)\}")
_COMMAND = re.compile(r"\\([a-z]+)\*?")
_SIMPLE = re.compile(r"\s*-?[\w.]+\s*$")
_DROPPED = frozenset(
    [
        "text",
        "textbf",
        "textit",
        "textrm",
        "textsf",
        "texttt",
        "textnormal",
        "emph",
        "underline",
        "mathrm",
        "mathbf",
        "mathit",
        "mathsf",
        "mathtt",
        "mathbb",
        "mathcal",
        "mathfrak",
        "mathscr",
        "boldsymbol",
        "bm",
        "operatorname",
        "boxed",
        "fbox",
        "mbox",
        "hbox",
        "ensuremath",
        "displaystyle",
        "textstyle",
        "scriptstyle",
        "limits",
        "nolimits",
        "bf",
        "it",
        "rm",
        "sf",
        "tt",
        "cal",
        "bb",
        "large",
        "small",
        "tiny",
        "normalsize",
        "centering",
        "noindent",
        "par",
        "newline",
        "hline",
        "hfill",
        "vspace",
        "hspace",
        "label",
        "item",
        "phantom",
        "color",
        "mathop",
        "mathrel",
        "mathbin",
        "mathord",
        "nonumber",
        "notag",
        "tag",
        "protect",
        "strut",
    ]
)
_SIGNS = {
    **dict.fromkeys(["cdot", "times", "ast", "bullet"], "*"),
    **dict.fromkeys(["div", "slash"], "/"),
    **dict.fromkeys(["le", "leq", "leqslant", "leqq"], "<="),
    **dict.fromkeys(["ge", "geq", "geqslant", "geqq"], ">="),
    **dict.fromkeys(["ne", "neq"], "!="),
    **dict.fromkeys(["mid", "vert", "lvert", "rvert"], "|"),
    **dict.fromkeys(["to", "rightarrow", "longrightarrow", "mapsto"], "→"),
    **dict.fromkeys(["implies"], "⇒"),
    **dict.fromkeys(["iff", "leftrightarrow"], "⇔"),
    **dict.fromkeys(["land", "wedge"], "∧"),
    **dict.fromkeys(["lor", "vee"], "∨"),
    **dict.fromkeys(["neg", "lnot"], "¬"),
    **dict.fromkeys(["emptyset", "varnothing"], "∅"),
    **dict.fromkeys(["ldots", "dots", "cdots", "dotsc", "dotsb", "vdots", "ddots"], "..."),
    **dict.fromkeys(["pmod", "bmod"], "mod"),
    **dict.fromkeys(["bigcup", "cup"], "∪"),
    **dict.fromkeys(["bigcap", "cap"], "∩"),
    "lt": "<", "gt": ">", "pm": "±", "mp": "∓", "infty": "∞", "leftarrow": "←", "approx": "≈", "equiv": "≡", "cong": "≅",
    "sim": "∼", "simeq": "≃", "propto": "∝", "in": "∈", "notin": "∉", "ni": "∋", "subset": "⊂", "subseteq": "⊆",
    "supset": "⊃", "supseteq": "⊇", "setminus": "∖", "sum": "∑", "prod": "∏", "int": "∫", "iint": "∬", "oint": "∮",
    "partial": "∂", "nabla": "∇", "angle": "∠", "triangle": "△", "perp": "⊥", "parallel": "∥", "forall": "∀", "exists": "∃",
    "oplus": "⊕", "otimes": "⊗", "lfloor": "⌊", "rfloor": "⌋", "lceil": "⌈", "rceil": "⌉", "langle": "⟨", "rangle": "⟩",
    "circ": "∘", "degree": "°", "prime": "'", "backslash": " ", "lbrace": "\ue000", "rbrace": "\ue001", "lbrack": "[",
    "rbrack": "]", "euro": "€", "pounds": "£", "aleph": "ℵ", "hbar": "ℏ", "ell": "l", "sqrt": "sqrt",
    "varepsilon": "epsilon", "varphi": "phi", "vartheta": "theta", "varrho": "rho", "varsigma": "sigma", "varpi": "pi",
}  # fmt: skip


def plain(text: str) -> str:
    """The text without LaTeX's markup; texts without any come back as they are."""
    commands = "\\" in text
    if commands:
        text = _without_layout(text)
    if commands or "{" in text:
        text = _without_braces(text, grouping=commands or "$" in text)
    if commands:
        text = _COMMAND.sub(_named, text).replace("\\", " ")
        text = text.replace("\ue000", "{").replace("\ue001", "}")
    return text


def _without_layout(text: str) -> str:
    if "\\begin" in text:
        text = _ALIGNED.sub(" ", _ENVIRONMENT.sub(" ", text))
    text = _THOUSANDS.sub("", text)
    text = _LINE_BREAK.sub(" ", _SIZES.sub(" ", text))
    text = text.replace("\\{", "\ue000").replace("\\}", "\ue001").replace("\\!", "").replace("\\|", "||")
    text = _BETWEEN.sub(" ", text).replace("\\(", "").replace("\\)", "").replace("\\[", " ").replace("\\]", " ")
    for mark in "%#&_":
        text = text.replace(f"\\{mark}", mark)
    text = _SPACES.sub(" ", text.replace("\\$", " "))
    text = _DEGREES.sub("°", text)
    return _PRIMES.sub(lambda found: "'" * found.group().count("\\prime"), text)


def _without_braces(text: str, *, grouping: bool) -> str:
    """Arguments from the inside out, then the braces that only group."""
    for _ in range(_PASSES):
        before = text
        text = _SCRIPT.sub(lambda m: m.group(1) + _argument(m.group(2)), text)
        text = _ROOT.sub(_root, text)
        text = _SHORT_FRACTION.sub(lambda m: f" {_argument(m.group(1))}/{_argument(m.group(2))} ", text)
        if text == before:
            break
        if grouping and "{" in text:
            text = _bare(text)
    return text.replace("{", " ").replace("}", " ") if grouping else text


_WRAPPED = re.compile(r"\\([a-z]+)\s*\{([^{}]*)\}")


def _bare(text: str) -> str:
    r"""Unwraps \text{..} and its kin, so that what holds them becomes an innermost group."""
    return _WRAPPED.sub(lambda m: f" {m.group(2)} " if m.group(1) in _DROPPED else m.group(), text)


def _argument(inner: str) -> str:
    inner = inner.strip("{} ")
    return inner if _SIMPLE.match(inner) else f"({inner})"


def _root(found: re.Match[str]) -> str:
    degree = f"[{found.group(1)}]" if found.group(1) else ""
    return f" sqrt {degree} {_argument(found.group(2) or found.group(3) or '')} "


def _named(found: re.Match[str]) -> str:
    name = found.group(1)
    return " " if name in _DROPPED else f" {_SIGNS.get(name, name)} "
