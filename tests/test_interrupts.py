"""Ctrl-C where Python would lose it, and where a library would print it: in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from textwrap import dedent


def said_by(code: str) -> subprocess.CompletedProcess[str]:
    code = "from ot_assets.interrupts import keep_interrupts\nkeep_interrupts()\n" + dedent(code)
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)


def test_one_that_strikes_while_a_dead_object_is_cleaned_up_is_not_lost():
    said = said_by("""
        import signal, time
        class Dying:
            def __del__(self):
                signal.raise_signal(signal.SIGINT)
                time.sleep(1)
        try:
            Dying()
            for _ in range(200):
                time.sleep(0.01)
            print("went on")
        except KeyboardInterrupt:
            print("stopped")
    """)
    assert (said.stdout, said.stderr) == ("stopped\n", "")


def test_one_that_a_library_logs_is_not_shown():
    said = said_by("""
        import logging
        try:
            raise KeyboardInterrupt
        except BaseException:
            logging.getLogger("sqlalchemy.pool").error("Exception closing connection", exc_info=True)
        logging.getLogger("sqlalchemy.pool").error("another")
    """)
    assert said.stderr == "another\n"


def test_other_errors_are_told_as_before():
    said = said_by("""
        import logging
        class Dying:
            def __del__(self):
                raise ValueError("in __del__")
        Dying()
        try:
            raise OSError("gone")
        except OSError:
            logging.getLogger("x").error("failed", exc_info=True)
    """)
    assert "ValueError: in __del__" in said.stderr
    assert "OSError: gone" in said.stderr
