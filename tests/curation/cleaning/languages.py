"""Texts in known languages, and texts in none."""

from __future__ import annotations

IN = [
    ("What is the capital of the country that borders both France and Portugal?", "en"),
    ("Wie viele Äpfel bleiben übrig, wenn man von zwölf Äpfeln fünf isst?", "de"),
    ("求下列方程的所有整数解,并说明理由,然后写出最终的答案。", "zh"),
    ("ما هي عاصمة البلد الذي يقع بين فرنسا والبرتغال؟", "ar"),
    ("Let $x^2+y^2=z^2$ where $x,y,z\\in\\mathbb{Z}$. How many such triples are there below one hundred?", "en"),
    ("Fix this program so that it prints the numbers in order.\n```python\ndef f(x):\n    return sorted(x)\n```", "en"),
]
NOT_ENGLISH = [
    ("Wie viele Äpfel bleiben übrig, wenn man von zwölf Äpfeln fünf isst?", "de"),
    ("Quel est le nombre de solutions réelles de cette équation du second degré ?", "fr"),
    ("求下列方程的所有整数解,并说明理由,然后写出最终的答案。", "zh"),
    ("Сколько целых решений имеет это уравнение на данном отрезке?", "ru"),
    ("Calcula el área de un triángulo cuyos lados miden tres, cuatro y cinco metros.", "es"),
]
NO_PROSE = [
    "def f(x):\n    return x * x\n\nprint(f(3))",
    "for (int i = 0; i < n; i++) { sum += a[i]; }",
    "x = [i for i in range(10) if i % 2]",
    "$$\\int_0^1 x^2 \\, dx = ?$$",
    "2 + 2 = ?",
    "\\frac{1}{2} + \\frac{1}{3}",
    "123 456 789",
    "SELECT name, age FROM users WHERE age > 30 ORDER BY name;",
    "",
]
