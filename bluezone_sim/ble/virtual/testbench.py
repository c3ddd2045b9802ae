"""Starts the private D-Bus and runs :class:`VirtualBluez` on a thread of its own."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, Self, TypeVar

from ...errors import NothingToRunError
from .bluez import VirtualBluez

T = TypeVar("T")

_CONFIG = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>system</type><listen>unix:dir={folder}</listen><auth>EXTERNAL</auth>
<policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/>
<allow own="*"/></policy>
<limit name="max_incoming_bytes">1000000000</limit>
<limit name="max_outgoing_bytes">1000000000</limit>
<limit name="max_completed_connections">1000</limit>
<limit name="max_connections_per_user">1000</limit>
</busconfig>"""


class VirtualBench:
    """Adapters hci0, hci1, … that hear each other, as a context manager.

    Inside it, ``DBUS_SYSTEM_BUS_ADDRESS`` points at the private bus.

    Args:
        adapters: how many.
        instances: advertisements that an adapter takes at a time.

    Raises:
        NothingToRunError: there is no ``dbus-daemon``.
    """

    def __init__(self, adapters: int = 2, *, instances: int = 5, device_timeout_s: float = 30.0):
        self.bluez = VirtualBluez(instances=instances, device_timeout_s=device_timeout_s)
        self._adapters = adapters

    def __enter__(self) -> Self:
        if shutil.which("dbus-daemon") is None:
            raise NothingToRunError(
                "the virtual bench needs dbus-daemon (Debian package dbus), which is not installed"
            )
        self._folder = tempfile.TemporaryDirectory(prefix="bluezone-bus-")
        config = Path(self._folder.name) / "bus.conf"
        config.write_text(_CONFIG.format(folder=self._folder.name), encoding="utf-8")
        self._daemon = subprocess.Popen(
            ["dbus-daemon", f"--config-file={config}", "--print-address=1", "--nofork"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self._daemon.stdout is not None
        self.address = self._daemon.stdout.readline().strip()
        self._before = os.environ.get("DBUS_SYSTEM_BUS_ADDRESS")
        os.environ["DBUS_SYSTEM_BUS_ADDRESS"] = self.address
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        try:
            self.run(self._open())
        except BaseException:
            self.__exit__()
            raise
        return self

    async def _open(self) -> None:
        await self.bluez.start()
        for i in range(self._adapters):
            self.bluez.add_adapter(f"hci{i}", f"00:11:22:33:44:{i:02X}")

    async def _close(self) -> None:
        await self.bluez.stop()
        rest = asyncio.all_tasks() - {asyncio.current_task()}
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)

    def __exit__(self, *_: object) -> None:
        self.run(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        if self._before is None:
            os.environ.pop("DBUS_SYSTEM_BUS_ADDRESS", None)
        else:
            os.environ["DBUS_SYSTEM_BUS_ADDRESS"] = self._before
        self._daemon.terminate()
        self._daemon.wait()
        assert self._daemon.stdout is not None
        self._daemon.stdout.close()
        self._folder.cleanup()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Runs a coroutine on the daemon's loop and waits for it."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout=60)

    def call(self, function: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        """Calls a function on the daemon's loop and waits for it."""

        async def work() -> T:
            return function(*args, **kwargs)

        return self.run(work())

    def after(self, delay_s: float, function: Callable[..., Any], *args: Any, **kw: Any) -> None:
        """Calls a function on the daemon's loop later; a coroutine it returns is run."""

        async def work() -> None:
            await asyncio.sleep(delay_s)
            out = function(*args, **kw)
            if asyncio.iscoroutine(out):
                await out

        asyncio.run_coroutine_threadsafe(work(), self._loop)
