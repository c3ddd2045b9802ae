"""The vectorised radio: records of contacts in one direction."""

from __future__ import annotations

import itertools
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..kernels import radio as kernel
from ..kernels import rng
from ..scenario.model import Scenario
from ..tables import Contacts
from ..world import Days, World

#: Mean of the random delay that each advertising event adds (Core spec Vol 6 Part B: 0-10 ms).
ADV_DELAY_MS = 5.0

_BUFFER_RECORDS = 1 << 20


@dataclass(frozen=True)
class RadioModel:
    """The radio's parameters in the form that the hot loop reads."""

    air: kernel.Air
    phones: kernel.Phones
    streams: kernel.Streams


def radio_model(world: World, scenario: Scenario, identifier_s: int) -> RadioModel:
    """Binds a population's phones to the radio of a scenario.

    Args:
        world: the population.
        scenario: its scenario.
        identifier_s: how long an identifier is in use, seconds.
    """
    radio, phones = scenario.radio, scenario.phones
    return RadioModel(
        air=kernel.Air(
            attenuation_1m_db=radio.attenuation_1m_db,
            exponent=radio.exponent,
            breakpoint_m=radio.breakpoint_m,
            exponent_far=radio.exponent_far,
            shadowing_sd_db=radio.shadowing_sd_db,
            scan_sd_db=radio.scan_sd_db,
            fading_sd_db=radio.fading_sd_db,
            sensitivity_dbm=radio.sensitivity_dbm,
            scan_on_ms=round(radio.scan_on_s * 1000),
            scan_period_ms=round(radio.scan_period_s * 1000),
            advertise_on_ms=round(radio.advertise_on_s * 1000),
            advertise_period_ms=round(radio.advertise_period_s * 1000),
            event_ms=radio.advertise_interval_ms + ADV_DELAY_MS,
            identifier_ms=identifier_s * 1000,
            off_share=phones.off_share,
            foreground_share=phones.ios_foreground_share,
            gatt_success=phones.gatt_success,
        ),
        phones=kernel.Phones(world.tx_power_dbm, world.rx_correction_db, world.ios),
        streams=kernel.Streams(
            *(
                np.uint64(rng.key(world.seed, purpose))
                for purpose in (
                    "scan_phase",
                    "advertise_phase",
                    "phone_off",
                    "foreground",
                    "shadowing",
                    "fading",
                    "gatt",
                )
            )
        ),
    )


def p_clear(model: RadioModel, crowd: NDArray[np.integer]) -> NDArray[np.float64]:
    """Chance that a packet does not collide among ``crowd`` advertisers in one room.

    Unslotted ALOHA, (1 - 2 a / I)^(N - 1): a is the PDU's time on air, I the mean spacing of one
    advertiser's PDUs on a channel, over its duty cycle.
    """
    air = model.air
    spacing_ms = air.event_ms * air.advertise_period_ms / air.advertise_on_ms
    return np.asarray((1 - 2 * kernel.PDU_MS / spacing_ms) ** np.maximum(crowd - 1, 0))


def record(
    model: RadioModel,
    contacts: Contacts,
    days: Days,
    *,
    crowd: NDArray[np.integer] | None = None,
    threads: int = 1,
) -> kernel.Records:
    """What the phones of ``contacts.b`` hear of those of ``contacts.a``, with every phone on air.

    Args:
        model: from :func:`radio_model`.
        contacts: segments; each lies within one local day of ``days``.
        days: the local days.
        crowd: ``int[n]``, advertisers in each segment's room; None: no packets collide.
        threads: threads to use; the result does not depend on it.

    Returns:
        Records; ``row`` is the row of ``contacts``.
    """
    links = kernel.Links(
        observer=contacts.b,
        emitter=contacts.a,
        contact=contacts.contact,
        day=days.number[days.index_of(contacts.start_s)],
        start_s=contacts.start_s,
        duration_s=contacts.duration_s,
        distance_m=contacts.distance_m,
        p_clear=np.ones(len(contacts)) if crowd is None else p_clear(model, crowd),
    )
    edges = np.linspace(0, len(contacts), max(1, threads) * 4 + 1).astype(np.int64)

    def work(part: tuple[int, int]) -> list[kernel.Records]:
        return _stream(model, links, *part)

    parts = [(int(a), int(b)) for a, b in itertools.pairwise(edges) if b > a]
    if threads > 1 and len(parts) > 1:
        with ThreadPoolExecutor(threads) as pool:
            chunks = [c for chunk in pool.map(work, parts) for c in chunk]
    else:
        chunks = [c for part in parts for c in work(part)]
    if not chunks:
        return _buffers(0)
    return kernel.Records._make(map(np.concatenate, zip(*chunks, strict=True)))


def _stream(model: RadioModel, links: kernel.Links, first: int, last: int) -> list[kernel.Records]:
    longest = int(links.duration_s[first:last].max(initial=0)) * 1000
    widest = (longest // model.air.scan_period_ms + 2) * (
        model.air.scan_on_ms // model.air.identifier_ms + 2
    )
    chunks = []
    while first < last:
        out = _buffers(max(widest, min(_BUFFER_RECORDS, (last - first) * widest)))
        filled, first = kernel.record_links(
            model.air, model.phones, model.streams, links, first, last, out
        )
        chunks.append(kernel.Records._make(column[:filled].copy() for column in out))
    return chunks


def _buffers(n: int) -> kernel.Records:
    return kernel.Records(
        row=np.empty(n, np.int64),
        time_ms=np.empty(n, np.int64),
        packets=np.empty(n, np.int32),
        rssi_dbm=np.empty(n, np.int16),
        rssi_max_dbm=np.empty(n, np.int16),
    )
