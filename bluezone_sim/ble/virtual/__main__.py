"""``python -m bluezone_sim.ble.virtual``: a bench without a radio, while this runs or for one command."""

from __future__ import annotations

import argparse
import contextlib
import subprocess
import sys
import threading

from ...errors import BluezoneSimError
from .testbench import VirtualBench

_ABOUT = """A bench without a radio: Bluetooth adapters that hear each other, on a BlueZ of its own.

Alone it prints a line to set DBUS_SYSTEM_BUS_ADDRESS by, and runs until Ctrl-C; every command of
`bluezone-sim ble` in a shell with that line sees the adapters. With a command behind -- it runs that
inside, and ends with its exit code."""
_EXAMPLES = """examples:
  python -m bluezone_sim.ble.virtual -- bluezone-sim ble adapters
  python -m bluezone_sim.ble.virtual -- sh -c 'bluezone-sim ble advertise --adapter hci1 --seconds 9 &
    bluezone-sim ble scan --adapter hci0 --seconds 5; wait'

It needs dbus-daemon (Debian package dbus), and Linux."""
#: As shells have it: the command is not there; it was stopped by a signal of this number.
_NO_COMMAND, _SIGNAL = 127, 128


def main(arguments: list[str] | None = None) -> int:
    """Runs the bench; the exit code of the command inside it, or 0."""
    given = sys.argv[1:] if arguments is None else arguments
    # argparse takes what looks like an option of its own also behind --.
    at = given.index("--") if "--" in given else len(given)
    command = given[at + 1 :]
    options = _options(given[:at], separated=at < len(given), command=command)
    try:
        with VirtualBench(options.adapters) as bench:
            if not command:
                print(f"export DBUS_SYSTEM_BUS_ADDRESS={bench.address}", flush=True)
                with contextlib.suppress(KeyboardInterrupt):
                    threading.Event().wait()
                return 0
            return _run(command)
    except BluezoneSimError as error:
        print(f"bluezone-sim: {error}", file=sys.stderr)
        return error.exit_code


def _options(given: list[str], *, separated: bool, command: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bluezone_sim.ble.virtual",
        usage="%(prog)s [-h] [--adapters N] [-- COMMAND ...]",
        description=_ABOUT,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--adapters", type=int, default=2, metavar="N", help="how many: hci0, hci1, ... (default 2)"
    )
    options = parser.parse_args(given)
    if not 1 <= options.adapters <= 16:
        parser.error(f"--adapters {options.adapters}: expected 1 to 16")
    if separated and not command:
        parser.error("expected a command behind --, such as: -- bluezone-sim ble adapters")
    return options


def _run(command: list[str]) -> int:
    """The exit code of a command, which finds the bench by its environment."""
    try:
        process = subprocess.Popen(command)
    except OSError as error:
        print(f"bluezone-sim: {command[0]}: {error.strerror or error}", file=sys.stderr)
        return _NO_COMMAND
    while True:
        try:
            code = process.wait()
        except KeyboardInterrupt:  # the command has it too, and says how it ends
            continue
        return code if code >= 0 else _SIGNAL - code


if __name__ == "__main__":
    sys.exit(main())
