"""Words that decide what a problem asks: negations, quantifiers, comparisons, directions, units, and words for numbers.

Belongs here: the lists, and what a word stands for. Contract: `MEANING` maps a lower-case word to what it counts as in
a signature; two words with the same entry mean the same (n't and not, percent and %). A word that is in the list by
accident of spelling (Spanish `once`, English `once`) only keeps texts apart, never joins them, because a signature must
agree on it. The lists are made for English and hold the commonest negations, quantifiers and number words of nine other
languages. Pure data.
"""

from __future__ import annotations

from typing import Final

_ALONE = """
no not none never neither nor nobody nothing nowhere without except unless hardly barely rarely seldom
lack|lacks|lacking all every|each any some both either only exactly|precisely several few many most least more less
fewer fewest max|maximum|maximal min|minimum|minimal greatest smallest largest|biggest highest lowest longest shortest
best worst oldest youngest tallest nearest|closest farthest|furthest fastest slowest greater smaller larger|bigger
higher lower longer shorter older younger taller heavier lighter faster slower hotter colder nearer farther|further
earlier later above below over under before after inside outside between beyond within
increase|increases|increased|increasing decrease|decreases|decreased|decreasing rise|rises|rose fall|falls|fell
grow|grows|grew shrink|shrinks|shrank double|doubles|doubled halve|halves|halved triple|triples|tripled twice thrice
once half quarter third dozen pair couple gain|gains|gained lose|loses|lost loss profit win|wins|won add|adds|added
subtract|subtracts|subtracted multiply|multiplies|multiplied divide|divides|divided sum difference product quotient
remainder square|squared cube|cubed root sqrt mod|modulo factorial reciprocal inverse negative positive nonnegative
nonzero even odd prime composite rational irrational real complex integer|integers consecutive distinct different same
equal unequal similar sin|sine cos|cosine tan|tangent cot sec csc arcsin arccos arctan sinh cosh tanh log ln exp lim
true false correct incorrect wrong valid invalid possible impossible always sometimes yes left right up down north
south east west northeast northwest southeast southwest forward|forwards backward|backwards clockwise
counterclockwise|anticlockwise ascending descending first last next previous final initial fourth fifth sixth seventh
eighth ninth tenth eleventh twelfth buy|buys|bought sell|sells|sold give|gives|gave receive|receives|received
take|takes|took borrow|borrows|borrowed lend|lends|lent convex concave acute obtuse parallel perpendicular horizontal
vertical diameter radius perimeter circumference area volume mean|average median mode range variance or xor nand if
iff implies knight|knights knave|knaves lying truthful innocent guilty million billion trillion hundred thousand hot
cold open closed heavy light high low long short wide narrow deep shallow rich poor hard easy fast slow ii iii iv vi
vii viii ix xi xii xiii xiv xv xvi xvii xviii xix xx monday tuesday wednesday thursday friday saturday sunday january
february march april june july august september october november december today tomorrow yesterday am pm noon midnight
"""
_UNITS = """
second|seconds|sec|secs minute|minutes|mins hour|hours|hr|hrs day|days week|weeks month|months year|years
decade|decades century|centuries millimeter|millimeters|millimetre|millimetres|mm
centimeter|centimeters|centimetre|centimetres|cm meter|meters|metre|metres
kilometer|kilometers|kilometre|kilometres|km inch|inches foot|feet|ft yard|yards|yd mile|miles|mi
gram|grams|gramme|grammes kilogram|kilograms|kg|kgs milligram|milligrams|mg ton|tons tonne|tonnes ounce|ounces|oz
pound|pounds|lb|lbs liter|liters|litre|litres milliliter|milliliters|millilitre|millilitres|ml gallon|gallons
pint|pints quart|quarts cup|cups cent|cents dollar|dollars|usd euro|euros|eur rupee|rupees|rs yen penny|pennies|pence
nickel|nickels dime|dimes mph kph kmh hertz|hz khz mhz ghz watt|watts kw volt|volts amp|amps ampere|amperes ohm|ohms
joule|joules|kj newton|newtons pascal|pascals celsius fahrenheit kelvin radian|radians|rad mole|moles|mol byte|bytes
kb mb gb bit|bits acre|acres hectare|hectares
"""
_ELSEWHERE = """
nicht kein keine keinen keinem keiner nie niemals niemand nichts weder ohne außer alle jeder jede jedes einige
mindestens höchstens mehr weniger nur beide größer kleiner größte kleinste genau falsch richtig oder halb doppelt null
eins ein eine einen einem einer zwei drei vier fünf sechs sieben acht neun zehn elf zwölf zwanzig dreißig vierzig
fünfzig hundert tausend pas jamais aucun aucune rien personne sans sauf ni tous toutes chaque plus moins seulement
faux vrai ou moitié zéro un une deux trois quatre cinq sept huit neuf dix onze douze treize quatorze quinze seize
vingt trente quarante cinquante cent cents mille nunca jamás ningún ninguna ninguno nadie nada sin excepto salvo todos
todas cada más menos solo sólo tampoco mayor menor falso verdadero o cero uno dos tres cuatro cinco seis siete ocho
nueve diez once doce trece catorce quince veinte treinta cuarenta cincuenta cien ciento mil mitad doble non mai
nessuno nessuna niente nulla senza tranne eccetto tutti tutte ogni più meno solo maggiore minore due tre quattro
cinque sei sette otto nove dieci undici dodici tredici venti trenta quaranta cinquanta cento metà doppio não nunca
nenhum nenhuma ninguém nada sem exceto todos todas cada mais menos apenas maior dois duas três quatro cinco seis sete
oito nove dez onze doze vinte trinta quarenta cinquenta cem metade dobro niet geen nooit niemand niets zonder behalve
elke meer minder alleen groter kleiner twee drie vier vijf zes zeven acht negen tien elf twaalf twintig dertig veertig
vijftig honderd duizend helft dubbel не нет ни никогда никто ничего без кроме все каждый больше меньше только или и
один одна одно два две три четыре пять шесть семь восемь девять десять одиннадцать двенадцать двадцать тридцать сорок
пятьдесят сто тысяча половина لا ليس ليست لم لن بدون إلا كل بعض أكثر أقل فقط واحد اثنان ثلاثة أربعة خمسة ستة سبعة
ثمانية تسعة عشرة नहीं मत बिना सभी कुछ अधिक कम केवल एक दो तीन चार पांच पाँच छह सात आठ नौ दस
"""
_SAYS = {
    "percent": "%", "pct": "%", "degree": "°", "degrees": "°", "infinity": "∞", "plus": "+", "minus": "-", "equals": "=",
    "cannot": "not",
}  # fmt: skip
_GREEK = dict(
    zip(
        [
            "alpha",
            "beta",
            "gamma",
            "delta",
            "epsilon",
            "zeta",
            "eta",
            "theta",
            "iota",
            "kappa",
            "lambda",
            "mu",
            "nu",
            "xi",
            "omicron",
            "pi",
            "rho",
            "sigma",
            "tau",
            "upsilon",
            "phi",
            "chi",
            "psi",
            "omega",
        ],
        "αβγδεζηθικλμνξοπρστυφχψω",
        strict=True,
    )
)


def _meaning() -> dict[str, str]:
    table = {word: word for word in _ELSEWHERE.split()}
    for group in (*_ALONE.split(), *_UNITS.split()):
        forms = group.split("|")
        table |= dict.fromkeys(forms, forms[0])
    return {**table, **_GREEK, **_SAYS}


MEANING: Final = _meaning()
"""Lower-case word -> what it says in a signature."""

MEANT_LETTERS: Final = frozenset(
    "不没無无非未勿別别否零〇一二三四五六七八九十百千万億亿两兩半多少大小加减減乘除增全每各只僅仅或和且最至上下左右前後后內内外奇偶正負负真假同異异"
    "ないずぬ안못없"
)
"""Characters of scripts that write no spaces, each of which decides by itself."""

SMALL: Final = {
    word: value
    for value, word in enumerate(
        [
            "zero",
            "one",
            "two",
            "three",
            "four",
            "five",
            "six",
            "seven",
            "eight",
            "nine",
            "ten",
            "eleven",
            "twelve",
            "thirteen",
            "fourteen",
            "fifteen",
            "sixteen",
            "seventeen",
            "eighteen",
            "nineteen",
        ]
    )
}
"""Words for 0 to 19."""

TENS: Final = {
    word: 10 * (place + 2)
    for place, word in enumerate(["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"])
}
"""Words for 20, 30, ... 90."""

SCALES: Final = {"thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}
"""Words that multiply all that stands before them."""

ORDINALS: Final = {
    f"{value}{ending}": word
    for value, (ending, word) in enumerate(
        zip(
            ["st", "nd", "rd", "th", "th", "th", "th", "th", "th", "th", "th", "th"],
            [
                "first",
                "second",
                "third",
                "fourth",
                "fifth",
                "sixth",
                "seventh",
                "eighth",
                "ninth",
                "tenth",
                "eleventh",
                "twelfth",
            ],
            strict=True,
        ),
        1,
    )
}
"""1st -> first."""
