"""Documents of ``ble``."""

from __future__ import annotations

from ..ble.adapters.inventory import Adapter
from ..ble.guided.range_test import Fit
from ..ble.listening.clock import ClockStep
from .document import Document, Version


class Adapters(Document):
    """What ``bluezone-sim ble adapters --json`` prints; versions are by package."""

    schema_version: Version
    adapters: list[Adapter]
    versions: dict[str, str]


class PhoneOnAir(Document):
    """A phone on air.

    Attributes:
        unix_ms: last heard.
        address, address_random: as last heard.
        protocol: names of the protocols that send its form.
        identifier: as last heard, or read over GATT; empty where it is not known yet.
        gatt: its identifier has to be read.
        name: local name.
        packets: heard so far.
        rssi_dbm, rssi_mean_dbm, rssi_min_dbm, rssi_max_dbm: last, mean, weakest, strongest.
        rate_hz: packets a second over the last ten.
        identifier_changed_unix_ms: null where it has not.
        address_changed: at that change the address changed with it; null where nothing changed.
        linkable: how a change of one alone gave the other away, such as "identifier kept".
    """

    unix_ms: int
    address: str
    address_random: bool
    protocol: list[str]
    identifier: str
    gatt: bool
    name: str
    packets: int
    rssi_dbm: int
    rssi_mean_dbm: float
    rssi_min_dbm: int
    rssi_max_dbm: int
    rate_hz: float
    identifier_changed_unix_ms: int | None
    address_changed: bool | None
    linkable: str


class ScanLine(PhoneOnAir):
    """A line of ``bluezone-sim ble scan --json-lines``: a phone that was heard in the last seconds."""

    schema_version: Version


class Scan(Document):
    """What ``bluezone-sim ble scan --json`` and ``ble record --json`` print.

    Attributes:
        seconds: listened.
        packets, dropped, rejected: decoded; lost since they came too fast; left out, by reason.
        gatt_reads: by outcome.
        restarts: how often scanning had to be started anew.
        recorded_rows: rows of the recording.
        clock_steps: what the computer's clock did meanwhile.
        phones: on air at the end, strongest first.
    """

    schema_version: Version
    seconds: float
    packets: int
    dropped: int
    rejected: dict[str, int]
    gatt_reads: dict[str, int]
    restarts: int
    recorded_rows: int
    clock_steps: list[ClockStep]
    phones: list[PhoneOnAir]


class Read(Document):
    """What ``bluezone-sim ble read --json`` prints."""

    schema_version: Version
    protocol: str
    identifier: str
    connect_s: float
    read_s: float


class Advertise(Document):
    """What ``bluezone-sim ble advertise --json`` prints: identifiers, keys, and the file of these."""

    schema_version: Version
    seconds: float
    identifiers: int
    keys: int
    protocol: str
    file: str


class Measurement(Document):
    """One measurement of a phone.

    Attributes:
        name, unit: as the profile has them.
        value: null where it was not measured.
        low, high: limits; null without one.
        at_least: the value is a lower bound.
        outcome: "pass", "fail", "error" or "not measured".
        required: it has to be measured.
        detail: how it was measured, or what is missing.
        source: of the limits.
    """

    name: str
    unit: str
    value: float | None
    low: float | None
    high: float | None
    at_least: bool
    outcome: str
    required: bool
    detail: str
    source: str


class Conformance(Document):
    """What ``bluezone-sim ble conformance --json`` prints.

    Attributes:
        version: of the program.
        profile, source: what the phone was measured against, and where it was heard.
        began, seconds, packets: when, how long, how much was heard of it.
        addresses: its first ones.
        other_phones: of the protocol.
        passed, verdict: the outcome, and the same in words.
        measurements: one by one.
    """

    schema_version: Version
    version: str
    profile: str
    source: str
    began: str
    seconds: float
    packets: int
    addresses: list[str]
    other_phones: int
    passed: bool
    verdict: str
    measurements: list[Measurement]


class Stop(Document):
    """A distance of the walk test; RSSI is null where nothing was heard."""

    distance_m: float
    packets: int
    seconds: float
    rssi_mean_dbm: float | None
    rssi_sd_db: float | None
    received_share: float


class Range(Document):
    """What ``bluezone-sim ble range --json`` prints.

    Attributes:
        stops: by distance.
        fit: path loss; null where there is too little for one.
        radio: keys of a scenario's ``[radio]`` that follow from it.
    """

    schema_version: Version
    stops: list[Stop]
    fit: Fit | None
    radio: dict[str, float]


class RealCase(Document):
    """A case of the white paper on real phones.

    Attributes:
        case: 1 to 24.
        recorded, white_paper: the scanning phone holds the advertising one; what the white paper says.
        decided_by: "history" or "tester".
        rows: of the history that say so.
        packets: of the advertising phone that the adapter heard.
        began_ms, ended_ms: unix milliseconds.
        scanner, scanner_state, advertisers, advertiser_state: which phones, and how they were.
    """

    case: int
    recorded: bool
    decided_by: str
    rows: int
    packets: int
    began_ms: int
    ended_ms: int
    white_paper: bool
    scanner: str
    scanner_state: str
    advertisers: str
    advertiser_state: str


class RealMatrix(Document):
    """What ``bluezone-sim ble matrix --json`` prints, and the file of its session."""

    schema_version: Version
    cases: list[RealCase]
    differ: list[int]
