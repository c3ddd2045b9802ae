"""``python -m bluezone_sim``, and the program itself."""

import os
import sys


def start() -> None:
    """Loads the command line and runs it; a Ctrl-C while it is being loaded is told as any other."""
    try:
        from .cli import entry
    except KeyboardInterrupt:
        # No handler is in place yet, and a library that is half loaded may print where it was.
        sys.stderr.write("bluezone-sim: interrupted; nothing was written\n")
        sys.stderr.flush()
        os._exit(130)
    entry()


if __name__ == "__main__":
    start()
