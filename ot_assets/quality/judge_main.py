"""The process that `judge` asks: Great Expectations, imported once, on standard input and output.

What belongs here: one line in (a `Profile`), one line out: `{"passed": {figure: bool}}`, or `{"error": ...}` for what could
not be judged. It says `{"ready": true}` first. Nothing else reaches its standard output, whatever a library prints. It ends
when its input does, so soon after whoever asked.

    python -m ot_assets.quality.judge_main
"""

from __future__ import annotations

import json
import os
import signal
import sys
from typing import Any

from ot_assets.quality.judging import Held, Profile, judge


def main() -> None:
    """Answers until the input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever asks decides when it is over
    with os.fdopen(os.dup(1), "w") as out:
        os.dup2(2, 1)
        # The first validation imports as much again as GX itself does.
        judge(Profile("ready", "ready", (Held("figure", 0.0, 0.0, 0.0, "It is ready"),)))
        _say(out, {"ready": True})
        for line in sys.stdin:
            try:
                _say(out, {"passed": judge(Profile.from_json(line))})
            except Exception as error:  # told to whoever asked, who judges it there and meets the error itself
                _say(out, {"error": f"{type(error).__name__}: {error}"})


def _say(out: Any, what: dict[str, Any]) -> None:
    out.write(json.dumps(what) + "\n")
    out.flush()


if __name__ == "__main__":
    main()
