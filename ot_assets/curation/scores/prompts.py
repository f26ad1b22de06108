"""What a teacher is asked when it rates a question.

Belongs here: our rubrics, and how examples get into one. Pure. The rubric of AskLLM follows the one that the
OpenThoughts team published for agents' tasks (clear, deep, worth learning from, 1 to 100, with what deserves much and what
little); theirs for questions was not published.
"""

from __future__ import annotations

from collections.abc import Sequence

LONGEST_EXAMPLE = 2_000
"""Characters of an example that a request shows; each request shows them all."""

DIFFICULTY_PROMPT = """Rate how difficult the following problem is, as an integer from 1 to 10.

1-2: one step or one fact; most pupils of a primary school can do it.
3-4: a few routine steps; a good pupil of a secondary school can do it.
5-6: several ideas together; hard in school, fair in the first years of university.
7-8: needs an idea that is not obvious, or long careful work; national competitions, advanced courses.
9-10: international olympiads and research; few experts solve it.

Judge the problem, do not solve it. The problem stands between the lines.

---
{question}
---

Answer with the integer only."""

WORTH_PROMPT = """Rate from 1 to 100 how much the following question is worth for training a model that learns to reason.

- It is clear: complete, coherent, and it says what is wanted (25 points).
- It is deep: it takes several steps of real thinking, not a fact or a formula (25 points).
- It is sound: it has an answer that can be found and defended (25 points).
- It teaches: what it takes to solve it helps with other questions (25 points).

80-100: demanding questions with exact conditions and a definite answer.
40-79: fair questions that are routine, or not quite clear.
1-39: vague, trivial, broken or incomplete ones, and what is no question at all.
{positives}{negatives}
Judge the question, do not answer it. The question stands between the lines.

---
{question}
---

"""
AS_DATA = "Say why in a sentence, then the score."
AS_NUMBER = "Answer with the number only."

_HEADS = {
    "positives": "Questions that deserve 80 to 100:",
    "negatives": "Questions that deserve 1 to 39:",
}


def shown(side: str, texts: Sequence[str]) -> str:
    """Examples of one side as a block of a prompt; nothing where there are none."""
    if not texts:
        return ""
    blocks = "".join(f"---\n{_cut(text)}\n" for text in texts)
    return f"\n{_HEADS[side]}\n{blocks}---\n"


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST_EXAMPLE else f"{text[:LONGEST_EXAMPLE]} [...]"
