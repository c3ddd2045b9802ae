"""The system D-Bus and BlueZ on it: calls, objects, and what BlueZ says goes wrong."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Self

from ...errors import NothingToRunError

if TYPE_CHECKING:
    from dbus_fast import Message

SERVICE = "org.bluez"
ADAPTER = "org.bluez.Adapter1"
ADVERTISER = "org.bluez.LEAdvertisingManager1"
MONITOR = "org.bluez.AdvertisementMonitorManager1"
GATT_MANAGER = "org.bluez.GattManager1"
_PROPERTIES = "org.freedesktop.DBus.Properties"
_MANAGER = "org.freedesktop.DBus.ObjectManager"
_BUS = "org.freedesktop.DBus"
#: bluetoothd answers within milliseconds; a call that hangs is a fault.
_CALL_S = 10.0


class AdapterError(NothingToRunError):
    """The adapter or its daemon is missing, vanished, or refused.

    Attributes:
        name: the D-Bus error, such as ``org.bluez.Error.NotPermitted``; empty where there is none.
    """

    def __init__(self, message: str, name: str = ""):
        super().__init__(message)
        self.name = name


class Bluez:
    """A connection to BlueZ, as an async context manager.

    Raises:
        AdapterError: there is no system bus, or it lets nobody in.
    """

    async def __aenter__(self) -> Self:
        from dbus_fast import BusType
        from dbus_fast.aio import MessageBus

        try:
            self.bus = await MessageBus(bus_type=BusType.SYSTEM).connect()
        except Exception as error:  # dbus-fast raises whatever its socket and its handshake raise
            raise AdapterError(
                f"no system D-Bus ({error or type(error).__name__}); BlueZ needs it: install dbus and "
                "bluez, then `systemctl start dbus bluetooth`"
            ) from None
        return self

    async def __aexit__(self, *_: object) -> None:
        self.bus.disconnect()

    async def call(
        self,
        path: str,
        interface: str,
        member: str,
        signature: str = "",
        body: Sequence[Any] = (),
        destination: str = SERVICE,
    ) -> list[Any]:
        """Calls a method.

        Raises:
            AdapterError: it failed, or did not answer.
        """
        from dbus_fast import Message, MessageType

        message = Message(
            destination=destination,
            path=path,
            interface=interface,
            member=member,
            signature=signature,
            body=list(body),
        )
        try:
            reply = await asyncio.wait_for(self.bus.call(message), _CALL_S)
        except TimeoutError:
            raise AdapterError(f"{member}: bluetoothd did not answer in {_CALL_S:g} s") from None
        except (EOFError, OSError) as error:
            raise AdapterError(f"{member}: the system D-Bus went away ({error})") from None
        if reply is None or reply.message_type is MessageType.ERROR:
            name = "" if reply is None else reply.error_name or ""
            text = str(reply.body[0]) if reply is not None and reply.body else ""
            raise AdapterError(f"{member}: {_meaning(name, text)}", name)
        return list(reply.body)

    async def objects(self) -> dict[str, dict[str, dict[str, Any]]]:
        """BlueZ's objects, by path, interface and property.

        Raises:
            AdapterError: bluetoothd does not run, or does not let this user in.
        """
        from dbus_fast import unpack_variants

        (found,) = await self.call("/", _MANAGER, "GetManagedObjects")
        return dict(unpack_variants(found))

    async def is_on(self, adapter_path: str) -> bool:
        """The adapter is there, and on."""
        return bool((await self.objects()).get(adapter_path, {}).get(ADAPTER, {}).get("Powered"))

    async def set(self, path: str, interface: str, name: str, value: Any) -> None:
        """Sets a property; ``value`` is a Variant."""
        await self.call(path, _PROPERTIES, "Set", "ssv", [interface, name, value])

    async def watch(self, adapter_path: str, lost: Callable[[str], None]) -> None:
        """Calls ``lost`` with a reason when bluetoothd, or the adapter, stops what it does for us."""
        from dbus_fast import MessageType

        for rule in (
            f"type='signal',sender='{_BUS}',member='NameOwnerChanged',arg0='{SERVICE}'",
            f"type='signal',interface='{_MANAGER}',member='InterfacesRemoved',"
            f"arg0path='{adapter_path}'",
            f"type='signal',interface='{_PROPERTIES}',path='{adapter_path}'",
        ):
            await self.call("/org/freedesktop/DBus", _BUS, "AddMatch", "s", [rule], _BUS)

        def see(m: Message) -> None:
            if m.message_type is not MessageType.SIGNAL:
                return
            if m.member == "NameOwnerChanged" and m.body[0] == SERVICE and m.body[1]:
                lost("bluetoothd went away")
            elif m.member == "InterfacesRemoved" and m.body[0] == adapter_path:
                lost("the adapter was unplugged")
            elif m.member == "PropertiesChanged" and m.path == adapter_path:
                changed = m.body[1]
                if "Powered" in changed and not changed["Powered"].value:
                    lost("the adapter was switched off")
                elif "Discovering" in changed and not changed["Discovering"].value:
                    lost("the scan was stopped by another program or by the adapter")

        self.bus.add_message_handler(see)


def _meaning(name: str, text: str) -> str:
    """What to do about a D-Bus error."""
    known = {
        "org.freedesktop.DBus.Error.ServiceUnknown": "bluetoothd does not run; `sudo systemctl start "
        "bluetooth` (Debian package bluez)",
        "org.freedesktop.DBus.Error.NameHasNoOwner": "bluetoothd does not run; `sudo systemctl start "
        "bluetooth` (Debian package bluez)",
        "org.freedesktop.DBus.Error.AccessDenied": "bluetoothd does not let this user in; join the "
        "group bluetooth (`sudo usermod -aG bluetooth $USER`, then log in again) or run as root",
        "org.bluez.Error.NotReady": "the adapter is off; `bluetoothctl power on`, or `rfkill unblock "
        "bluetooth` where it is blocked",
        "org.bluez.Error.NotPermitted": "the adapter takes no more advertisements",
        "org.bluez.Error.InvalidLength": "the advertisement does not fit 31 bytes",
    }
    said = text or name or "no answer"
    return f"{known[name]} ({said})" if name in known else said
