"""Documents of what real phones heard, and of published keys."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from ..protocols.key_batch import Refusal
from .document import Document, Version


class FoundKey(Document):
    """A row of the history that is of a published key.

    Attributes:
        key: as the file of keys has it, in hexadecimal; FILTER where a filter is published.
        day_unix_s, interval: of the key, and of the identifier on that day.
        unix_ms, rssi_dbm: of the row.
        attenuation_db: where the protocol tells the sender's power.
        report_type: as the key's file tells it, where it does.
        observer: number of the phone, where there are several.
    """

    key: str
    day_unix_s: int
    interval: int
    unix_ms: int
    rssi_dbm: int
    attenuation_db: float = 0.0
    report_type: int = 0
    observer: int = 0


class Observed(Document):
    """One phone that listened.

    Attributes:
        observer, phone: its number, and its name where that is known.
        minutes_near: by key.
        listened_s: how long; null where that is not known.
        in_words: the same in words.
        n_scans, first_unix_ms, last_unix_ms: its scans, where they are known.
    """

    observer: int
    phone: str | None
    minutes_near: dict[str, float]
    listened_s: float | None
    in_words: str
    n_scans: int = 0
    first_unix_ms: int = 0
    last_unix_ms: int = 0


class ScanInstance(Document):
    """One scan of an exposure window."""

    unix_s: int
    typical_attenuation_db: int
    min_attenuation_db: int
    seconds_since_last_scan: int


class ExposureWindow(Document):
    """Scans of one key within half an hour, as phones give them to apps."""

    key: str
    observer: int
    report_type: int = 0
    start_unix_s: int
    scan_instances: list[ScanInstance]


class AppliedRule(Document):
    """The rule that judged the days."""

    name: str
    source: str
    parameters: dict[str, Any]


class JudgedDay(Document):
    """A day by the rule."""

    observer: int
    day_unix_s: int
    weighted_minutes: float
    warns: bool


class KeyFile(Document):
    """A file of keys that was read; ``null`` is what its format does not tell."""

    file: str
    n_keys: int
    verified: bool
    region: str | None
    batch: int | None
    batches: int | None


class Match(Document):
    """What ``bluezone-sim match --json`` prints.

    Attributes:
        protocol: of the keys.
        n_keys: different keys published; 0 where a filter is published.
        n_rows, n_out_of_order: rows of the history, and those earlier than the row before.
        matches: rows that are of a key.
        minutes_near: by key, of the phone that was near for longest.
        near_is: what counts as near.
        observed: by phone.
        exposure_windows: where the protocol tells attenuations.
        rule: what judges the days.
        risk: days by the name of the rule; absent where they could not be judged.
        n_repeated, n_revised, n_revoked, n_unwanted, n_left_out: keys that did not count, and why.
        report_types: keys by type.
        key_files: the files.
        warnings: what to know before trusting the result.
    """

    schema_version: Version
    protocol: str
    n_keys: int
    n_rows: int
    n_out_of_order: int
    matches: list[FoundKey]
    minutes_near: dict[str, float]
    near_is: str
    observed: list[Observed]
    exposure_windows: list[ExposureWindow] = Field(default_factory=list)
    rule: AppliedRule
    risk: dict[str, list[JudgedDay]] = Field(default_factory=dict)
    n_repeated: int
    n_revised: int
    n_revoked: int
    n_unwanted: int
    n_left_out: int
    report_types: dict[str, int]
    key_files: list[KeyFile]
    warnings: list[str]


class CheckedKeyFile(Document):
    """A file of keys.

    Attributes:
        start_unix_s, end_unix_s: when its keys reached the server; 0 where it does not say.
        region, batch, batches: as it says.
        signatures: who signs it, where the format tells.
        n_left_out: keys at fault.
        n_older_than_retention: keys that phones have no sightings of any more.
        oldest_key_unix_s, newest_key_unix_s: null where the format tells no times.
        verified: a signature was checked, and is right.
        refused: what phones would refuse.
    """

    file: str
    protocol: str
    format: str
    start_unix_s: int
    end_unix_s: int
    region: str
    batch: int
    batches: int
    signatures: list[dict[str, str]] = Field(default_factory=list)
    n_keys: int
    n_revised: int
    n_left_out: int
    n_older_than_retention: int
    report_types: dict[str, int]
    oldest_key_unix_s: int | None
    newest_key_unix_s: int | None
    verified: bool
    refused: list[Refusal]


class Unreadable(Document):
    """A file that cannot be read."""

    file: str
    error: str


class KeysCheck(Document):
    """What ``bluezone-sim keys check --json`` prints.

    Attributes:
        clean: phones would refuse nothing, and every file could be read.
        n_keys: different keys.
        n_repeated, n_revised, n_revoked: of them.
        report_types: keys by type.
        missing, overlaps: sentences on batches.
        files, unreadable, not_read: by file.
    """

    schema_version: Version
    clean: bool
    n_keys: int
    n_repeated: int
    n_revised: int
    n_revoked: int
    report_types: dict[str, int]
    missing: list[str]
    overlaps: list[str]
    files: list[CheckedKeyFile]
    unreadable: list[Unreadable]
    not_read: list[str]


class Counts(Document):
    """Of a protocol in a file."""

    n_sightings: int
    n_identifiers: int


class OwnIdentifier(Document):
    """What a phone itself set to send."""

    unix_ms: int
    protocol: str
    identifier: str
    observer: int


class LeftOut(Document):
    """What was passed over of a file at fault."""

    stretches: list[str]
    n_bytes: int


class ReadFile(Document):
    """A file that was read.

    Attributes:
        format: what it is.
        n_records, n_advertisements: in it.
        protocols: sightings and distinct identifiers, by protocol.
        n_read_over_gatt: advertisements whose identifier is read over a connection, by protocol.
        own_identifiers: what the phones themselves set to send.
        n_backwards, n_cut, n_malformed, n_fragments, n_stale_fragments, n_untimed: what was odd.
        left_out: of a file at fault.
        n_without_rssi: sightings whose RSSI is not told.
        columns_not_used: of a CSV, those that say nothing here.
        first_unix_ms, last_unix_ms: earliest and latest sighting.
        fault: null where there is none.
    """

    file: str
    format: str
    n_records: int
    n_advertisements: int
    protocols: dict[str, Counts]
    n_read_over_gatt: dict[str, int]
    own_identifiers: list[OwnIdentifier]
    n_backwards: int
    n_cut: int
    n_malformed: int
    n_fragments: int
    n_stale_fragments: int
    n_untimed: int
    left_out: LeftOut
    n_without_rssi: int
    columns_not_used: list[str]
    first_unix_ms: int | None
    last_unix_ms: int | None
    fault: str | None


class Listened(Document):
    """How long a phone listened."""

    seconds: float
    n_scans: int
    first_unix_ms: int
    last_unix_ms: int


class Phone(Document):
    """A phone of the recordings; ``null`` is what they do not tell."""

    observer: int
    name: str
    model: str | None
    listened: Listened | None


class Continued(Document):
    """A file that goes on with an earlier one."""

    earlier: str
    later: str
    gap_s: float


class Import(Document):
    """What ``bluezone-sim import --json`` prints.

    Attributes:
        out: the table that was written.
        n_sightings: its rows.
        files, phones, continued: what was read, of whom, and which files are parts of one log.
    """

    schema_version: Version
    out: str
    n_sightings: int
    files: list[ReadFile]
    phones: list[Phone]
    continued: list[Continued]
