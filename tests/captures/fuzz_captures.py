"""Coverage-guided fuzzing of the parsers of captures and keys; not part of the test suite.

Every input is read or refused with an InputError; anything else, and anything that takes too long, is a
fault::

    python -m pip install atheris
    python tests/captures/fuzz_captures.py -max_total_time=60 -timeout=10 -rss_limit_mb=2048
"""

from __future__ import annotations

import io
import json
import sys
import tempfile
from contextlib import suppress
from functools import partial
from pathlib import Path

import atheris
import numpy as np

sys.path[:0] = [str(Path(__file__).parents[2]), str(Path(__file__).parents[1])]

with atheris.instrument_imports(include=["bluezone_sim"]):
    from bluezone_sim.captures.decode import SightingDecoder
    from bluezone_sim.captures.formats.frames import in_order
    from bluezone_sim.captures.formats.hci import HciReader
    from bluezone_sim.captures.formats.link_layer import LINK_LAYER, read_link_layer
    from bluezone_sim.captures.gatt_reads import GattReader
    from bluezone_sim.captures.sources import READERS
    from bluezone_sim.errors import InputError
    from bluezone_sim.protocols.bluezone.files import parse_f0_message, parse_history
    from bluezone_sim.protocols.dp3t.files import CuckooFilter, parse_list
    from bluezone_sim.protocols.gaen.archive import parse_export_zip
    from bluezone_sim.protocols.tcn.files import parse_report

_HCI = (187, 201, 254, 1001, 1002, 2001)


def capture(reader, data: bytes) -> None:
    """A whole capture, to sightings."""
    hci, gatt, decoder = HciReader(), GattReader(), SightingDecoder()
    for part, _ in in_order(reader(io.BytesIO(data))):
        for links, read in ((_HCI, hci.read), (LINK_LAYER, read_link_layer)):
            rows = np.flatnonzero(np.isin(part.link, links))
            packets, own, *_ = read(part.take(rows))
            if links is _HCI:
                reads = gatt.read(part.take(rows))
            for table in decoder.sightings(packets, *((own, reads) if links is _HCI else ())):
                assert len(table) <= len(packets)


TARGETS = {name: partial(capture, reader) for name, reader in READERS.items()} | {
    "history": parse_history,
    "message": parse_f0_message,
    "dp3t": lambda data: parse_list(data, 32, 96),
    "dp3t of 16 bytes": lambda data: parse_list(data, 16, 16),
    "cuckoo": CuckooFilter.from_bytes,
    "export": parse_export_zip,
    "report": parse_report,
}
NAMES = list(TARGETS)


def one(data: bytes) -> None:
    """The first byte chooses the parser."""
    if not data:
        return
    with suppress(InputError):
        TARGETS[NAMES[data[0] % len(NAMES)]](data[1:])


def seeds(folder: Path) -> None:
    """Whole files to start from."""
    from bluezone_sim.captures.formats.pcapng import PcapngWriter
    from helpers.bluezone_files import message, trace
    from helpers.capture_files import START_US, btsnoop, event, extended, mixed, pcapng, report

    ad = b"\x02\x01\x1a\x03\x03\x6f\xfd\x17\x16\x6f\xfd" + bytes(range(20))
    log = btsnoop(
        [
            (START_US, event(report(ad), report(b""))),
            (START_US + 1, event(extended(ad, 0x20, sid=1), sub=0x0D)),
            (START_US + 2, event(extended(ad, 0, sid=1), sub=0x0D)),
            (START_US + 3, b"\x04\x3e\x13\x01\x00\x40\x00\x00\x01" + bytes(13)),
            (START_US + 3, b"\x02\x40\x00\x07\x00\x03\x00\x04\x00\x0b\x21\x00"),
            (START_US + 3, b"\x01\x37\x20\x23" + bytes([0, 3, 1, 31]) + ad),
        ]
    )
    with PcapngWriter(folder / "mixed") as out:
        out.write(mixed(7, observers=2))
    files = [
        ("btsnoop", log),
        ("pcapng", (folder / "mixed").read_bytes()),
        ("pcapng", pcapng([(0, START_US, bytes(4) + event(report(ad)))], (201,), ">")),
        ("history", trace()),
        ("message", message()),
        ("dp3t", json.dumps({"exposed": [{"key": "A" * 43 + "=", "keyDate": 1}]}).encode()),
        ("cuckoo", CuckooFilter.build(np.ones((3, 32), np.uint8)).to_bytes()),
    ]
    (folder / "mixed").unlink()
    for k, (target, data) in enumerate(files):
        (folder / str(k)).write_bytes(bytes([NAMES.index(target)]) + data)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as corpus:
        seeds(Path(corpus))
        atheris.Setup([*sys.argv, corpus], one)
        atheris.Fuzz()
