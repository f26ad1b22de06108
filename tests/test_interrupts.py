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
        began = time.monotonic()
        class Dying:
            def __del__(self):
                signal.raise_signal(signal.SIGINT)
                time.sleep(1)
        try:
            Dying()
            time.sleep(20)
            print("went on")
        except KeyboardInterrupt:
            print("stopped", time.monotonic() - began < 10)
    """)
    assert (said.stdout, said.stderr) == ("stopped True\n", "")


def test_one_that_strikes_there_in_a_step_of_dagster_is_not_lost():
    said = said_by("""
        import logging, signal, time
        from dagster._core.errors import DagsterExecutionInterruptedError, raise_execution_interrupts
        class Dying:
            def __del__(self):
                signal.raise_signal(signal.SIGINT)
                time.sleep(1)
        began = time.monotonic()
        try:
            with raise_execution_interrupts():
                Dying()
                time.sleep(20)
            print("went on")
        except DagsterExecutionInterruptedError:
            logging.getLogger("sqlalchemy.pool").error("Exception closing connection", exc_info=True)
            print("stopped", time.monotonic() - began < 10)
    """)
    assert (said.stdout, said.stderr) == ("stopped True\n", "")


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


def test_one_that_a_handler_swallows_is_heard():
    said = said_by("""
        import signal
        from ot_assets.interrupts import listening_for_interrupts
        signal.signal(signal.SIGINT, lambda *_: None)
        with listening_for_interrupts() as heard:
            print(heard())
            signal.raise_signal(signal.SIGINT)
            print(heard(), heard())
        with listening_for_interrupts() as heard:
            print(heard())
    """)
    assert (said.stdout, said.stderr) == ("False\nTrue True\nFalse\n", "")
