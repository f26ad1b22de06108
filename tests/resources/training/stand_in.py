"""A training that does nothing, for tests of what happens to the process: steps, until it is stopped."""

import argparse
import signal
import sys
import time
from pathlib import Path

from resources.training import SftConfig
from resources.training.guard import die_with_parent


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--config", type=Path)
    config = SftConfig.model_validate_json(parser.parse_args().config.read_text())
    die_with_parent()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(130))
    if config.max_steps == 1:
        sys.stderr.write("first\nterrible\n")
        return 7
    for step in range(1, 1000):
        print(f"step {step} of 1000", flush=True)
        time.sleep(0.05)
    return 0


if __name__ == "__main__":
    sys.exit(main())
