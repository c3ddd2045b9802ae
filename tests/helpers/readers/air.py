"""What is on the air, as captures and adapters tell it."""

from __future__ import annotations

import base64
import json
import random
from types import SimpleNamespace

import numpy as np

from bluezone_sim.errors import InputError

from .. import capture_files
from .reader import Reader


def _air(data: bytes) -> None:
    """What an adapter tells of one advertisement, whose parts the bytes are."""
    from bluezone_sim.ble.listening.on_air import OnAir
    from bluezone_sim.ble.listening.recorder import packets_of
    from bluezone_sim.ble.listening.reports import Decoder
    from bluezone_sim.captures.decode import SightingDecoder

    rng = random.Random(data[:8])
    uuids = [f"0000{v}-0000-1000-8000-00805f9b34fb" for v in ("fd6f", "fd68", "c019", "fd64")]
    told = SimpleNamespace(
        rssi=rng.choice((-60, -128, 127, 20, 21, None, "x", 1 << 40)),
        service_uuids=rng.choice(([], uuids[:1], uuids, ["x"], [data[8:40].decode("latin-1")])),
        manufacturer_data=rng.choice(
            ({}, {0x22B5: data[8:20]}, {0x4C: data}, {-1: data}, {"a": 1})
        ),
        service_data=rng.choice(({}, {rng.choice(uuids): data[8:28]}, {rng.choice(uuids): data})),
        local_name=rng.choice((None, data[8:60].decode("latin-1"), "x" * 5000, 7)),
        tx_power=rng.choice((None, -20, 1 << 20, "x")),
        platform_data=(None, {}),
    )
    address = rng.choice(("C0:00:00:00:00:01", "", "zz", data[:17].decode("latin-1"), None))
    device = SimpleNamespace(address=address, name=None, details={})
    decoder = Decoder()
    heard = decoder.decode([(capture_files.START_US, device, told)])
    packets = packets_of(heard)
    for table in SightingDecoder().sightings(packets):
        assert len(table) <= len(packets)
    assert OnAir is not None


def _advertisement(data: bytes) -> None:
    """Bytes of an advertisement, decoded as those of captures and of adapters are."""
    from bluezone_sim import protocols
    from bluezone_sim.captures.decode import SightingDecoder

    protocols.recognise(data[:255])
    packets = capture_files.packets([data[:31]])
    for table in SightingDecoder().sightings(packets):
        assert len(table) <= 1


def _advertisements() -> list[bytes]:
    rng = np.random.default_rng(1)
    names = ("bluezone", "gaen", "dp3t-lowcost", "robert", "bluetrace", "tcn")
    return [capture_files.advertisement(name, rng) for name in names]


def _gatt(data: bytes) -> None:
    from bluezone_sim.protocols.bluetrace.wire import answer, written

    errors = []
    for read in (answer, written):
        try:
            read(data)
        except InputError as error:
            errors.append(error)
    if len(errors) == 2:
        raise errors[0]


def _exchanges() -> list[bytes]:
    own = base64.b64encode(bytes(61)).decode()
    return [
        json.dumps({"id": own, "o": "SG", "v": 2, "mp": "Pixel"}).encode(),
        json.dumps({"id": own, "o": "SG", "v": 2, "mc": "Pixel", "rs": -60}).encode(),
        json.dumps({"msg": own, "org": "AU", "v": 1, "modelC": "x", "rssi": -60}).encode(),
    ]


AIR: tuple[Reader, ...] = (
    Reader("adapter", lambda: [bytes([k]) * 8 + ad for k in range(40) for ad in _advertisements()], _air,
           ("ble.listening.reports",)),
    Reader("advertisement", _advertisements, _advertisement, ("captures.decode", "protocols.ad")),
    Reader("exchange", _exchanges, _gatt, ("protocols.bluetrace.wire",)),
)  # fmt: skip
