"""What BlueZ does with an ``LEAdvertisement1``: checks it, gives it an address, sends it."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

#: Interval without MinInterval: about one advertisement in 1.3 s.
_DEFAULT_INTERVAL_S = 1.28
_LEGACY_BYTES = 31


class RefusedError(Exception):
    """BlueZ would not take the advertisement; ``name`` is the D-Bus error."""

    def __init__(self, name: str, text: str):
        super().__init__(text)
        self.name = name


@dataclass(frozen=True)
class Wanted:
    """A parsed advertisement."""

    broadcast: bool
    manufacturer: Mapping[int, bytes]
    service_data: Mapping[str, bytes]
    uuids: tuple[str, ...]
    name: str | None
    interval_s: float


@dataclass
class Airing:
    """An advertisement on air, of one client."""

    wanted: Wanted
    sender: str
    task: asyncio.Task[Any] = field(init=False)


def parse(props: Mapping[str, Any]) -> Wanted:
    """Checks a client's properties.

    Raises:
        RefusedError: a type or length that BlueZ refuses.
    """
    kind = props.get("Type")
    if kind not in ("broadcast", "peripheral"):
        raise RefusedError("org.bluez.Error.InvalidArguments", f"Type {kind!r}")
    manufacturer = {k: bytes(v.value) for k, v in props.get("ManufacturerData", {}).items()}
    service_data = {k: bytes(v.value) for k, v in props.get("ServiceData", {}).items()}
    uuids = tuple(props.get("ServiceUUIDs", ()))
    if 1 in props.get("Data", {}):
        raise RefusedError("org.bluez.Error.InvalidArguments", "Flags cannot be set")
    short = sum(_is_short(u) for u in uuids)
    size = 0 if kind == "broadcast" else 3
    size += 2 + 2 * short if short else 0
    size += 2 + 16 * (len(uuids) - short) if len(uuids) > short else 0
    size += sum(4 + len(v) for v in manufacturer.values())
    size += sum((4 if _is_short(k) else 18) + len(v) for k, v in service_data.items())
    if size > _LEGACY_BYTES:
        raise RefusedError(
            "org.bluez.Error.InvalidLength", f"Advertising data too long: {size} bytes"
        )
    interval_ms = props.get("MinInterval")
    return Wanted(
        broadcast=kind == "broadcast",
        manufacturer=manufacturer,
        service_data=service_data,
        uuids=uuids,
        name=props.get("LocalName"),
        interval_s=_DEFAULT_INTERVAL_S if interval_ms is None else interval_ms / 1000,
    )


def _is_short(uuid: str) -> bool:
    return uuid.startswith("0000") and uuid.endswith("-0000-1000-8000-00805f9b34fb")


def fresh_address() -> str:
    """A random non-resolvable address: the two most significant bits are zero."""
    raw = bytearray(secrets.token_bytes(6))
    raw[0] &= 0x3F
    return ":".join(f"{b:02X}" for b in raw)
