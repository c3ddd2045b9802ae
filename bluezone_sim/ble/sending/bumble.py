"""Sending through bumble on a raw dongle: each phone has a random address that changes with its
identifier, which BlueZ does not offer.

The adapter must be BlueZ's no longer: ``usb:0`` takes the USB device, ``hci-socket:0`` needs the adapter
powered off (``bluetoothctl power off``, or ``hciconfig hci0 down``) and CAP_NET_ADMIN.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from typing import Any, Self

from ...errors import InputError
from ...protocols import Gatt
from ..adapters.bus import AdapterError
from .transmit import Transmission

_OPEN_S = 10.0


class BumbleTransmitter:
    """A dongle driven by bumble, as an async context manager. One phone at a time, in short turns.

    Raises:
        InputError: bumble is not installed, or no transport was named.
        AdapterError: the dongle does not open.
    """

    slots = 1
    #: Legacy advertising sends one phone at a time; a tenth of a second holds one or two packets.
    slice_s = 0.1
    #: A connection stays where others take their turns; each has the answer of its address.
    readable = 1_000

    def __init__(self, transport: str | None) -> None:
        if transport is None:
            raise InputError(
                "--backend bumble: name the dongle with --adapter usb:0 or hci-socket:0"
            )
        self._name = transport
        self._sending: Transmission | None = None
        self._addresses: dict[Transmission, Any] = {}
        self._serves = False

    async def __aenter__(self) -> Self:
        try:
            from bumble.device import Device, DeviceConfiguration
        except ImportError:
            raise InputError(
                "--backend bumble: needs the extra ble, `pip install 'bluezone-sim[ble]'`"
            ) from None
        try:
            async with asyncio.timeout(_OPEN_S):
                source, sink = await self._open()
                configuration = DeviceConfiguration(name="", address=self._fresh())
                self._device = Device.from_config_with_hci(configuration, source, sink)
                await self._device.power_on()
        except Exception as error:  # a transport raises whatever its operating system does
            raise AdapterError(
                f"adapter {self._name}: bumble cannot open it ({error or type(error).__name__}); is the "
                "adapter powered off in BlueZ, and may this user open it?"
            ) from None
        return self

    async def __aexit__(self, *_: object) -> None:
        with contextlib.suppress(Exception):
            await self.clear(0)
        await self._close()

    async def _open(self) -> tuple[Any, Any]:
        """The HCI of the dongle, as a source and a sink."""
        from bumble.transport import open_transport

        self._transport = await open_transport(self._name)
        return self._transport.source, self._transport.sink

    async def _close(self) -> None:
        await self._transport.close()

    def _fresh(self, *, resolvable: bool = True) -> Any:
        """A random static address, or a non-resolvable one (Core, Vol 6 Part B, 1.3.2)."""
        from bumble.hci import Address

        raw = bytearray(secrets.token_bytes(6))
        raw[5] = raw[5] | 0xC0 if resolvable else raw[5] & 0x3F
        return Address(bytes(raw), Address.RANDOM_DEVICE_ADDRESS)

    async def put(self, slot: int, sending: Transmission) -> None:
        """Sends, under the address that belongs to these data."""
        from bumble.device import AdvertisingType
        from bumble.hci import OwnAddressType

        await self.clear(slot)
        if sending.gatt is not None and not self._serves:
            self._serve(sending.gatt)
        address = self._addresses.get(sending)
        if address is None:
            address = self._fresh(resolvable=sending.connectable)
            self._addresses[sending] = address
            while len(self._addresses) > 1024:
                del self._addresses[next(iter(self._addresses))]
        kind = (
            AdvertisingType.UNDIRECTED_CONNECTABLE_SCANNABLE
            if sending.connectable
            else AdvertisingType.UNDIRECTED
        )
        await self._set_address(address)
        self._device.advertising_interval_min = sending.interval_ms
        self._device.advertising_interval_max = sending.interval_ms
        await self._device.start_advertising(
            advertising_type=kind,
            own_address_type=OwnAddressType.RANDOM,
            auto_restart=sending.connectable,
            advertising_data=sending.data,
        )
        self._sending = sending

    async def _set_address(self, address: Any) -> None:
        from bumble import hci

        self._device.random_address = address
        self._device.static_address = address
        await self._device.send_command(
            hci.HCI_LE_Set_Random_Address_Command(random_address=address), check_result=True
        )

    async def clear(self, slot: int) -> None:
        """Takes the phone off air."""
        if self._sending is not None:
            self._sending = None
            await self._device.stop_advertising()

    def _serve(self, gatt: Gatt) -> None:
        """An iPhone's service; a connection reads the identifier of the address it was made to."""
        from bumble.core import UUID
        from bumble.gatt import Characteristic, CharacteristicValue, Service

        def answer(connection: Any) -> bytes:
            mine = bytes(connection.self_address)
            return next((s.answer for s, a in self._addresses.items() if bytes(a) == mine), b"")

        value: Any = CharacteristicValue(read=answer)
        characteristic: Any = Characteristic(
            UUID(str(gatt.characteristic)),
            Characteristic.Properties.READ,
            Characteristic.READABLE,
            value,
        )
        self._device.add_service(Service(UUID(str(gatt.service)), [characteristic]))
        self._serves = True

    def limits(self, phones: int, *, connectable: bool, iphones: int = 0) -> list[str]:
        """What a dongle without BlueZ does."""
        out = ["each phone has a random address of its own, which changes with its identifier"]
        if phones > 1:
            out.append(
                f"{phones} phones take turns: each is on air {self.slice_s:g} s in "
                f"{phones * self.slice_s:g} s"
            )
        return out
