"""Texts that would do something if a page took them for more than text."""

from __future__ import annotations

from tests.conversations.hand import Hand

SCRIPT = "<script>document.title = 'taken'; alert(1)</script>"
SVG = "</text></svg><img src=x onerror=\"document.title='taken'\"><svg onload=alert(1)>"
STYLE = "</style><style>main { display: none }</style>"
TURNED = "\u202eback to front\u202c {{ 7 * 7 }} {% raw %} & &amp; ]]> '\""


def nasty() -> Hand:
    """A small language, written by somebody who means no good: texts, ids, reasons and all."""
    hand = Hand()
    life = {"initial_prompt_review": 0, "growing": 1, "ranking": 5, "ready_for_export": 6}
    hand.tree(f"t{SVG}", f"ann{SCRIPT}", states=life, text=SCRIPT, review_result=True)
    hand.reply(
        "a", f"t{SVG}", f"bob{STYLE}", hours=2, text=SVG, review_result=True, rank=0, synthetic=True, model_name=SCRIPT
    )
    hand.reply("b", f"t{SVG}", "cat", hours=2, text=TURNED, review_result=False)
    hand.reply("c", "a", "dan", hours=3, text=STYLE, deleted=True)
    hand.ballot(f"t{SVG}", f"eve{SVG}", ["a", "b"], hours=5)
    for number in range(12):
        hand.tree(
            f"x{number}", "fay", states={"initial_prompt_review": number}, text=f"{TURNED} word{number % 3} {SCRIPT}"
        )
        hand.label(f"x{number}", f"gus{SCRIPT}", spam=number % 2, hours=number)
        hand.label(f"x{number}", "hal", spam=0, quality=0.5, hours=number)
    hand.trees[0]["why"] = SCRIPT
    return hand
