r"""2,000 distinct pairs of a gold answer and a reply to judge, of the shapes that mathematics data has.

Deterministic: the same list in every run, each pair once. `kind` says what a pair is for; `hostile` pairs hang a computer
algebra system or eat its memory, in the gold answer or in the reply. About half of the others are right answers in another
form, the rest wrong or unreadable ones.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice

SIZE = 2_000
HOSTILE = 60


@dataclass(frozen=True)
class Pair:
    """A gold answer, a reply, and what kind of pair it is."""

    kind: str
    gold: str
    reply: str
    hostile: bool = False


Maker = Callable[[random.Random], tuple[str, str]]


def pairs(size: int = SIZE, hostile: int = HOSTILE, seed: int = 17) -> list[Pair]:
    """`size` distinct pairs, `hostile` of them hostile, mixed."""
    draw = random.Random(seed)
    made: dict[tuple[str, str], Pair] = {}
    for pair in islice(_hostile(), hostile):
        made[pair.gold, pair.reply] = pair
    names = list(MAKERS)
    turn = 0
    while len(made) < size:
        kind = names[turn % len(names)]
        gold, text = MAKERS[kind](draw)
        reply = _said(draw, text)
        made.setdefault((gold, reply), Pair(kind, gold, reply))
        turn += 1
    mixed = list(made.values())
    draw.shuffle(mixed)
    return mixed


def _said(draw: random.Random, text: str) -> str:
    """The answer as models state it."""
    work = f"We compute step by step: {draw.randint(2, 999)} and {draw.randint(2, 999)} give what follows."
    if "__" in text:
        return text.replace("__", work)
    forms = (
        rf"{work} So \boxed{{{text}}}.",
        rf"\boxed{{{text}}}",
        rf"{work}\n\nThe final answer is $\boxed{{{text}}}$.",
    )
    return draw.choice(forms)


def _maybe(draw: random.Random, right: str, wrong: str) -> str:
    return right if draw.random() < 0.55 else wrong


def _integer(draw: random.Random) -> tuple[str, str]:
    n = draw.randint(-5_000_000, 5_000_000)
    return str(n), _maybe(draw, f"{n:,}" if draw.random() < 0.3 else str(n), str(n + draw.randint(1, 9)))


def _decimal(draw: random.Random) -> tuple[str, str]:
    n = draw.randint(1, 99_999) / draw.choice((10, 100, 1000))
    return f"{n:g}", _maybe(draw, f"{n:g}0" if "." in f"{n:g}" else f"{n:g}.0", f"{n + 0.125:g}")


def _fraction(draw: random.Random) -> tuple[str, str]:
    a, b, k = draw.randint(1, 400), draw.randint(2, 400), draw.randint(2, 7)
    form = draw.choice((r"\frac{%d}{%d}", r"\dfrac{%d}{%d}", "%d/%d", r"\tfrac{%d}{%d}"))
    return rf"\frac{{{a}}}{{{b}}}", form % _maybe_pair(draw, (a * k, b * k), (a * k + 1, b * k))


def _maybe_pair(draw: random.Random, right: tuple[int, int], wrong: tuple[int, int]) -> tuple[int, int]:
    return right if draw.random() < 0.55 else wrong


def _root(draw: random.Random) -> tuple[str, str]:
    a, b = draw.randint(2, 60), draw.choice((2, 3, 5, 6, 7, 10, 11, 13))
    return rf"{a}\sqrt{{{b}}}", _maybe(draw, rf"\sqrt{{{a * a * b}}}", rf"\sqrt{{{a * a * b + 1}}}")


def _nested_root(draw: random.Random) -> tuple[str, str]:
    a, b = draw.randint(2, 40), draw.choice((2, 3, 5, 7))
    return rf"\sqrt[3]{{{a}}}+{b}", _maybe(draw, rf"{b}+{a}^{{1/3}}", rf"{b}+{a}^{{1/2}}")


def _polynomial(draw: random.Random) -> tuple[str, str]:
    a, b = draw.randint(-30, 30), draw.randint(-30, 30)
    gold = f"x^2{a + b:+d}x{a * b:+d}"
    return gold, _maybe(draw, f"(x{a:+d})(x{b:+d})", f"(x{a:+d})(x{b + 1:+d})")


def _pi(draw: random.Random) -> tuple[str, str]:
    a, b = draw.randint(1, 90), draw.randint(2, 60)
    return rf"\frac{{{a}\pi}}{{{b}}}", _maybe(draw, rf"\frac{{{a}}}{{{b}}}\pi", rf"\frac{{{a + 1}\pi}}{{{b}}}")


def _interval(draw: random.Random) -> tuple[str, str]:
    a = draw.randint(-300, 300)
    b = a + draw.randint(1, 300)
    left, right = draw.choice("(["), draw.choice(")]")
    other = "[" if left == "(" else "("
    return f"{left}{a},{b}{right}", _maybe(draw, rf"\left{left}{a}, {b}\right{right}", f"{other}{a},{b}{right}")


def _infinite_interval(draw: random.Random) -> tuple[str, str]:
    a = draw.randint(-900, 900)
    return rf"[{a},\infty)", _maybe(draw, rf"\left[{a}, +\infty\right)", rf"({a},\infty)")


def _union(draw: random.Random) -> tuple[str, str]:
    a = draw.randint(-99, 99)
    b, c = a + draw.randint(1, 20), a + draw.randint(30, 60)
    gold = rf"(-\infty,{a})\cup({b},{c})"
    return gold, _maybe(draw, rf"({b},{c}) \cup (-\infty,{a})", rf"(-\infty,{a})\cup({b},{c + 1})")


def _set(draw: random.Random) -> tuple[str, str]:
    items = draw.sample(range(-99, 99), draw.randint(2, 4))
    mixed = draw.sample(items, len(items))
    wrong = [*mixed[:-1], mixed[-1] + 200]
    gold = r"\{" + ",".join(map(str, items)) + r"\}"
    return gold, r"\{" + ", ".join(map(str, mixed if draw.random() < 0.55 else wrong)) + r"\}"


def _tuple(draw: random.Random) -> tuple[str, str]:
    a, b = draw.sample(range(-200, 200), 2)
    return f"({a},{b})", _maybe(draw, rf"\left({a}, {b}\right)", f"({b},{a})")


def _matrix(draw: random.Random) -> tuple[str, str]:
    a, b, c, d = (draw.randint(-40, 40) for _ in range(4))
    gold = rf"\begin{{pmatrix}} {a} & {b} \\ {c} & {d} \end{{pmatrix}}"
    last = d if draw.random() < 0.55 else d + 1
    return gold, rf"\begin{{bmatrix}}{a} & {b}\\{c} & {last}\end{{bmatrix}}"


def _vector(draw: random.Random) -> tuple[str, str]:
    a, b, c = (draw.randint(-60, 60) for _ in range(3))
    last = c if draw.random() < 0.55 else c + 1
    gold = rf"\begin{{pmatrix}}{a}\\{b}\\{c}\end{{pmatrix}}"
    return gold, rf"\begin{{pmatrix}} {a} \\ {b} \\ {last} \end{{pmatrix}}"


def _percent(draw: random.Random) -> tuple[str, str]:
    n = draw.randint(1, 9999)
    return rf"{n}\%", _maybe(draw, f"{n}" if draw.random() < 0.5 else f"{n}%", rf"{n + 1}\%")


def _degrees(draw: random.Random) -> tuple[str, str]:
    n = draw.randint(1, 3600)
    return rf"{n}^\circ", _maybe(draw, rf"{n}^{{\circ}}" if draw.random() < 0.5 else f"{n}", rf"{n + 1}^\circ")


def _unit(draw: random.Random) -> tuple[str, str]:
    n = draw.randint(2, 9999)
    unit = draw.choice(("cm", "m", "km", "kg"))
    return rf"{n}\text{{ {unit}}}", _maybe(draw, rf"{n}\mathrm{{~{unit}}}", rf"{n + 1}\text{{ {unit}}}")


def _money(draw: random.Random) -> tuple[str, str]:
    n = draw.randint(2, 99_999)
    return rf"\${n}", _maybe(draw, f"{n}", f"{n + 1}")


def _equation(draw: random.Random) -> tuple[str, str]:
    a, b = draw.randint(1, 300), draw.randint(-300, 300)
    return f"y={a}x{b:+d}", _maybe(draw, f"y = {b} + {a}x", f"y={a}x{b + 1:+d}")


def _assigned(draw: random.Random) -> tuple[str, str]:
    n = draw.randint(-4000, 4000)
    return f"x={n}", _maybe(draw, f"{n}", f"x={n + 1}")


def _inequality(draw: random.Random) -> tuple[str, str]:
    a, b = draw.randint(-200, 0), draw.randint(1, 200)
    return rf"{a} < x < {b}", _maybe(draw, rf"x \in ({a}, {b})", rf"{a} < x < {b + 1}")


def _power(draw: random.Random) -> tuple[str, str]:
    a, b = draw.randint(2, 12), draw.randint(5, 40)
    return f"{a}^{{{b}}}", _maybe(draw, rf"{a} \cdot {a}^{{{b - 1}}}", f"{a}^{{{b + 1}}}")


def _logarithm(draw: random.Random) -> tuple[str, str]:
    a, b = draw.randint(2, 400), draw.randint(2, 90)
    return rf"\ln {a}+{b}", _maybe(draw, rf"{b} + \ln({a})", rf"{b} + \ln({a + 1})")


def _trigonometric(draw: random.Random) -> tuple[str, str]:
    a, b = draw.randint(2, 300), draw.randint(2, 30)
    return rf"{a}\sin({b}x)", _maybe(draw, rf"{a} \sin ({b} x)", rf"{a}\cos({b}x)")


def _binomial(draw: random.Random) -> tuple[str, str]:
    from math import comb

    a = draw.randint(5, 60)
    b = draw.randint(2, 4)
    return rf"\binom{{{a}}}{{{b}}}", _maybe(draw, str(comb(a, b)), str(comb(a, b) + 1))


def _factorial(draw: random.Random) -> tuple[str, str]:
    from math import factorial

    n, k = draw.randint(3, 18), draw.randint(1, 40)
    return f"{k} \\cdot {n}!", _maybe(draw, str(k * factorial(n)), str(k * factorial(n) + 1))


def _complex(draw: random.Random) -> tuple[str, str]:
    a, b = draw.randint(-99, 99), draw.randint(1, 99)
    return f"{a}+{b}i", _maybe(draw, f"{b}i + {a}" if a >= 0 else f"{b}i - {-a}", f"{a}-{b}i")


def _text(draw: random.Random) -> tuple[str, str]:
    n = draw.randint(10, 9_999)
    return str(n), draw.choice((r"\text{none}", r"\text{undefined}", rf"\text{{about }} {n + 1}", rf"\textbf{{{n}}}"))


def _rounded(draw: random.Random) -> tuple[str, str]:
    a, b = draw.randint(1, 400), draw.choice((3, 6, 7, 9, 11, 13))
    return rf"\frac{{{a}}}{{{b}}}", f"{a / b:.{draw.randint(2, 8)}f}"


def _rounded_root(draw: random.Random) -> tuple[str, str]:
    a = draw.randint(2, 4000)
    return f"{a**0.5:.{draw.randint(4, 7)}f}", rf"\sqrt{{{a}}}"


def _tiny(draw: random.Random) -> tuple[str, str]:
    n = draw.randint(1, 9_999)
    return f"0.00000{n}", f"0.00000{draw.choice((n, n + 1))}0"


def _times_ten(draw: random.Random) -> tuple[str, str]:
    n, k = draw.randint(11, 999) / 10, draw.randint(2, 9)
    return rf"{n:g} \times 10^{{{k}}}", _maybe(draw, rf"{n:g}\cdot 10^{k}", rf"{n:g} \times 10^{{{k + 1}}}")


def _plus_minus(draw: random.Random) -> tuple[str, str]:
    a, b = draw.randint(-50, 50), draw.randint(1, 50)
    return rf"{a} \pm {b}", _maybe(draw, rf"{a - b}, {a + b}", rf"{a} \pm {b + 1}")


def _list(draw: random.Random) -> tuple[str, str]:
    items = draw.sample(range(-99, 99), 3)
    mixed = draw.choice((items, items[::-1], [*items[:-1], 150], items[:-1]))
    return ", ".join(map(str, items)), ",".join(map(str, mixed))


def _unboxed(draw: random.Random) -> tuple[str, str]:
    n = draw.randint(2, 99_999)
    m = n if draw.random() < 0.55 else n + 1
    form = draw.choice(
        ("__ The answer is {}.", "__ The final answer is ${}$.", "__ Therefore the answer is {}", "__ = {}")
    )
    return str(n), form.format(m)


def _several_boxes(draw: random.Random) -> tuple[str, str]:
    n = draw.randint(2, 99_999)
    first, last = draw.choice(((n, n + 1), (n + 1, n), (n + 1, n + 2)))
    return str(n), rf"__ First \boxed{{{first}}}, but then \boxed{{{last}}}."


def _algebra(draw: random.Random) -> tuple[str, str]:
    a, b = draw.randint(2, 60), draw.randint(2, 60)
    gold = rf"\frac{{{a}x}}{{x+{b}}}"
    return gold, _maybe(draw, rf"{a} - \frac{{{a * b}}}{{x+{b}}}", rf"\frac{{{a}x}}{{x-{b}}}")


def _malformed(draw: random.Random) -> tuple[str, str]:
    n = draw.randint(10, 99_999)
    broken = (
        rf"\frac{{{n}",
        rf"\sqrt{{{n}}}}}",
        rf"{n}^{{{{",
        rf"\left({n}",
        rf"\frac{n}",
        rf"{n} & \\ {n}",
        rf"\begin{{matrix}} {n}",
    )
    return str(n), draw.choice(broken)


def _mixed_number(draw: random.Random) -> tuple[str, str]:
    a, b = draw.randint(1, 400), draw.randint(3, 60)
    c = draw.randint(1, b - 1)
    return f"{a} {c}/{b}", _maybe(draw, rf"\frac{{{a * b + c}}}{{{b}}}", str(a))


def _spaced_thousands(draw: random.Random) -> tuple[str, str]:
    a, b = draw.randint(1, 999), draw.randint(0, 999)
    return f"{a} {b:03}", _maybe(draw, f"{a}{b:03}", str(a))


def _unit_word(draw: random.Random) -> tuple[str, str]:
    n = draw.randint(2, 9_999)
    word = draw.choice(("dollars", "metres", "apples", "hours"))
    return f"{n} {word}", _maybe(draw, str(n), str(n + 1))


def _scientific(draw: random.Random) -> tuple[str, str]:
    n, k = draw.randint(2, 99), draw.randint(2, 6)
    return f"{n}e{k}", _maybe(draw, str(n * 10**k), str(n * 10**k + 1))


MAKERS: dict[str, Maker] = {
    "integer": _integer,
    "decimal": _decimal,
    "fraction": _fraction,
    "root": _root,
    "cube root": _nested_root,
    "polynomial": _polynomial,
    "pi": _pi,
    "interval": _interval,
    "infinite interval": _infinite_interval,
    "union": _union,
    "set": _set,
    "tuple": _tuple,
    "matrix": _matrix,
    "vector": _vector,
    "percentage": _percent,
    "degrees": _degrees,
    "unit": _unit,
    "money": _money,
    "equation": _equation,
    "assignment": _assigned,
    "inequality": _inequality,
    "power": _power,
    "logarithm": _logarithm,
    "trigonometric": _trigonometric,
    "binomial": _binomial,
    "factorial": _factorial,
    "complex": _complex,
    "text": _text,
    "rounded": _rounded,
    "rounded root": _rounded_root,
    "tiny": _tiny,
    "times ten": _times_ten,
    "plus-minus": _plus_minus,
    "list": _list,
    "unboxed": _unboxed,
    "several boxes": _several_boxes,
    "algebra": _algebra,
    "malformed": _malformed,
    "mixed number": _mixed_number,
    "spaced thousands": _spaced_thousands,
    "unit word": _unit_word,
    "scientific": _scientific,
}
"""Kind -> how one of its pairs is made."""

OURS = {
    "mixed number": "math-verify reads `1 1/2` as (1 + 1)/2",
    "spaced thousands": "math-verify reads `1 000` as 1 + 0",
    "unit word": "math-verify reads `5 dollars` as a product of letters",
    "scientific": "math-verify reads `1e5` as a multiple of e",
    "several boxes": "math-verify makes a set of boxes that stand close together; the last one is the answer",
    "tiny": "math-verify compares six decimals only, and so takes 0.00000638 for 0.00000639",
}
"""The only kinds in which our verdict is not to be math-verify's own, and why."""


def _hostile() -> Iterator[Pair]:
    """Pairs that hang or eat memory, without end; two thirds in the reply, the rest in the gold answer."""
    shapes = (
        r"9^{9^{9^{%d}}}",
        r"(10^{%d})!",
        r"\sum_{i=1}^{10^{12}} \sin(i + %d)",
        r"%d^{10^{10}} + 1",
        r"\prod_{k=1}^{10^{9}} (k + %d)",
        r"\binom{10^{12}}{10^{11} + %d}",
    )
    number = 8
    while True:
        for place, shape in enumerate(shapes):
            number += 1
            text = shape % number
            if (number + place) % 3:
                yield Pair("hostile reply", f"y+{number}", rf"\boxed{{{text}}}", hostile=True)
            else:
                yield Pair("hostile gold", text, rf"\boxed{{y+{number}}}", hostile=True)
