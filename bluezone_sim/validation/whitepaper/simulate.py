"""The white paper's 24 cases, and the latencies that it claims, by the event engine."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...kernels import rng
from ...kernels.radio.link_budget import Phones
from ...radio.events import Run, simulate
from ...radio.parameters import always_on, model_of
from ...radio.records import record
from ...scenario.schema.phones import Phones as PhonesTable
from ...scenario.schema.profile import PLATFORMS, STATES, RadioProfile
from ...tables.rows import Contacts
from ...world import Days
from .cases import WHITE_PAPER_CASES, WhitePaperCase

#: A case: one scanner, some advertisers, near each other for an hour, or less where that is enough: the
#: white paper does not say how long (assumed).
ADVERTISERS = 3
DISTANCE_M = 1.5
CASE_S = 3600
_OFTEN_ENOUGH_S = 1200
#: Contacts of which a latency's distribution is made: pairs, each at 2 m for so long (assumed).
PAIRS = 200
PAIR_DISTANCE_M = 2.0
_PAIRS_A_RUN = 20
#: Any instant will do; runs start at it.
START_S = 1_600_000_000


@dataclass(frozen=True)
class Outcome:
    """A case and what the event engine makes of it.

    Attributes:
        seconds_to_first: from the start to the scanner's first record of any advertiser; None where
            there is none.
        run: the run itself; phone 0 is the scanner.
    """

    case: WhitePaperCase
    seconds_to_first: float | None
    run: Run

    @property
    def recorded(self) -> bool:
        """The scanner recorded an advertiser."""
        return self.seconds_to_first is not None


@dataclass(frozen=True)
class Claim:
    """What somebody says of a profile: a contact is recorded within so many seconds.

    Attributes:
        protocol: whose profile.
        text: the words.
        within_s: seconds.
    """

    protocol: str
    text: str
    within_s: float


CLAIMS = (
    Claim("bluezone-v1", "nearby devices recognise each other within 2 minutes (white paper)", 120),
    Claim("bluezone", "background contact is logged within 5 minutes (a developer)", 300),
)
#: A claim holds where it is true of so many contacts.
HOLDS = 0.99


@dataclass(frozen=True)
class Measured:
    """A detection figure that somebody measured, and the profile and phones that come closest.

    Attributes:
        system, figure, source: in words.
        protocol, platforms: of the model's figures beside it.
        either: the figure is of contacts seen by at least one of the two phones.
    """

    system: str
    figure: str
    source: str
    protocol: str
    platforms: tuple[str, str]
    either: bool = False


_IOS, _ANDROID = ("ios", "ios"), ("android", "android")
_COVIDSAFE = "Digital Transformation Agency, 2020"
_SMITTESTOPP = "Smittestopp v1, field test, 2020"
MEASURED = (
    Measured(
        "COVIDSafe, locked iPhones", "0 to 25 %, later 25 to 50 %", _COVIDSAFE, "bluetrace", _IOS
    ),
    Measured("NHS beta, locked iPhones", "4 %", "NHS, June 2020", "bluetrace", _IOS),
    Measured("NHS beta, Androids", "75 %", "NHS, June 2020", "bluetrace", _ANDROID),
    Measured("Exposure Notification", "99 %", "NHS, June 2020", "gaen", _IOS),
    Measured("Smittestopp, Android seen", "74 %", _SMITTESTOPP, "bluetrace", _ANDROID),
    Measured("Smittestopp, Android, either", "93 %", _SMITTESTOPP, "bluetrace", _ANDROID, True),
    Measured("Smittestopp, iPhone seen", "54 %", _SMITTESTOPP, "bluetrace", _IOS),
    Measured("Smittestopp, iPhone, either", "79 %", _SMITTESTOPP, "bluetrace", _IOS, True),
    Measured("Smittestopp, across", "78 %", _SMITTESTOPP, "bluetrace", ("android", "ios")),
)


@dataclass(frozen=True)
class Latencies:
    """Times to the first record, of many contacts.

    Attributes:
        one_way_s: ``float64[2 n]``, each direction; infinite where nothing was recorded.
        mutual_s: ``float64[n]``, until both had recorded the other.
    """

    one_way_s: NDArray[np.float64]
    mutual_s: NDArray[np.float64]

    @property
    def either_s(self) -> NDArray[np.float64]:
        """``float64[n]``, until one had recorded the other."""
        return np.asarray(self.one_way_s.reshape(2, -1).min(axis=0))


def run_cases(profile: RadioProfile, seed: int, *, log_packets: int = 0) -> list[Outcome]:
    """All 24, each in a run of its own, of which the first ``log_packets`` packets are logged."""
    return [_run_case(profile, case, seed, log_packets) for case in WHITE_PAPER_CASES]


def _run_case(profile: RadioProfile, case: WhitePaperCase, seed: int, log_packets: int) -> Outcome:
    platform = [case.scanner] + [case.advertisers] * ADVERTISERS
    state = [case.scanner_state] + [case.advertiser_state] * ADVERTISERS
    ios = np.array([p == "ios" for p in platform])
    # Phones of average calibration, all of them switched on.
    table = always_on()
    phones = Phones(*_means(table, ios), ios)
    a, b = np.triu_indices(len(ios), 1)
    own = rng.key(seed, "packets", case.number) >> 1
    for seconds in (_OFTEN_ENOUGH_S, CASE_S):
        run = simulate(
            model_of(profile, phones, own, table=table),
            contacts_at(a, b, seconds, DISTANCE_M),
            START_S,
            seconds,
            seed=own,
            states=np.array([STATES.index(s) for s in state]),
            log_packets=log_packets,
        )
        mine = run.sightings.time_ms[run.sightings.observer == 0]
        if len(mine):
            break
    return Outcome(case, (int(mine[0]) / 1000 - START_S) if len(mine) else None, run)


def latencies(
    profile: RadioProfile,
    seed: int,
    *,
    platforms: tuple[str, str] = ("android", "android"),
    states: tuple[str, str] | None = ("background", "background"),
    table: PhonesTable | None = None,
    seconds: int = 900,
    distance_m: float = PAIR_DISTANCE_M,
    pairs: int = PAIRS,
) -> Latencies:
    """Times to the first record of ``pairs`` contacts, each of two phones of their own.

    Args:
        profile, seed: the system, and what phones and packets are drawn by.
        platforms: of a contact's two phones.
        states: of their apps; None: as ``table`` says.
        table: how phones live; by default they are on and run the app all the time.
        seconds, distance_m: of each contact.
        pairs: how many contacts.
    """
    parts = [
        _latencies(
            profile,
            rng.key(seed, "packets", chunk) >> 1,
            platforms,
            states,
            table or always_on(),
            seconds,
            distance_m,
            min(_PAIRS_A_RUN, pairs - chunk),
        )
        for chunk in range(0, pairs, _PAIRS_A_RUN)
    ]
    two_way = np.concatenate(parts)
    return Latencies(two_way.T.reshape(-1), two_way.max(axis=1))


@dataclass(frozen=True)
class Detection:
    """Shares of many contacts that were recorded: by one given phone of the two, by either."""

    one_way: float
    either: float


def detection(
    profile: RadioProfile,
    seed: int,
    table: PhonesTable,
    *,
    platforms: tuple[str, str],
    seconds: int = 900,
    distance_m: float = PAIR_DISTANCE_M,
    pairs: int = 4000,
) -> Detection:
    """What the vectorised engine, which agrees with this one, finds of contacts of phones as they live.

    Args:
        profile, seed: the system, and what phones and packets are drawn by.
        table: how phones live.
        platforms: of a contact's two phones.
        seconds, distance_m: of each contact.
        pairs: how many contacts; 4,000 leave 0.7 points.
    """
    phones = _spread(platforms, table, pairs, seed)
    who = np.arange(2 * pairs)
    contacts = contacts_at(who[::2], who[1::2], seconds, distance_m)
    model = model_of(profile, phones, seed, table=table, ios_share=float(phones.ios.mean()))
    days = Days.look_back(dt.datetime.fromtimestamp(START_S, dt.UTC).date(), 1, "UTC")
    seen = np.zeros((2, pairs), np.bool_)
    for way, segments in enumerate((contacts, contacts.reversed())):
        seen[way, record(model, segments, days).row] = True
        sender = profile.behaviour(platforms[way], STATES[0])
        if profile.gatt is not None and profile.gatt.exchange and sender.sends != "identifier":
            seen[1 - way] |= seen[way]  # who reads writes as well
    return Detection(float(seen.mean()), float(seen.any(axis=0).mean()))


def _spread(platforms: tuple[str, str], table: PhonesTable, pairs: int, seed: int) -> Phones:
    """Phones of ``pairs`` contacts, calibrations spread as a scenario spreads them."""
    ios = np.array([p == PLATFORMS[1] for p in platforms] * pairs)
    tx, rx = _means(table, ios)
    who = np.arange(len(ios))
    tx = tx + table.android.tx_power_sd_db * rng.normals(rng.key(seed, "tx_power"), who)
    rx = rx + table.android.rx_correction_sd_db * rng.normals(rng.key(seed, "rx_correction"), who)
    return Phones(tx, rx, ios)


def _latencies(
    profile: RadioProfile,
    seed: int,
    platforms: tuple[str, str],
    states: tuple[str, str] | None,
    table: PhonesTable,
    seconds: int,
    distance_m: float,
    pairs: int,
) -> NDArray[np.float64]:
    """``float64[pairs, 2]``, first record of each phone of each pair."""
    phones = _spread(platforms, table, pairs, seed)
    who = np.arange(2 * pairs)
    run = simulate(
        model_of(profile, phones, seed, table=table),
        contacts_at(who[::2], who[1::2], seconds, distance_m),
        START_S,
        seconds,
        seed=seed,
        states=None if states is None else np.array([STATES.index(s) for s in states] * pairs),
    )
    first = np.full(2 * pairs, np.inf)
    np.minimum.at(first, run.sightings.observer, run.sightings.time_ms / 1000 - START_S)
    return first.reshape(-1, 2)


def _means(
    table: PhonesTable, ios: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    return (
        np.where(ios, table.ios.tx_power_dbm, table.android.tx_power_dbm),
        np.where(ios, table.ios.rx_correction_db, table.android.rx_correction_db),
    )


def contacts_at(
    a: NDArray[np.integer], b: NDArray[np.integer], seconds: int, distance_m: float
) -> Contacts:
    """One segment a pair, from the runs' start on."""
    n = len(a)
    return Contacts(
        contact=np.arange(1, n + 1, dtype=np.uint64),
        group=np.full(n, -1, np.int64),
        a=a.astype(np.int32),
        b=b.astype(np.int32),
        start_s=np.full(n, START_S, np.int64),
        duration_s=np.full(n, seconds, np.int32),
        distance_m=np.full(n, distance_m, np.float32),
        setting=np.zeros(n, np.uint8),
    )
