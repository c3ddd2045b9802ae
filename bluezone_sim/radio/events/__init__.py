"""The event engine: phones as SimPy processes, every advertising PDU on its own.

A phone (:mod:`.phone`) advertises, scans, changes its address and reads other phones over GATT, each by
a process of its own; the air (:mod:`.air`), which knows no phone but by what it tells, delivers the
packets between two of their steps at once. Both read the same contacts, phones and keyed draws as the
vectorised engine, for tens to a few hundred phones.

A scan takes notice of phones, and phones are noticed, as the states of their apps were when it began:
apps that come to the front while it lasts are seen by the next one.

Left out: a phone hears one channel while it sends on another; a connection does not interrupt a scan.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...kernels.radio.pdus import Log
from ...tables.rows import Contacts, Sightings
from ..parameters import RadioModel
from .medium import Medium
from .phone import Phone

#: (person ``int64[n]``, unix ms ``int64[n]``) to identifiers ``uint8[n, size]``.
Identify = Callable[[NDArray[np.int64], NDArray[np.int64]], NDArray[np.uint8]]


@dataclass(frozen=True)
class Run:
    """What a run gives.

    Attributes:
        sightings: a record a scan, direction and identifier; those whose identifier was read say so in
            ``transport``.
        sent: PDUs sent.
        received: packets received and taken notice of, before records.
        reads, reads_failed: GATT reads begun, and those that failed.
        log: packets received one by one, where they were asked for; ``phone`` and ``sender`` are
            indices into ``people``.
        people: ``int64[n]``, whom each phone belongs to.
        address_ms: when each phone took a new address, unix ms; it has another one before the first.
    """

    sightings: Sightings
    sent: int
    received: int
    reads: int
    reads_failed: int
    log: Log
    people: NDArray[np.int64]
    address_ms: list[list[int]]


def simulate(
    model: RadioModel,
    contacts: Contacts,
    start_s: int,
    seconds: float,
    *,
    seed: int,
    states: NDArray[np.integer] | None = None,
    identify: Identify | None = None,
    log_packets: int = 0,
) -> Run:
    """Runs the phones of ``contacts``, each hearing the others that it is in contact with.

    Args:
        model: from :func:`bluezone_sim.radio.radio_model`.
        contacts: segments; a pair has at most one at a time. Both directions are followed.
        start_s: unix seconds at which the run starts.
        seconds: its length.
        seed: of the packets' own draws; phones and contacts have the model's.
        states: ``int[people]``, state of each person's app for the whole run, index into
            :data:`bluezone_sim.scenario.schema.profile.STATES`; None: as its sessions have it.
        identify: identifiers by sender and a time of their interval; by default sender and interval in
            eight bytes.
        log_packets: how many received packets to log one by one.

    Returns:
        Sightings in order of (observer, time), and counts.
    """
    people = np.unique(np.concatenate([contacts.a, contacts.b])).astype(np.int64)
    length_ms = round(seconds * 1000)
    log = Log._make(np.empty(log_packets, kind) for kind in [np.int64] * 5 + [np.float64])
    air = Medium(model, people, start_s * 1000, log)
    phones: list[Phone] = []
    for i in range(len(people)):
        phones.append(Phone(air, phones, i, seed, states))
    air.env.process(air.follow(contacts, length_ms))
    if not model.app.life_jitter_ms and model.app.identifier_ms < length_ms * 2:
        air.env.process(air.rotate())
    for phone in phones:
        phone.start()
    air.env.run(until=length_ms)
    air.resolve()
    air.note_all()
    return Run(
        sightings=_sightings(air, identify or _plain(model)),
        sent=air.sent,
        received=air.received,
        reads=sum(phone.reads for phone in phones),
        reads_failed=sum(phone.reads_failed for phone in phones),
        log=Log._make(column[: air.logged] for column in log),
        people=people,
        address_ms=[phone.address_ms for phone in phones],
    )


def _sightings(air: Medium, identify: Identify) -> Sightings:
    records = sorted(air.records, key=lambda r: (r.observer, r.time_us, r.sender))
    rows = np.array(records, np.int64).reshape(-1, 7)
    observer, sender, time_us, packets, rssi, highest, transport = rows.T
    who, time_ms = air.people[sender], air.start_ms + time_us // 1000
    return Sightings(
        observer=air.people[observer].astype(np.int32),
        time_ms=time_ms,
        identifier=identify(who, air.model.aired_ms(who, time_ms)),
        rssi_dbm=rssi.astype(np.int16),
        protocol=air.model.profile.protocol,
        transport=transport.astype(np.uint8),
        rssi_max_dbm=highest.astype(np.int16),
        packets=packets.astype(np.int32),
        true_sender=who.astype(np.int32),
    )


def _plain(model: RadioModel) -> Identify:
    """Identifiers of sender and interval."""
    rotation_ms = round(model.profile.identifier.rotation_s * 1000) or model.app.identifier_ms

    def identify(sender: NDArray[np.int64], time_ms: NDArray[np.int64]) -> NDArray[np.uint8]:
        interval = time_ms // rotation_ms
        return np.stack([sender, interval], 1).astype(">u4").view(np.uint8).reshape(-1, 8)

    return identify
