"""What the writer is asked, word by word.

Belongs here: the prompts of every kind of parent and method, and how they are filled. Contract: a pure function of
the spec and the parents, so that the same spec makes the same requests; texts are put in in one pass, so braces
inside them stay. A spec's own `prompt` stands in for the words here; what form the reply has to take is added to
either.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from ot_assets.registry.specs.written import WrittenOrigin
from ot_assets.sourcing.written.parents import Parent

_ALONE = (
    "Each question must stand alone: whoever reads it sees nothing but the question itself. It must have one right answer, "
    "and state everything that is needed to find it."
)
_BY_METHOD = {
    "like": "Here are questions that serve as examples.\n\n{questions}\n\nWrite {n} of the same kind: as hard, in the same "
    "style, from the same field, but about something else. Do not copy, reword or renumber an example.",
    "harder": "Here is a question.\n\n{questions}\n\nWrite {n} from the same field that are clearly harder: more steps, "
    "a further condition, or a deeper idea, but still with an answer. Do not only use larger numbers.",
    "easier": "Here is a question.\n\n{questions}\n\nWrite {n} from the same field that are clearly easier and prepare "
    "for it: fewer steps, or one of its ideas alone.",
    "rewritten": "Here is a question.\n\n{questions}\n\nWrite {n} that ask for exactly the same in other words: the same "
    "numbers and conditions, the same answer, another wording or setting.",
}
_BY_KIND = {
    "documents": "Here is a passage of a text.\n\n{document}\n\nPull out at most {n} that the passage asks, or whose answer it "
    "states or shows how to work out, with the answer as the passage has it. Take nothing from elsewhere. Do not speak of "
    "the passage, of its figures or of its numbering.",
    "topics": "Write {n} about this topic:\n\n{topic}\n\nMake them as different from each other as you can.",
    "personas": "Imagine this person:\n\n{persona}\n\nWrite {n}{about} that this person would ask or work on.",
}
_NUMBERED = '<question number="{number}">\n{text}\n</question>'
_FIELDS = {
    False: "Put each question, and nothing else, into a `question` of the list `questions`.",
    True: "Put each question into the list `questions`: the `question`, its `solution` step by step, and the final `answer` "
    "alone, as short as it can be.",
}
_LINES = "Write one question a line, without numbers, and nothing else."
_PLACEHOLDER = re.compile(r"\{(questions|document|topic|persona|about|n)\}")


def prompt_for(origin: WrittenOrigin, parents: Sequence[Parent]) -> str:
    """The user turn of one call."""
    asked = origin.prompt or default_prompt(origin)
    text = parents[0].text
    values = {
        "questions": shown(parents),
        "document": f"<document>\n{text}\n</document>",
        "topic": text,
        "persona": text,
        "about": f" about {origin.parents.about}" if origin.parents.about else "",
        "n": str(origin.per_call) if origin.prompt else _several(origin.per_call),
    }
    form = _LINES if origin.reply == "lines" else _FIELDS[origin.answered]
    filled = _PLACEHOLDER.sub(lambda found: values[found[1]], asked)
    return f"{filled}\n\n{form}" if origin.prompt else f"{filled}\n\n{_ALONE}\n\n{form}"


def default_prompt(origin: WrittenOrigin) -> str:
    """Our words for what the spec asks."""
    return _BY_METHOD[origin.method] if origin.parents.kind == "questions" else _BY_KIND[origin.parents.kind]


def shown(parents: Sequence[Parent]) -> str:
    """Seed questions as they stand in a prompt."""
    return "\n\n".join(_NUMBERED.format(number=n, text=parent.text) for n, parent in enumerate(parents, 1))


def expand_prompt(topic: str, number: int, reply: str) -> str:
    """Asks for topics below one."""
    form = "Put them into the list `topics`." if reply == "json" else "Write one a line, and nothing else."
    return (
        f"Name {number} different topics that belong to this one and together cover it:\n\n{topic}\n\n"
        f"Each in a few words. {form}"
    )


def refine_prompt(passage: str, question: str, answer: str) -> str:
    """Asks for a question that stands alone."""
    return (
        "A question and its answer were pulled out of a passage. Reword the question so that it stands alone: whoever reads "
        "it does not see the passage. Complete it from the passage where something is missing. Keep the answer what it is, "
        f"alone and short.\n\n<document>\n{passage}\n</document>\n\n<question>\n{question}\n</question>\n\n"
        f"<answer>\n{answer}\n</answer>"
    )


def check_prompt(passage: str, question: str, answer: str) -> str:
    """Asks whether a passage supports an answer."""
    return (
        "Judge a question and its answer that were pulled out of a passage. `supported`: the passage states the answer, or it "
        "follows from the passage. `stands_alone`: the question can be understood and answered without the passage.\n\n"
        f"<document>\n{passage}\n</document>\n\n<question>\n{question}\n</question>\n\n<answer>\n{answer}\n</answer>"
    )


def _several(number: int) -> str:
    return "one question" if number == 1 else f"{number} questions"
