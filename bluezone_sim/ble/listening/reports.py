"""From a scanner's callback to packets: decoding what is on air, which may be anything.

BlueZ and the other systems hand over advertising data already taken apart; here it is put together
again as AD structures, so that one parser, the protocols' own, decides what it is, live and from
captures. Nothing here raises on what was received: what cannot be used is counted by its reason.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Container, Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple
from uuid import UUID

from ... import protocols
from ...protocols import Advertisement, ad
from ...protocols.ad import _BASE, long_uuid

#: Longest local name that is kept, characters.
NAME_MOST = 32
_CACHE_MOST = 4096
_SERVICE_DATA_128 = 0x21
#: RSSI that controllers report where they have none (Core specification, Vol 4 Part E, 7.7.65.2).
_NO_RSSI = 127


@dataclass(frozen=True, slots=True)
class Decoded:
    """What advertising data says, decoded once for all packets that repeat it.

    Attributes:
        data: AD structures, at most 31 bytes.
        found: what a protocol's parser made of it, or None.
        rejected: why it is of no protocol although it carries one's service; empty where it does not.
        name: local name, printable and short.
        cut: AD structures that did not fit 31 bytes.
    """

    data: bytes
    found: Advertisement | None
    rejected: str
    name: str
    cut: int


class AdvertisingReport(NamedTuple):
    """One advertisement, as the controller reported it.

    Attributes:
        time_us: unix microseconds.
        address: 48 bits.
        address_random: its kind.
        rssi_dbm: as the controller measured it.
        decoded: its data.
        device: bleak's handle, for a GATT read.
    """

    time_us: int
    address: int
    address_random: bool
    rssi_dbm: int
    decoded: Decoded
    device: Any


def printable(text: object, most: int = NAME_MOST) -> str:
    """Text from the air that cannot steer a terminal: no control characters, bounded."""
    shown = str(text)[:most]
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in shown)


def address_text(address: int) -> str:
    """A 48-bit address as AA:BB:CC:DD:EE:FF."""
    return ":".join(f"{b:02X}" for b in address.to_bytes(6, "big"))


def parse_address(text: str) -> int | None:
    """48 bits of an address, or of macOS's UUID that stands for one; None where it is neither."""
    if len(text) == 17:
        digits = text.replace(":", "")
        try:
            return int(digits, 16) if len(digits) == 12 else None
        except ValueError:
            return None
    try:
        # CoreBluetooth hides addresses: its handle, cut, keeps phones apart all the same.
        return UUID(text).int & 0xFFFF_FFFF_FFFF
    except ValueError:
        return None


def claims() -> dict[str, str]:
    """Services by which protocols show themselves, as the scanner writes them, and whose they are; of
    those that share one, the first."""
    out: dict[str, str] = {}
    for name in protocols.names():
        for service in protocols.get(name).wire.services:
            out.setdefault(long_uuid(service), name)
    return out


class Decoder:
    """Decodes reports; its memory is bounded whatever is on air.

    Attributes:
        rejected: packets left out, by reason.
    """

    def __init__(self) -> None:
        self.rejected: Counter[str] = Counter()
        self._cache: OrderedDict[Any, Decoded] = OrderedDict()
        self._claims = claims()

    def decode(self, reports: Iterable[tuple[int, Any, Any]]) -> list[AdvertisingReport]:
        """Packets of reports.

        Args:
            reports: (unix microseconds, bleak's device, bleak's advertisement data).
        """
        out = []
        for time_us, device, data in reports:
            try:
                rssi = int(data.rssi)
                if not -127 <= rssi <= 20 or rssi == -127 or rssi == _NO_RSSI:
                    self.rejected["no RSSI"] += 1
                    continue
                address = parse_address(device.address)
                if address is None:
                    self.rejected["address is none"] += 1
                    continue
                decoded = self._decoded(data)
                out.append(
                    AdvertisingReport(time_us, address, _is_random(data), rssi, decoded, device)
                )
            except Exception as error:  # any bytes may be on air; the scan goes on
                self.rejected[f"not decodable: {type(error).__name__}"] += 1
                continue
            if decoded.rejected:
                self.rejected[decoded.rejected] += 1
            if decoded.cut:
                self.rejected["AD structures beyond 31 bytes, dropped"] += decoded.cut
        return out

    def _decoded(self, data: Any) -> Decoded:
        key = (
            tuple(data.service_uuids),
            tuple(data.manufacturer_data.items()),
            tuple(data.service_data.items()),
            data.local_name,
        )
        decoded = self._cache.get(key)
        if decoded is None:
            decoded = self._decode(data)
            self._cache[key] = decoded
            if len(self._cache) > _CACHE_MOST:
                self._cache.popitem(last=False)
        return decoded

    def _decode(self, data: Any) -> Decoded:
        structures = list(_structures(data, self._claims))
        kept, size = [], 0
        for kind, content in structures:
            if size + len(content) + 2 <= ad.MAX_BYTES:
                kept.append((kind, content))
                size += len(content) + 2
        raw = ad.build(kept)
        found = protocols.recognise(raw)
        rejected = ""
        claims = {
            self._claims[u] for u in (*data.service_uuids, *data.service_data) if u in self._claims
        }
        if found is None and claims:
            rejected = f"{'/'.join(sorted(claims))}: service without data of its form"
        # A name comes with the scan response, which has 31 bytes of its own.
        cut = sum(kind not in ad.NAMES for kind, _ in structures)
        cut -= sum(kind not in ad.NAMES for kind, _ in kept)
        return Decoded(raw, found, rejected, printable(data.local_name or ""), cut)


def _is_random(data: Any) -> bool:
    """The address is random; unknown where the system hides it, then it is taken to be."""
    platform = data.platform_data
    if len(platform) > 1 and isinstance(platform[1], dict):
        return bool(platform[1].get("AddressType", "random") == "random")
    return True


def _structures(data: Any, claims: Container[str]) -> Iterable[tuple[int, bytes]]:
    """AD structures, those that identify first, so that the rest is cut where it is too long.

    A protocol's service UUID comes with the data that belongs to it: BlueZ collects UUIDs by address,
    and stale ones must not push the data out.
    """
    platform = data.platform_data
    flags = b""
    if len(platform) > 1 and isinstance(platform[1], dict):
        flags = bytes(platform[1].get("AdvertisingFlags", b""))
    if len(flags) == 1:
        yield ad.FLAGS, flags
    short, long = [], []
    for text in data.service_uuids:
        value = _short(text)
        if value is not None:
            short.append((text not in claims, value))
        elif text not in claims or text not in data.service_data:
            long.append((text not in claims, UUID(text).bytes[::-1]))
    for text, content in data.service_data.items():
        value = _short(text)
        if value is None:
            if text in claims:
                yield _SERVICE_DATA_128, UUID(text).bytes[::-1] + bytes(content)
            continue
        uuid = value.to_bytes(2, "little")
        if (text not in claims, value) in short and text in claims:
            short.remove((False, value))
            yield ad.UUIDS_16[1], uuid
        yield ad.SERVICE_DATA_16, uuid + bytes(content)
    claimed = sorted(v for other, v in short if not other)
    if claimed:
        yield ad.UUIDS_16[1], b"".join(v.to_bytes(2, "little") for v in claimed)
    for company, content in data.manufacturer_data.items():
        yield ad.MANUFACTURER, int(company).to_bytes(2, "little") + bytes(content)
    for _, value128 in sorted(long):
        yield ad.UUIDS_128[1], value128
    for other, value in short:
        if other:
            yield ad.UUIDS_16[0], value.to_bytes(2, "little")
    if data.tx_power is not None and -127 <= data.tx_power <= 127:
        yield 0x0A, int(data.tx_power).to_bytes(1, "little", signed=True)
    if data.local_name:
        yield ad.NAMES[1], data.local_name.encode("utf-8", "replace")


def _short(text: str) -> int | None:
    if text.startswith("0000") and text.endswith(_BASE):
        return int(text[4:8], 16)
    return None
