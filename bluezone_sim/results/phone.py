"""One real phone: its history beside published keys."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._version import SCHEMA_VERSION
from ..matching import match
from ..protocols.bluezone_files import HistoryReport, parse_f0_message, parse_history
from ..scenario.model import Thresholds
from ..scenario.profiles import load_profile
from ..tables import Matches, PublishedKeys


@dataclass(frozen=True, eq=False)
class PhoneMatches:
    """What one phone finds.

    Attributes:
        keys: as published.
        history: rows read.
        matches: found.
        near_min: ``float64[keys]``, minutes near by key.
    """

    keys: PublishedKeys
    history: HistoryReport
    matches: Matches
    near_min: NDArray[np.float64]

    def key_hex(self, key: int) -> str:
        """A key as the message has it."""
        return bytes(self.keys.key[key]).hex().upper()

    def to_dict(self) -> dict[str, Any]:
        """The document that ``bluezone-sim match --json`` prints."""
        m = self.matches
        columns = (m.key, m.day_s, m.interval, m.time_ms, m.rssi_dbm)
        return {
            "schema_version": SCHEMA_VERSION,
            "n_keys": len(self.keys),
            "n_rows": self.history.n_rows,
            "n_out_of_order": self.history.n_out_of_order,
            "matches": [
                {
                    "key": self.key_hex(key),
                    "day_unix_s": day_s,
                    "interval": interval,
                    "unix_ms": time_ms,
                    "rssi_dbm": rssi,
                }
                for key, day_s, interval, time_ms, rssi in zip(
                    *(c.tolist() for c in columns), strict=True
                )
            ],
            "minutes_near": {
                self.key_hex(key): round(float(self.near_min[key]), 2)
                for key in np.unique(m.key).tolist()
            },
        }

    def table(self) -> Any:
        """A row a match, for rich."""
        from rich import box
        from rich.table import Table

        table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        for name in ("key", "day (UTC)", "interval", "time (UTC)", "RSSI dBm"):
            table.add_column(name, no_wrap=True, justify="right" if "RSSI" in name else "left")
        m = self.matches
        columns = (m.key, m.day_s, m.interval, m.time_ms, m.rssi_dbm)
        for key, day_s, interval, time_ms, rssi in zip(*(c.tolist() for c in columns), strict=True):
            day = dt.datetime.fromtimestamp(day_s, dt.UTC)
            time = dt.datetime.fromtimestamp(time_ms / 1000, dt.UTC)
            table.add_row(
                f"{self.key_hex(key)[:16]}…",
                f"{day:%Y-%m-%d}",
                str(interval),
                f"{time:%Y-%m-%d %H:%M:%S}",
                str(rssi),
            )
        return table

    def summary(self) -> str:
        """Counts, minutes near by key, and what was odd."""
        m, report = self.matches, self.history
        lines = [
            f"{len(m):,} matches; keys published: {len(self.keys):,}, rows read: {report.n_rows:,}",
            *(
                f"  {self.key_hex(key)[:16]}…: {self.near_min[key]:.1f} minutes near "
                f"(at {Thresholds().android_android_dbm:g} dBm or more)"
                for key in np.unique(m.key).tolist()
            ),
        ]
        if report.n_out_of_order:
            lines.append(
                f"{report.n_out_of_order:,} rows are earlier than the row before: the phone's clock "
                "was set back"
            )
        return "\n".join(lines)


def look_up(
    message: bytes, history: bytes, message_source: str = "keys", history_source: str = "history"
) -> PhoneMatches:
    """Looks a message's keys up in a phone's history.

    Args:
        message: CHECK_CONTACT_F0, JSON.
        history: ``data_trace.txt``.
        message_source, history_source: names of the files, for errors.

    Raises:
        FormatError: a file is at fault; the entry or row is named.
    """
    keys = parse_f0_message(message, message_source)
    sightings, report = parse_history(history, history_source)
    matches = match(keys, sightings, "bluezone")
    return PhoneMatches(keys, report, matches, minutes_near(matches, len(keys)))


def minutes_near(
    matches: Matches,
    n_keys: int,
    threshold_dbm: float | None = None,
    scan_period_s: float | None = None,
) -> NDArray[np.float64]:
    """Minutes near, by key.

    A row at or above the threshold stands for the scan period that it begins; time that several rows
    stand for counts once. With one row a scan this is the simulator's rule, records times period.

    Args:
        matches: of one phone.
        n_keys: number of published keys.
        threshold_dbm: by default the app's for two Android phones.
        scan_period_s: by default Bluezone v2's.

    Returns:
        ``float64[n_keys]``.
    """
    threshold = Thresholds().android_android_dbm if threshold_dbm is None else threshold_dbm
    if scan_period_s is None:
        scan_period_s = load_profile("bluezone").android.background.scan_period_s()
    period_ms = 1000 * scan_period_s
    near = np.flatnonzero(matches.rssi_dbm >= threshold)
    near = near[np.lexsort((matches.time_ms[near], matches.key[near]))]
    key, time = matches.key[near], matches.time_ms[near]
    until_next = np.full(len(near), period_ms)
    same = key[1:] == key[:-1]
    until_next[:-1][same] = np.minimum(np.diff(time)[same], period_ms)
    return np.bincount(key, until_next, n_keys) / 60_000
