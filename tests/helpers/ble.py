"""What a scanner tells, and somebody who answers a guided session."""

from __future__ import annotations

import io
from types import SimpleNamespace

import pytest

from bluezone_sim.protocols.ad import long_uuid

U_BLUEZONE, U_GAEN = long_uuid(0x4E56), long_uuid(0xFD6F)
T0_US = 1_700_000_100_000_000


def answers(monkeypatch: pytest.MonkeyPatch, *lines: str) -> None:
    """Types lines, and then ends the input."""
    monkeypatch.setattr("sys.stdin", io.StringIO("".join(f"{line}\n" for line in lines)))


def report(
    time_us=T0_US,
    address="C0:00:00:00:00:01",
    rssi=-60,
    uuids=(),
    manufacturer=None,
    service=None,
    name=None,
    tx_power=None,
    kind="random",
    flags=None,
):
    """What bleak's callback gets."""
    props = {"AddressType": kind} | ({"AdvertisingFlags": flags} if flags else {})
    data = SimpleNamespace(
        rssi=rssi,
        service_uuids=list(uuids),
        manufacturer_data=manufacturer or {},
        service_data=service or {},
        local_name=name,
        tx_power=tx_power,
        platform_data=("path", props),
    )
    return time_us, SimpleNamespace(address=address), data


def bluezone_report(identifier, **kwargs):
    """Of a phone with Bluezone."""
    return report(uuids=[U_BLUEZONE], manufacturer={0x22B5: identifier}, flags=b"\x06", **kwargs)
