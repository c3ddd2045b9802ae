"""Parsers of captures and keys under damaged, cut and random bytes; writers under any packets."""

from __future__ import annotations

import io
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from bluezone_sim.captures.formats import frames, pcapng_blocks, records
from bluezone_sim.captures.formats.btsnoop import BtsnoopWriter
from bluezone_sim.captures.formats.pcapng import PcapngWriter
from bluezone_sim.captures.importing import Import
from bluezone_sim.captures.key_files import read_keys
from bluezone_sim.captures.packets import Packets
from bluezone_sim.errors import InputError
from bluezone_sim.protocols.dp3t import files as dp3t_files
from bluezone_sim.protocols.gaen import files as gaen_export
from bluezone_sim.protocols.tcn import files as tcn
from bluezone_sim.tables.rows import PublishedKeys
from helpers.bluezone_files import message, trace
from helpers.capture_files import (
    START_US,
    btsnoop,
    event,
    extended,
    mixed,
    nordic,
    pcap,
    pcapng,
    report,
    same,
    without_channel,
)

_SETTINGS = settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])


def _log() -> bytes:
    rng = np.random.default_rng(1)
    parts = [bytes(rng.integers(0, 256, n, np.uint8)) for n in (20, 31, 3)]
    return btsnoop(
        [
            (START_US, event(*(report(p) for p in parts))),
            (
                START_US + 1,
                event(*(extended(p, 0x20, sid=k) for k, p in enumerate(parts)), sub=0x0D),
            ),
            (START_US + 2, event(extended(parts[0], 0, sid=1), sub=0x0D)),
            (START_US + 3, b"\x01\x37\x20\x09" + bytes([0, 3, 1, 5]) + b"\x04\xff\x01\x02\x03"),
            (START_US + 4, b"\x01\x08\x20\x20" + bytes([3]) + b"\x02\x01\x06" + bytes(28)),
        ]
    )


@pytest.fixture(scope="module")
def seeds(tmp_path_factory) -> list[bytes]:
    """Whole files of every kind."""
    folder = tmp_path_factory.mktemp("seeds")
    with PcapngWriter(folder / "a") as out:
        out.write(mixed(7, observers=2))
    keys = PublishedKeys(
        np.ones((2, 16), np.uint8), np.zeros(2, np.int64), np.full(2, 144, np.int32)
    )
    return [
        _log(),
        (folder / "a").read_bytes(),
        pcapng([(0, START_US, bytes(4) + event(report(b"\x02\x01\x06")))] * 2, (201, 1), ">"),
        pcap([(START_US, nordic(bytes(40)))] * 2, 272),
        trace(),
        message(),
        gaen_export.write_export(keys),
        dp3t_files.CuckooFilter.build(np.ones((3, 32), np.uint8)).to_bytes(),
        tcn.write_report(b"\1" * 32, 1, 5, memo=b"abc") * 2,
    ]


def damaged(draw, seeds: list[bytes]) -> bytes:
    """A whole file with some bytes replaced, a piece cut out or doubled, an end cut off."""
    data = bytearray(draw(st.sampled_from(seeds)))
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(data) - 1))
        data[at] = draw(st.integers(0, 255))
    if draw(st.booleans()):
        a, b = sorted(draw(st.integers(0, len(data))) for _ in range(2))
        data[a:b] = data[a:b] * draw(st.sampled_from([0, 2]))
    if draw(st.booleans()):
        del data[draw(st.integers(0, len(data))) :]
    return bytes(data)


def imported(path: Path, *, partial: bool = False):
    """(tables, fault) of a file; only faults of the input are let through."""
    tables, fault = [], ""
    try:
        _, found = Import(partial=partial).read(path)
        for table in found:
            tables.append(table)
    except InputError as error:
        fault = str(error)
        assert str(path) in fault
    for table in tables:
        assert table.identifier.dtype == np.uint8
        assert np.all(table.time_ms >= 0)
        assert np.all((table.rssi_dbm >= -128) & (table.rssi_dbm <= 127))
    return tables, fault


@_SETTINGS
@given(st.data())
def test_damaged_files_are_read_or_refused(seeds, tmp_path, data):
    path = tmp_path / "x"
    path.write_bytes(damaged(data.draw, seeds))
    strict, _ = imported(path)
    tables, _ = imported(path, partial=True)
    assert sum(map(len, tables)) >= sum(map(len, strict))
    with suppress(InputError):
        read_keys(path)


@_SETTINGS
@given(st.binary(max_size=300), st.sampled_from([b"", _log()[:16], b"\x0a\x0d\x0d\x0a\x1c\0\0\0"]))
@example(b"\0" * 8, b"\x0a\x0d\x0d\x0a\x1c\0\0\0")
def test_random_bytes_are_read_or_refused(tmp_path, data, head):
    path = tmp_path / "x"
    path.write_bytes(head + data)
    imported(path)
    with suppress(InputError):
        read_keys(path)


@_SETTINGS
@given(st.data(), st.integers(40, 700))
def test_the_size_of_the_window_changes_nothing(seeds, tmp_path, data, size):
    path = tmp_path / "x"
    path.write_bytes(damaged(data.draw, seeds[:3]))
    with pytest.MonkeyPatch.context() as patch:
        whole, fault = imported(path)
        patch.setattr(frames, "WINDOW_BYTES", size)
        pieces, again = imported(path)
    assert fault == again

    def rows(tables):
        return sorted(
            (t.protocol, int(o), int(ms), bytes(i), int(r), int(a))
            for t in tables
            for o, ms, i, r, a in zip(
                t.observer, t.time_ms, t.identifier, t.rssi_dbm, t.address, strict=True
            )
        )

    assert rows(whole) == rows(pieces)


@st.composite
def any_packets(draw) -> Packets:
    n = draw(st.integers(1, 20))
    rng = np.random.default_rng(draw(st.integers(0, 1 << 32)))
    size = rng.integers(0, 32, n).astype(np.int32)
    data = rng.integers(0, 256, (n, 31), np.uint8) * (np.arange(31) < size[:, None])
    return Packets(
        time_us=START_US + np.cumsum(rng.integers(0, 1 << draw(st.integers(1, 33)), n)),
        observer=rng.integers(0, draw(st.integers(1, 4)), n).astype(np.int32),
        address=rng.integers(0, 1 << 48, n, dtype=np.uint64),
        address_random=rng.random(n) < 0.5,
        rssi_dbm=rng.integers(-127, 128, n).astype(np.int16),
        channel=rng.choice([37, 38, 39], n).astype(np.uint8),
        kind=rng.choice([0, 2, 4, 6], n).astype(np.uint8),
        size=size,
        data=data.astype(np.uint8),
    )


@_SETTINGS
@given(any_packets())
def test_any_packets_come_back_from_both_formats(tmp_path, wanted):
    from bluezone_sim.captures.formats.hci import HciReader
    from bluezone_sim.captures.formats.link_layer import read_link_layer

    with PcapngWriter(tmp_path / "x") as out:
        out.write(wanted)
    (part,) = pcapng_blocks.read_pcapng(io.BytesIO((tmp_path / "x").read_bytes()))
    same(read_link_layer(part)[0], wanted)
    alone = wanted.take(wanted.observer == wanted.observer[0])
    with BtsnoopWriter(tmp_path / "y") as out:
        out.write(alone)
    (part,) = records.read_btsnoop(io.BytesIO((tmp_path / "y").read_bytes()))
    alone.observer[:] = 0
    same(HciReader().read(part)[0], without_channel(alone))
