"""The objects of a D-Bus service: a tree with properties, its signals, and calls on it."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any

from dbus_fast import BusType, Message, Variant
from dbus_fast.aio import MessageBus

MANAGER = "org.freedesktop.DBus.ObjectManager"
PROPERTIES = "org.freedesktop.DBus.Properties"

Props = dict[str, Variant]


@dataclass(frozen=True)
class Call:
    """A method call on an object.

    Attributes:
        message: as received.
        path, sender, body: of it.
    """

    message: Message
    path: str
    sender: str
    body: list[Any]

    def answer(self, signature: str = "", body: list[Any] | None = None) -> Message:
        """What the method returns."""
        return Message.new_method_return(self.message, signature, body or [])

    def error(self, name: str, text: str) -> Message:
        """That it failed."""
        return Message.new_error(self.message, name, text)


class _PatientSocket:
    """A full socket takes nothing; dbus-fast 5.2 would take the error for the end of the connection."""

    def __init__(self, sock: Any) -> None:
        self._sock = sock

    def send(self, data: memoryview) -> int:
        try:
            return int(self._sock.send(data))
        except BlockingIOError:
            return 0


class ObjectTree:
    """Objects by path, interface and property, on the system bus."""

    bus: MessageBus

    def __init__(self) -> None:
        self._objects: dict[str, dict[str, Props]] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self._writer: Any = None

    async def open(self) -> None:
        """Connects to the bus."""
        self.bus = await MessageBus(bus_type=BusType.SYSTEM).connect()
        self._writer = self.bus._writer
        self._writer.sock = _PatientSocket(self._writer.sock)

    async def stop(self) -> None:
        """Leaves the bus."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.bus.disconnect()

    async def posted(self) -> None:
        """Waits until everything is with the D-Bus daemon."""
        while self._writer.messages or self._writer.buf is not None:
            await asyncio.sleep(0.001)

    def _spawn(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _signal(self, path: str, interface: str, member: str, sign: str, body: list[Any]) -> None:
        self.bus.send(Message.new_signal(path, interface, member, sign, body))

    def _add(self, path: str, interfaces: dict[str, Props]) -> None:
        self._objects[path] = interfaces
        self._signal("/", MANAGER, "InterfacesAdded", "oa{sa{sv}}", [path, interfaces])

    def _remove(self, path: str) -> None:
        interfaces = self._objects.pop(path, None)
        if interfaces is not None:
            self._signal("/", MANAGER, "InterfacesRemoved", "oas", [path, list(interfaces)])

    def _set(self, path: str, interface: str, changed: Props) -> None:
        if path in self._objects:
            self._objects[path][interface].update(changed)
            self._signal(
                path, PROPERTIES, "PropertiesChanged", "sa{sv}as", [interface, changed, []]
            )

    def _get_all(self, m: Call) -> Message:
        return m.answer("a{sv}", [self._objects[m.path].get(m.body[0], {})])

    def _get(self, m: Call) -> Message:
        value = self._objects[m.path].get(m.body[0], {}).get(m.body[1])
        if value is None:
            return m.error("org.freedesktop.DBus.Error.InvalidArgs", f"no {m.body[1]}")
        return m.answer("v", [value])

    def _set_property(self, m: Call) -> Message:
        self._set(m.path, m.body[0], {m.body[1]: m.body[2]})
        return m.answer()
