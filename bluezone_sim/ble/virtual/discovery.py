"""Discovery on the virtual bench: what its clients are told of the air, by scans and by monitors."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from dbus_fast import Message, MessageType, Variant

from .advertising import Airing
from .gatt_server import ADAPTER, DEVICE, GattTree
from .objects import PROPERTIES, Call, Props


@dataclass
class _Monitor:
    sender: str
    path: str
    patterns: list[tuple[int, int, bytes]]


@dataclass
class AdapterState:
    """What one adapter does."""

    scanning: dict[str, bool] = field(default_factory=dict)  # client: duplicates wanted
    monitors: list[_Monitor] = field(default_factory=list)
    airings: dict[tuple[str, str], Airing] = field(default_factory=dict)
    reported_s: dict[str, float] = field(default_factory=dict)
    seen_s: dict[str, float] = field(default_factory=dict)


class Discovery(GattTree):
    """Devices that come and go, and who is told of them.

    Attributes:
        device_timeout_s: unconnected devices are forgotten after so long, as bluetoothd does.
    """

    def __init__(self, device_timeout_s: float) -> None:
        super().__init__()
        self.device_timeout_s = device_timeout_s
        self._state: dict[str, AdapterState] = {}
        self._filters: dict[str, Props] = {}

    async def _forget_devices(self) -> None:
        while True:
            await asyncio.sleep(min(1.0, self.device_timeout_s / 4))
            now = time.monotonic()
            for state in list(self._state.values()):
                for path, seen in list(state.seen_s.items()):
                    connected = self._objects.get(path, {}).get(DEVICE, {}).get("Connected")
                    if now - seen > self.device_timeout_s and not (connected and connected.value):
                        self._remove(path)
                        state.seen_s.pop(path, None)
                        state.reported_s.pop(path, None)

    def hear(
        self,
        adapter: str,
        address: str,
        rssi_dbm: int,
        *,
        manufacturer: Mapping[int, bytes] | None = None,
        service_data: Mapping[str, bytes] | None = None,
        uuids: Sequence[str] = (),
        name: str | None = None,
        tx_power_dbm: int | None = None,
        flags: bytes | None = None,
        address_type: str = "random",
    ) -> None:
        """What bluetoothd does with one advertising report; ``adapter`` is a name such as hci0."""
        path = f"/org/bluez/{adapter}"
        state = self._state.get(path)
        if state is None:
            return
        device = f"{path}/dev_{address.replace(':', '_')}"
        finders = [m for m in state.monitors if _fits(m, manufacturer or {}, service_data or {})]
        if not state.scanning and not finders:
            return
        now = time.monotonic()
        state.seen_s[device] = now
        if device in self._objects and state.scanning and not any(state.scanning.values()):
            # Without duplicate data BlueZ lets about one report a second through.
            if now - state.reported_s.get(device, 0.0) < 1.0:
                return
            state.reported_s[device] = now
        props: Props = {"RSSI": Variant("n", rssi_dbm)}
        if manufacturer:
            props["ManufacturerData"] = Variant(
                "a{qv}", {k: Variant("ay", v) for k, v in manufacturer.items()}
            )
        if service_data:
            props["ServiceData"] = Variant(
                "a{sv}", {k: Variant("ay", v) for k, v in service_data.items()}
            )
        if flags is not None:
            props["AdvertisingFlags"] = Variant("ay", flags)
        if name is not None:
            props["Name"] = Variant("s", name)
        if tx_power_dbm is not None:
            props["TxPower"] = Variant("n", tx_power_dbm)
        if device in self._objects:
            # BlueZ accumulates service UUIDs by address, stale ones included.
            known = self._objects[device][DEVICE]["UUIDs"].value
            if any(u not in known for u in uuids):
                props["UUIDs"] = Variant("as", sorted({*known, *uuids}))
            self._set(device, DEVICE, props)
        else:
            self._add(
                device,
                {
                    DEVICE: {
                        "Address": Variant("s", address),
                        "AddressType": Variant("s", address_type),
                        "Alias": Variant("s", name or address.replace(":", "-")),
                        "Adapter": Variant("o", path),
                        "Paired": Variant("b", False),
                        "Connected": Variant("b", False),
                        "Trusted": Variant("b", False),
                        "Blocked": Variant("b", False),
                        "ServicesResolved": Variant("b", False),
                        "UUIDs": Variant("as", list(uuids)),
                        **props,
                    }
                },
            )
        for monitor in finders:
            self.bus.send(
                Message(
                    destination=monitor.sender,
                    path=monitor.path,
                    interface="org.bluez.AdvertisementMonitor1",
                    member="DeviceFound",
                    signature="o",
                    body=[device],
                )
            )

    # -- calls ---------------------------------------------------------------------------------------

    def _set_filter(self, m: Call) -> Message:
        self._filters[m.sender] = m.body[0]
        return m.answer()

    def _start_discovery(self, m: Call) -> Message:
        if not self._objects[m.path][ADAPTER]["Powered"].value:
            return m.error("org.bluez.Error.NotReady", "Resource Not Ready")
        wanted = self._filters.get(m.sender, {}).get("DuplicateData")
        self._state[m.path].scanning[m.sender] = bool(wanted.value) if wanted else True
        self._set(m.path, ADAPTER, {"Discovering": Variant("b", True)})
        return m.answer()

    def _stop_discovery(self, m: Call) -> Message:
        if self._state[m.path].scanning.pop(m.sender, None) is None:
            return m.error("org.bluez.Error.Failed", "No discovery started")
        left = bool(self._state[m.path].scanning)
        self._set(m.path, ADAPTER, {"Discovering": Variant("b", left)})
        return m.answer()

    def _remove_device(self, m: Call) -> Message:
        self._remove(m.body[0])
        return m.answer()

    async def _register_monitor(self, m: Call) -> Message:
        self._spawn(self._activate(m))
        return m.answer()

    async def _activate(self, m: Call) -> None:
        # bleak exports its monitor only after this call has returned
        for _ in range(100):
            await asyncio.sleep(0.01)
            props = await self._client_properties(m, "org.bluez.AdvertisementMonitor1")
            if props is not None and "Patterns" in props:
                patterns = [(s, t, bytes(c)) for s, t, c in props["Patterns"].value]
                self._state[m.path].monitors.append(_Monitor(m.sender, m.body[0], patterns))
                return

    def _unregister_monitor(self, m: Call) -> Message:
        state = self._state[m.path]
        state.monitors = [x for x in state.monitors if (x.sender, x.path) != (m.sender, m.body[0])]
        return m.answer()

    async def _client_properties(self, m: Call, interface: str) -> Props | None:
        reply = await self.bus.call(
            Message(
                destination=m.sender,
                path=m.body[0],
                interface=PROPERTIES,
                member="GetAll",
                signature="s",
                body=[interface],
            )
        )
        if reply is None or reply.message_type is not MessageType.METHOD_RETURN:
            return None
        found: Props = reply.body[0]
        return found


def _fits(
    monitor: _Monitor, manufacturer: Mapping[int, bytes], service_data: Mapping[str, bytes]
) -> bool:
    """A pattern (start, AD type, bytes) of a monitor is in the advertisement."""
    found: list[tuple[int, bytes]] = [
        (0xFF, k.to_bytes(2, "little") + v) for k, v in manufacturer.items()
    ]
    for uuid, data in service_data.items():
        with contextlib.suppress(ValueError):
            found.append((0x16, int(uuid[4:8], 16).to_bytes(2, "little") + data))
    return any(
        kind == have and data[at : at + len(wanted)] == wanted
        for at, kind, wanted in monitor.patterns
        for have, data in found
    )
