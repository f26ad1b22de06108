"""How a failed `ot run` must look."""

from __future__ import annotations

import re

from tests.endtoend.house import House, Said


def failed_run(house: House, *failed: str) -> str:
    """Runs `ot run sums`, in which these partitions must fail and no other; the one message that says why."""
    return check_failed(house.ot("run", "sums"), *failed)


def check_failed(said: Said, *failed: str) -> str:
    """Which partitions failed, one message that says what to do, exit code 1, no traceback; the message."""
    assert said.code == 1, said.text
    assert "Traceback" not in said.text
    assert said.err == ""
    assert re.findall(r"^failed: (\S+)", said.out, re.M) == list(failed), said.out
    message = said.out.partition(f"failed: {failed[0]}\n")[2]
    assert message.count("→") + said.out.count("(for the same reason)") == len(failed), said.out
    assert f"{len(failed)} failed" in message
    assert "what was made is kept" in message
    return message.partition("\n[")[0]
