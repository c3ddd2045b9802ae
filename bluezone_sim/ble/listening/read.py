"""``bluezone-sim ble read``: one phone's identifier."""

from __future__ import annotations

from typing import Any

from ...errors import InputError
from ..adapters.bus import AdapterError
from ..adapters.inventory import choose
from .gatt_client import Answer, ReadError, read_identifier
from .reports import parse_address


async def read_address(address: str, *, adapter: str | None, timeout_s: float) -> Answer:
    """Looks for a phone and reads it.

    Raises:
        InputError: the address is none.
        AdapterError: there is no adapter.
        ReadError: the phone is not on air, or could not be read.
    """
    from bleak import BleakScanner
    from bleak.exc import BleakError

    if parse_address(address) is None:
        raise InputError(f"address {address!r}: expected one such as C0:DE:00:00:00:01")
    chosen = await choose(adapter)
    name = None if chosen.name == "default" else chosen.name
    options: dict[str, Any] = {}
    if name is not None:
        options["bluez"] = {"adapter": name, "filters": {"DuplicateData": True}}
    try:
        device = await BleakScanner.find_device_by_address(address, timeout=timeout_s, **options)
    except (BleakError, OSError, EOFError) as error:
        raise AdapterError(
            f"adapter {chosen.name}: scanning does not start ({error or type(error).__name__})"
        ) from None
    if device is None:
        raise ReadError("find", f"{address} is not on air; it may have changed its address")
    return await read_identifier(device, adapter=name, timeout_s=timeout_s)
