"""One real phone: its history beside published keys."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from .._version import SCHEMA_VERSION
from ..protocols.registry import get_key_protocol
from ..scenario.by_protocol import rule_of as protocol_rule
from ..scenario.schema.rules import RuleTable
from ..tables.rows import Listening, Matches, PublishedKeys, Sightings
from ..tables.table import Column, Table
from .applied_rule import AppliedRule, applied
from .match import match
from .near import NearTime, in_words, near_times, nearness, observed_s, stands_for_s
from .rules import DayScores, KeysTell, day_scores, record_scores
from .windows import ScanInstances, previous_scans, scan_instances

#: Rows that the table in the terminal shows.
_MOST_ROWS = 40


class Filter(Protocol):
    """What is published instead of keys."""

    def find(self, sightings: Sightings) -> NDArray[np.int64]:
        """Rows that are in it."""


#: What the two kinds of minutes are, below them.
MINUTES = (
    "minutes near: what the records at that level stand for, whatever the rule",
    "weighted minutes: what the rule makes of all records of a day, by its own count and weights",
)


@dataclass(frozen=True, eq=False)
class PhoneMatches:
    """What a phone finds, or the phones of one capture.

    Attributes:
        protocol: of keys and history.
        keys: as published; empty where a filter is published.
        n_rows: rows of the history that are of the protocol.
        n_out_of_order: rows earlier than the row before.
        matches: found.
        near: minutes near by key and phone, by attenuation where the protocol tells it, else by RSSI.
        rule: what it is judged by.
        days: scores of the days by that rule; None where it weighs attenuations and none were recorded.
        scans: exposure windows, scan by scan, where the protocol tells attenuations; else None.
        listening: when the phones listened, as far as it is known.
        phones: their names, by observer.
    """

    protocol: str
    keys: PublishedKeys
    n_rows: int
    n_out_of_order: int
    matches: Matches
    near: list[NearTime]
    rule: AppliedRule
    days: DayScores | None
    scans: ScanInstances | None = None
    listening: Listening | None = None
    phones: Mapping[int, str] = field(default_factory=dict)

    def key_hex(self, key: int) -> str:
        """A key as the message has it."""
        return bytes(self.keys.key[key]).hex().upper() if len(self.keys) else "FILTER"

    def to_dict(self) -> dict[str, Any]:
        """The document that ``bluezone-sim match --json`` prints."""
        out: dict[str, Any] = {
            "schema_version": SCHEMA_VERSION,
            "protocol": self.protocol,
            "n_keys": len(self.keys),
            "n_rows": self.n_rows,
            "n_out_of_order": self.n_out_of_order,
            "matches": [self._match(row) for row in range(len(self.matches))],
            # Of the phone that was near for longest, where several heard the key.
            "minutes_near": {
                self.key_hex(near.key): round(near.minutes, 2)
                for near in sorted(self.near, key=lambda near: near.minutes)
            },
            "near_is": str(nearness(self.matches)),
            "observed": [self._observed(who) for who in self._observers()],
        }
        if self.scans is not None:
            out["exposure_windows"] = self._windows(self.scans)
        rule = self.rule.rule
        out["rule"] = {
            "name": rule.name,
            "source": rule.source,
            "parameters": self.rule.parameters.model_dump(mode="json", exclude={"name"}),
        }
        if self.days is not None:
            out["risk"] = {rule.name: self._risk(self.days)}
        return out

    def _risk(self, days: DayScores) -> list[dict[str, Any]]:
        columns = (days.observer, days.day_s, days.weighted_s, days.fired)
        return [
            {
                "observer": observer,
                "day_unix_s": day_s,
                "weighted_minutes": round(seconds / 60, 2),
                "warns": warns,
            }
            for observer, day_s, seconds, warns in zip(*(c.tolist() for c in columns), strict=True)
        ]

    def _match(self, row: int) -> dict[str, Any]:
        m = self.matches
        out = {
            "key": self.key_hex(int(m.key[row])),
            "day_unix_s": int(m.day_s[row]),
            "interval": int(m.interval[row]),
            "unix_ms": int(m.time_ms[row]),
            "rssi_dbm": int(m.rssi_dbm[row]),
        }
        if m.attenuation_db is not None:
            out["attenuation_db"] = float(m.attenuation_db[row])
        out |= self._report_type(int(m.key[row]))
        if np.any(m.observer):
            out["observer"] = int(m.observer[row])
        return out

    def _report_type(self, key: int) -> dict[str, int]:
        """As the key's file tells it, where it does."""
        number = self.keys.meta.get("report_type")
        return {} if number is None or number[key] < 0 else {"report_type": int(number[key])}

    def _observers(self) -> list[int]:
        """Phones whose rows were looked at, or that are known to have listened."""
        known = [] if self.listening is None else np.unique(self.listening.observer).tolist()
        return sorted({*self.phones, *known, *np.unique(self.matches.observer).tolist()})

    def _observed(self, who: int) -> dict[str, Any]:
        mine = [near for near in self.near if near.observer == who]
        out: dict[str, Any] = {
            "observer": who,
            "phone": self.phones.get(who),
            "minutes_near": {self.key_hex(near.key): round(near.minutes, 2) for near in mine},
            "listened_s": None,
            "in_words": in_words(self.listening, who),
        }
        if self.listening is not None:
            scans = self.listening.take(self.listening.observer == who)
            if len(scans):
                out["listened_s"] = observed_s(self.listening, who)
                out["n_scans"] = len(scans)
                out["first_unix_ms"] = int(scans.start_ms[0])
                out["last_unix_ms"] = int(scans.end_ms[-1])
        return out

    def _name(self, who: int) -> str:
        return self.phones.get(who, "the phone" if not who else f"phone {who}")

    def _windows(self, scans: ScanInstances) -> list[dict[str, Any]]:
        first = np.flatnonzero(np.diff(scans.window, prepend=-1))
        last = np.append(first, len(scans))[1:]
        return [
            {
                "key": self.key_hex(int(scans.key[a])),
                "observer": int(scans.observer[a]),
                **self._report_type(int(scans.key[a])),
                "start_unix_s": int(scans.window_start_s[a]),
                "scan_instances": [
                    {
                        "unix_s": int(scans.time_s[i]),
                        "typical_attenuation_db": int(scans.typical_db[i]),
                        "min_attenuation_db": int(scans.min_db[i]),
                        "seconds_since_last_scan": int(scans.since_last_s[i]),
                    }
                    for i in range(a, b)
                ],
            }
            for a, b in zip(first.tolist(), last.tolist(), strict=True)
        ]

    def table(self) -> Table:
        """A row a match; the first ones where they are many."""
        m, n = self.matches, min(len(self.matches), _MOST_ROWS)
        heads = [
            Column("key", lambda text: f"{text[:16]}…", left=True),
            Column("day (UTC)", lambda s: f"{_utc(s):%Y-%m-%d}", left=True),
            Column("interval", left=True),
            Column("time (UTC)", lambda ms: f"{_utc(ms / 1000):%Y-%m-%d %H:%M:%S}", left=True),
            Column("RSSI dBm"),
        ]
        keys = [self.key_hex(int(key)) for key in m.key[:n]]
        columns = [keys, *(c[:n].tolist() for c in (m.day_s, m.interval, m.time_ms, m.rssi_dbm))]
        if m.attenuation_db is not None:
            heads.append(Column("attenuation dB", "{:g}".format))
            columns.append(m.attenuation_db[:n].tolist())
        return Table("", tuple(heads), tuple(zip(*columns, strict=True)))

    def summary(self) -> str:
        """Counts, minutes near by key, risk by day, and what was odd."""
        m = self.matches
        what, several = str(nearness(m)), len(self._observers()) > 1
        lines = [
            f"{len(m):,} matches; keys published: {len(self.keys):,}, rows read: {self.n_rows:,}"
        ]
        for near in self.near:
            whom = f" of {self._name(near.observer)}" if several else ""
            lines.append(
                f"  {self.key_hex(near.key)[:16]}…: {near.minutes:.1f} minutes near{whom} ({what})"
            )
        lines += [
            f"  {self._name(who)}: {in_words(self.listening, who)}" for who in self._observers()
        ]
        if len(m) > _MOST_ROWS:
            lines.insert(0, f"… and {len(m) - _MOST_ROWS:,} more; --json has them all")
        lines += self._judged()
        if self.n_out_of_order:
            lines.append(
                f"{self.n_out_of_order:,} rows are earlier than the row before: the phone's clock "
                "was set back"
            )
        return "\n".join(lines)

    def _judged(self) -> list[str]:
        """Days by the rule."""
        rule, days = self.rule.rule, self.days
        told = f"rule {rule.name}" + (f" ({rule.since})" if rule.since else "")
        if days is None:
            return [f"{told}: not judged, the history has no attenuations"]
        columns = (days.day_s, days.weighted_s, days.fired)
        judged = [
            f"  {told}, {_utc(day_s):%Y-%m-%d}: {seconds / 60:.1f} weighted minutes"
            + (", warns" if warns else ", does not warn")
            for day_s, seconds, warns in zip(*(c.tolist() for c in columns), strict=True)
        ]
        return [*judged, *MINUTES] if judged else []


def find(
    keys: PublishedKeys,
    sightings: Sightings,
    protocol: str,
    n_out_of_order: int = 0,
    published: Filter | None = None,
    rule: RuleTable | None = None,
    listening: Listening | None = None,
    phones: Mapping[int, str] | None = None,
) -> PhoneMatches:
    """Looks keys, or a filter, up in sightings of one protocol.

    Args:
        keys: as published.
        sightings: a phone's history.
        protocol: of both.
        n_out_of_order: rows earlier than the row before.
        published: the filter, where one is published instead of keys.
        rule: what judges the days; by default that of an app that used the protocol.
        listening: when the phones listened, as far as it is known.
        phones: their names, by observer.

    Raises:
        TableError: keys or sightings are not the protocol's, or the rule weighs attenuations and none are
            told.
    """
    if published is None:
        matches = match(keys, sightings, protocol)
    else:
        matches = _filtered(published, sightings, protocol)
    judge = applied(protocol_rule(protocol) if rule is None else rule)
    if rule is not None:
        judge.check(matches)
    told = matches.attenuation_db is not None
    scans = scan_instances(matches, previous_scans(sightings)[matches.row]) if told else None
    seconds = stands_for_s(matches, listening)
    days = None
    if not judge.rule.read_attenuations(told):
        days = record_scores(matches, seconds, judge)
    elif scans is not None:
        days = day_scores(scans, judge, KeysTell.of(keys))
    return PhoneMatches(
        protocol=protocol,
        keys=keys,
        n_rows=len(sightings),
        n_out_of_order=n_out_of_order,
        matches=matches,
        near=near_times(matches, seconds, listening),
        rule=judge,
        days=days,
        scans=scans,
        listening=listening,
        phones=phones or {},
    )


def _filtered(published: Filter, sightings: Sightings, protocol: str) -> Matches:
    """Rows that pass a filter; it tells no keys, so all are of key 0."""
    row = published.find(sightings)
    time_ms = sightings.time_ms[row]
    day_ms, interval_ms = 86_400_000, 1000 * get_key_protocol(protocol).interval_s
    return Matches(
        key=np.zeros(len(row), np.int32),
        row=row,
        observer=sightings.observer[row],
        day_s=time_ms // day_ms * 86_400,
        interval=(time_ms % day_ms // interval_ms).astype(np.int32),
        time_ms=time_ms,
        rssi_dbm=sightings.rssi_dbm[row],
    )


def _utc(unix_s: float) -> dt.datetime:
    return dt.datetime.fromtimestamp(unix_s, dt.UTC)
