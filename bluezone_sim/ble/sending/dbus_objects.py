"""The objects that BlueZ calls back: an advertisement, and an iPhone's GATT service.

dbus-fast reads signatures off the annotations, so they are not postponed in this module, which is
imported only where something is sent.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any
from uuid import UUID

from dbus_fast import PropertyAccess, Variant
from dbus_fast.annotations import (
    DBusBool,
    DBusBytes,
    DBusDict,
    DBusObjectPath,
    DBusSignature,
    DBusStr,
    DBusUInt32,
)
from dbus_fast.service import ServiceInterface, dbus_method, dbus_property

_Strings = Annotated[list[str], DBusSignature("as")]
_Companies = Annotated[dict[int, Variant], DBusSignature("a{qv}")]
_READ = PropertyAccess.READ


@dataclass(frozen=True)
class Fields:
    """An advertisement as BlueZ takes it."""

    connectable: bool
    uuids: list[str]
    services: dict[str, bytes]
    companies: dict[int, bytes]
    name: str
    interval_ms: int


def advertisement(f: Fields) -> ServiceInterface:
    """An ``LEAdvertisement1``."""

    # A class of its own for each: dbus-fast keeps a property's `disabled` on the class.
    class Advertisement(ServiceInterface):
        def __init__(self) -> None:
            super().__init__("org.bluez.LEAdvertisement1")
            # BlueZ takes a property that is there as one that is wanted.
            absent = {
                "LocalName": not f.name,
                "ServiceUUIDs": not f.uuids,
                "ServiceData": not f.services,
                "ManufacturerData": not f.companies,
            }
            for prop in ServiceInterface._get_properties(self):
                if absent.get(prop.name):
                    prop.disabled = True

        @dbus_property(access=_READ, name="Type")
        def kind(self) -> DBusStr:
            return "peripheral" if f.connectable else "broadcast"

        @dbus_property(access=_READ, name="ServiceUUIDs")
        def service_uuids(self) -> _Strings:
            return f.uuids

        @dbus_property(access=_READ, name="ServiceData")
        def service_data(self) -> DBusDict:
            return {k: Variant("ay", v) for k, v in f.services.items()}

        @dbus_property(access=_READ, name="ManufacturerData")
        def manufacturer_data(self) -> _Companies:
            return {k: Variant("ay", v) for k, v in f.companies.items()}

        @dbus_property(access=_READ, name="LocalName")
        def local_name(self) -> DBusStr:
            return f.name

        @dbus_property(access=_READ, name="MinInterval")
        def min_interval(self) -> DBusUInt32:
            return f.interval_ms

        @dbus_property(access=_READ, name="MaxInterval")
        def max_interval(self) -> DBusUInt32:
            return f.interval_ms

        @dbus_method(name="Release")
        def release(self):  # type: ignore[no-untyped-def]  # nothing is returned: no signature
            """BlueZ took the advertisement off air."""

    return Advertisement()


class Service(ServiceInterface):
    """An iPhone's service, whose identifier is read."""

    def __init__(self, uuid: UUID) -> None:
        super().__init__("org.bluez.GattService1")
        self._uuid = uuid

    @dbus_property(access=_READ, name="UUID")
    def uuid(self) -> DBusStr:
        return str(self._uuid)

    @dbus_property(access=_READ, name="Primary")
    def primary(self) -> DBusBool:
        return True


class Characteristic(ServiceInterface):
    """Its characteristic, which answers with the identifier of the moment."""

    def __init__(self, service_path: str, uuid: UUID, identifier: Callable[[], bytes]) -> None:
        super().__init__("org.bluez.GattCharacteristic1")
        self._service_path = service_path
        self._uuid = uuid
        self._identifier = identifier

    @dbus_property(access=_READ, name="UUID")
    def uuid(self) -> DBusStr:
        return str(self._uuid)

    @dbus_property(access=_READ, name="Service")
    def service(self) -> DBusObjectPath:
        return self._service_path

    @dbus_property(access=_READ, name="Flags")
    def flags(self) -> _Strings:
        return ["read"]

    @dbus_method(name="ReadValue")
    def read_value(self, options: DBusDict) -> DBusBytes:
        start: Any = options["offset"].value if "offset" in options else 0
        return self._identifier()[start:]
