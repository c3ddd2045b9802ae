"""``python -m bluezone_sim.ble.virtual``: a bench without a radio, until it is stopped.

Prints the address to put into ``DBUS_SYSTEM_BUS_ADDRESS``; every command of ``bluezone-sim ble`` then
sees two adapters that hear each other.
"""

from __future__ import annotations

import contextlib
import threading

from .testbench import VirtualBench


def main() -> None:
    with VirtualBench(2) as bench:
        print(f"export DBUS_SYSTEM_BUS_ADDRESS={bench.address}", flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            threading.Event().wait()


if __name__ == "__main__":
    main()
