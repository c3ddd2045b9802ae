"""For packages that bring a protocol of their own: is its value right?

from bluezone_sim.testing import check_protocol

def test_it():
    check_protocol(MINE)
"""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import protocols
from .errors import InputError
from .matching.match import match
from .protocols.protocol import DAY_S, FixedId, KeyFormat, Protocol, ServerIds, called
from .protocols.schedule import KeySchedule, ServerSecrets
from .scenario.loading import validate
from .scenario.profiles import load_profile
from .simulation.engine import run
from .tables.rows import PublishedKeys, Sightings

#: The look-back of the phones: three days and a half, unix seconds.
_FIRST_S = 18_500 * DAY_S
_LAST_S = _FIRST_S + 3 * DAY_S + DAY_S // 2
_PHONES, _CASES, _EACH = 24, 9, 50
_SCENARIO: dict[str, Any] = {
    "name": "check",
    "date": dt.date(2020, 8, 12),
    "look_back_days": 3,
    "population": {
        "people": 300,
        "smartphones": 220,
        "districts": [{"name": "A", "people": 300}],
    },
    "adoption": {"levels": [0.5, 1.0]},
    "index_cases": {"count": 20, "f2_count": 3},
}


def check_protocol(protocol: Protocol) -> None:
    """Checks a protocol's value from its test vectors to whole runs.

    - it is registered under its name, and its radio profile is sound;
    - its vectors, a JSON file ``{"source": …, "chain": [key, …], "keys": [{"key": …, "start_s": 0,
      "identifiers": {"0": …}}]}`` in hexadecimal: of ``identifiers`` by number, and of a key and those
      that follow it;
    - advertising data is read back, and no part of it is;
    - published keys find all sightings of their own phones, and no others; so do those of its files;
    - a server reads its own identifiers and no others, where it is one that matches;
    - a run finds the same whether identifiers are made lazily, in full, or histories are whole.

    Raises:
        AssertionError: it says what is wrong.
        InputError: it is not registered, or a part of it cannot be loaded.
    """
    if protocols.get(protocol.name) != protocol:
        raise InputError(f"protocol {protocol.name!r}: another one is registered under its name")
    load_profile(protocol.name)
    if protocol.vectors is not None:
        _vectors(protocol, json.loads(protocol.vectors.read_text(encoding="utf-8")))
    _on_air(protocol)
    if protocol.publishes_keys:
        _any_call(protocol)
        _published(protocol)
    elif isinstance(protocol.keys, ServerIds):
        _server(protocol)
    if not isinstance(protocol.keys, FixedId):
        _runs(protocol)


def _expect(right: Any, message: str) -> None:
    if not right:
        raise AssertionError(message)


def _bytes(text: str) -> NDArray[np.uint8]:
    return np.frombuffer(bytes.fromhex(text), np.uint8)[None].copy()


def _vectors(protocol: Protocol, vectors: dict[str, Any]) -> None:
    for entry in vectors.get("keys", []):
        wanted = {int(k): str(v).lower() for k, v in entry["identifiers"].items()}
        count = max(protocol.intervals_per_key, max(wanted) + 1)
        made = protocol.identifiers(_bytes(entry["key"]), entry.get("start_s", 0), count)[0]
        for number, text in wanted.items():
            found = made[number].tobytes().hex()
            _expect(
                found == text,
                f"vectors: identifier {number} of {entry['key']}: {found}, expected {text}",
            )
    chain = [str(k).lower() for k in vectors.get("chain", [])]
    if chain:
        made = protocol.daily_keys(_bytes(chain[0]), len(chain))[0]
        found = [k.tobytes().hex() for k in made]
        _expect(found == chain, f"vectors: chain: {found}, expected {chain}")


# -- on air ------------------------------------------------------------------------------------------


def _some_identifiers(protocol: Protocol) -> list[bytes]:
    rng = np.random.default_rng(1)
    if isinstance(protocol.keys, FixedId):
        made = protocol.fixed_ids(rng.integers(0, 1 << 64, 20, np.uint64))
    else:
        made = rng.integers(0, 256, (20, protocol.id_bytes), np.uint8)
    return [row.tobytes() for row in made]


def _on_air(protocol: Protocol) -> None:
    rng = np.random.default_rng(2)
    for identifier in _some_identifiers(protocol):
        for size in protocol.wire.payload_bytes:
            payload = rng.bytes(size)
            data = protocol.advertisement(identifier, payload)
            _expect(len(data) <= 31, f"wire: {len(data)} bytes do not fit an advertisement")
            found = protocol.parse_advertisement(data)
            if found is None:
                raise AssertionError("wire.parse: does not know what wire.build gives")
            _expect(protocol.name in found.protocols, "wire.siblings: lacks the protocol itself")
            _expect(
                found.payload == payload
                and found.identifier == (b"" if found.gatt else identifier),
                f"wire: {identifier.hex()} and {payload.hex()} come back as {found}",
            )
            known = protocols.recognise(data)
            _expect(
                known is not None and protocol.name in known.protocols,
                f"wire: taken for {known.protocols if known else 'nothing'}",
            )
            cut = [protocol.parse_advertisement(data[:end]) for end in range(len(data))]
            _expect(all(c is None or c.gatt for c in cut), "wire.parse: takes a part for the whole")


# -- keys --------------------------------------------------------------------------------------------


def _any_call(protocol: Protocol) -> None:
    """Counts, threads, and arrays that are given."""
    rng = np.random.default_rng(3)
    keys = rng.integers(0, 256, (37, protocol.key_size), np.uint8)
    starts = _FIRST_S + protocol.unit_s * np.arange(37)
    whole = protocol.identifiers(keys, starts)
    shape = (37, protocol.intervals_per_key, protocol.id_bytes)
    _expect(whole.shape == shape, f"identifiers: {whole.shape}, expected {shape}")
    _expect(
        np.array_equal(protocol.identifiers(keys, starts, threads=3), whole),
        "identifiers: other ones in three threads",
    )
    for count in {0, 1, protocol.intervals_per_key // 2}:
        room = np.full((39, count, protocol.id_bytes), 7, np.uint8)
        protocol.identifiers(keys, starts, count, room[1:-1])
        _expect(
            np.array_equal(room[1:-1], whole[:, :count]) and (room[[0, -1]] == 7).all(),
            f"identifiers: with count {count} not the first ones, or written elsewhere",
        )
    one = protocol.identifiers(keys[5:6], int(starts[5]))
    _expect(np.array_equal(one[0], whole[5]), "identifiers: of one key not as among many")


def _heard(protocol: Protocol, schedule: KeySchedule) -> tuple[Sightings, NDArray[np.int64]]:
    """What one phone heard of all, in no order, and of whom."""
    rng = np.random.default_rng(4)
    who = rng.permutation(np.repeat(np.arange(_PHONES), _EACH))
    time_ms = rng.integers(1000 * _FIRST_S, 1000 * _LAST_S, len(who))
    first = _FIRST_S // DAY_S
    sent = schedule.identifiers(np.arange(_PHONES), first, -(-_LAST_S // DAY_S) - first)
    identifier = sent[who, (time_ms // 1000 - _FIRST_S) // protocol.interval_s]
    power = np.full(_PHONES, -20, np.int64)
    return (
        Sightings(
            observer=np.zeros(len(who), np.int32),
            time_ms=time_ms,
            identifier=identifier,
            rssi_dbm=np.full(len(who), -60, np.int16),
            protocol=protocol.name,
            payload=schedule.payload_at(np.arange(_PHONES), who, time_ms, identifier, power),
        ),
        who,
    )


def _published(protocol: Protocol) -> None:
    schedule = KeySchedule(protocol, 5, _FIRST_S // DAY_S - 2)
    sightings, who = _heard(protocol, schedule)
    published = schedule.published(np.arange(_CASES), _FIRST_S, _LAST_S)
    rows = schedule.keys_per_phone(_FIRST_S, _LAST_S)
    _expect(len(published) == rows * _CASES, f"published: {len(published)} keys of {_CASES} phones")
    _expect(
        published.key.shape[1] == protocol.key_size, "published: keys of another size than told"
    )
    own = np.flatnonzero(who < _CASES)
    found = match(published, sightings, protocol)
    _expect(
        np.array_equal(np.unique(found.row), own)
        and np.array_equal(found.key // rows, who[found.row]),
        f"published keys find {len(np.unique(found.row))} sightings, expected {len(own)} of their own",
    )
    _expect(
        (found.attenuation_db is None) == (protocol.published_keys.attenuation is None),
        "keys.attenuation: none from the payload that keys.payload makes",
    )
    late = replace(sightings, time_ms=sightings.time_ms + 1000 * (30 * DAY_S + 7))
    _expect(not len(match(published, late, protocol)), "published keys match a month later")
    for form in protocol.files:
        _file(protocol, form, published, sightings, own)


def _file(
    protocol: Protocol,
    form: KeyFormat,
    published: PublishedKeys,
    sightings: Sightings,
    own: NDArray[np.int64],
) -> None:
    """A file finds all that the keys find. What it leaves open it may make wide."""
    data = called(form.write)(published)
    _expect(called(form.sniff)(data), f"{form.title}: not known by sniff")
    _expect(not called(form.sniff)(b"\x00not a file of keys"), f"{form.title}: sniffs anything")
    keys = called(form.read)(data, "file")
    if form.filter is not None:
        found = called(form.filter)(data, "file").find(sightings)
    else:
        if form.timed is not None:
            keys = called(form.timed)(keys, int(sightings.time_ms.max()))
        found = np.unique(match(keys, sightings, protocol).row)
    _expect(
        np.array_equal(found, own), f"{form.title}: {len(found)} sightings, expected {len(own)}"
    )


def _server(protocol: Protocol) -> None:
    rng = np.random.default_rng(6)
    user, time_s = rng.integers(0, _PHONES, 200), rng.integers(_FIRST_S, _LAST_S, 200)
    ours, theirs = (ServerSecrets(seed, _FIRST_S, _PHONES) for seed in (7, 8))
    made = called(protocol.server_ids.make)(ours, user, time_s)
    read = called(protocol.server_ids.read)
    _expect(np.array_equal(read(ours, made, time_s), user), "keys.read: others than keys.make's")
    _expect((read(theirs, made, time_s) == -1).all(), "keys.read: reads another server's")
    _expect((read(ours, made, time_s + DAY_S) == -1).all(), "keys.read: reads a day later")


# -- runs --------------------------------------------------------------------------------------------


def _runs(protocol: Protocol) -> None:
    upload = "keys" if protocol.publishes_keys else "history"
    modes = [{}, {"histories": "whole"}]
    if protocol.publishes_keys:
        modes.append({"identifiers": "full"})
    results = []
    for mode in modes:
        raw = {
            **_SCENARIO,
            "protocol": {"name": protocol.name, **mode},
            "publication": {"upload": upload},
        }
        results.append(run(validate(raw), 1, threads=2))
    first = results[0]
    _expect(first.metrics[-1].n_warned_f1, "a run warns nobody")
    for mode, other in zip(modes[1:], results[1:], strict=True):
        same = all(
            np.array_equal(getattr(first.warnings, name), getattr(other.warnings, name))
            for name in first.warnings.__dataclass_fields__
        )
        _expect(same, f"a run with {mode} warns others than one with the defaults")
