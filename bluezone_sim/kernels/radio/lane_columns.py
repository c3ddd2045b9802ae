"""What the vectorised radio's lanes read and write: a scenario's plan, links, spans of their scans.

A span is the part of a scan in which one identifier is on the air. Powers and chances are 32-bit floats,
times whole milliseconds counted from the start of the segment.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .sessions import Sessions

#: Columns of :attr:`LanePlan.kinds`: advertising events caught a ms, the inverse, power over the
#: calibration, share of the time that is listened to, scan window, its inverse and its interval in ms,
#: how it is heard.
RATE, SPACING, OFFSET, LISTENS, WINDOW, PER_WINDOW, INTERVAL, HEARD = range(8)
KIND_COLUMNS = 8
#: Kinds: states of the observer's app, then of the sender's, by platform, background after foreground.
KINDS = 16
#: Values of the last one: not at all, by an identifier in the advertisement, by one that has to be read.
NOT_HEARD, IN_PACKET, BY_READ = range(3)
#: Columns of :attr:`LanePlan.tail`: chance that a packet arrives, then mean and spread of the fading of
#: those that do in dB, and a sixth of its skewness.
TAIL_COLUMNS = 4
TAIL_ROWS = 769
MOST_PACKETS = 1023
#: Columns of :attr:`LanePlan.of_packets`, the last one unused.
OF_PACKETS = 4


class LanePlan(NamedTuple):
    """What the lanes read: a scenario's radio and phones in the form of a hot loop.

    Attributes:
        sends, hears: ``int64[people]``; upper half: phase of the bursts (scans) in ms, times two, plus 1
            for an iPhone; lower half: bits of TX power (RX correction) as a 32-bit float.
        advertise_on_ms, advertise_period_ms, scan_on_ms, scan_period_ms, scan_jitter_ms, parts:
            ``int32[2]`` by platform; parts: spans that a scan may be cut into.
        sessions: when apps are in front.
        kinds: ``float32[8, 16]``.
        tail: ``float32[769, 4]``.
        of_packets: ``float32[1024, 4]``, of so many normals the spread of the mean, that of the maximum
            and its expectation.
        normal, cosine: ``float32[4096]``.
        near_db, far_db: dB a doubling of the distance, up to ``breakpoint_m`` and beyond.
        tail_scale, tail_offset: from RSSI to a row of ``tail``.
        carry_db: ``float32[1024]``, losses by where a phone is carried, see :class:`.air.Air`; read only
            if ``carries``.
        least_dbm: of links below it no scan hears anything.
        ever: bit 2 p + q: platform p may hear platform q.
        mixed: kinds differ, they have to be found for each span.
        pauses: some phones do not advertise all of the time.
        heard: bit k: something is heard of kind k.
    """

    sends: NDArray[np.int64]
    hears: NDArray[np.int64]
    advertise_on_ms: NDArray[np.int32]
    advertise_period_ms: NDArray[np.int32]
    scan_on_ms: NDArray[np.int32]
    scan_period_ms: NDArray[np.int32]
    scan_jitter_ms: NDArray[np.int32]
    parts: NDArray[np.int32]
    sessions: Sessions
    kinds: NDArray[np.float32]
    tail: NDArray[np.float32]
    normal: NDArray[np.float32]
    cosine: NDArray[np.float32]
    of_packets: NDArray[np.float32]
    attenuation_1m_db: np.float32
    near_db: np.float32
    far_db: np.float32
    breakpoint_m: np.float32
    scene_sd_db: np.float32
    shadowing_sd_db: np.float32
    half_body_db: np.float32
    scan_sd_db: np.float32
    tail_scale: np.float32
    tail_offset: np.float32
    faintest_dbm: np.float32
    least_dbm: np.float32
    carry_db: NDArray[np.float32]
    carries: np.bool_
    identifier_ms: np.int64
    life_jitter_ms: np.int32
    ever: np.int32
    mixed: np.bool_
    pauses: np.bool_
    heard: np.int32
    scene: np.uint64
    shadowing: np.uint64
    carry: np.uint64
    fading: np.uint64
    scan_jitter: np.uint64
    identifier_life: np.uint64


class Linked(NamedTuple):
    """Of links: mean RSSI, stream, start in unix ms, length; ms from the start to its first scan and to
    the first change of identifier, its delay left out, ms since the last burst's start and since
    midnight; streams of the scans' jitter at the first scan and of the changes' delays at the first
    change; how many scans there are, and parts of one; platforms; hours in which both take part; chance
    that a packet does not collide. Of those that may be heard, where
    states of apps matter: ms since the observer's and the sender's app came to the front, within a day,
    and for how long they stay there."""

    level: NDArray[np.float32]
    stream: NDArray[np.int64]
    begin: NDArray[np.int64]
    length: NDArray[np.int32]
    scan: NDArray[np.int32]
    cut: NDArray[np.int32]
    burst: NDArray[np.int32]
    midnight: NDArray[np.int32]
    jitter: NDArray[np.int64]
    lives: NDArray[np.int64]
    scans: NDArray[np.int32]
    parts: NDArray[np.int32]
    platforms: NDArray[np.int32]
    hours: NDArray[np.int32]
    clear: NDArray[np.float32]
    since_mine: NDArray[np.int32]
    front_mine: NDArray[np.int32]
    since_theirs: NDArray[np.int32]
    front_theirs: NDArray[np.int32]


class Pairs(NamedTuple):
    """Scans of the links at hand: which link of them, which of its scans; start, end and first change of
    identifier, ms from the link's start."""

    who: NDArray[np.int32]
    scan: NDArray[np.int32]
    low: NDArray[np.int32]
    stop: NDArray[np.int32]
    cut: NDArray[np.int32]


class Parts(NamedTuple):
    """Of parts of scans: which link at hand; start, end, their scan's end, ms from the link's start."""

    who: NDArray[np.int32]
    low: NDArray[np.int32]
    high: NDArray[np.int32]
    stop: NDArray[np.int32]


class Spans(NamedTuple):
    """Of spans: start, length and their scan's end, ms from the link's start; row of
    :attr:`LanePlan.kinds`; then columns of their links, and their row; then between the stages: ms from
    the burst's start to the span's, ms of the burst before the span, ms of the span on the air, draws,
    packets caught, row of :attr:`LanePlan.tail`, mean and spread of the RSSI of those that arrive, a
    sixth of its skewness;
    then what was heard: packets (0: nothing), ms from the link's start to the first, mean and maximum
    RSSI."""

    low: NDArray[np.int32]
    length: NDArray[np.int32]
    stop: NDArray[np.int32]
    kind: NDArray[np.int32]
    row: NDArray[np.int32]
    burst: NDArray[np.int32]
    platforms: NDArray[np.int32]
    level: NDArray[np.float32]
    clear: NDArray[np.float32]
    stream: NDArray[np.int64]
    begin: NDArray[np.int64]
    since: NDArray[np.int32]
    before: NDArray[np.int32]
    on_air: NDArray[np.int32]
    draws_a: NDArray[np.int32]
    draws_b: NDArray[np.int32]
    draws_c: NDArray[np.int32]
    caught: NDArray[np.int32]
    place: NDArray[np.int32]
    middle: NDArray[np.float32]
    chance: NDArray[np.float32]
    odds: NDArray[np.float32]
    none: NDArray[np.float32]
    spread: NDArray[np.float32]
    skew: NDArray[np.float32]
    packets: NDArray[np.int32]
    time: NDArray[np.int32]
    mean: NDArray[np.float32]
    top: NDArray[np.float32]
