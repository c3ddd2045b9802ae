"""Bluezone's files: those of a real phone's capture, and a phone's own history written."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from bluezone_sim.matching.one_phone import PhoneMatches, find
from bluezone_sim.protocols.bluezone.files import parse_f0_message, parse_history
from bluezone_sim.tables.rows import Sightings

from .paths import VECTORS

CAPTURE = json.loads((VECTORS / "bluezone_capture.json").read_text(encoding="utf-8"))
DAY = CAPTURE["base_day_unix_s"]


def message(key=CAPTURE["base_id"], start=DAY, end=DAY + 86_399, per_day=96) -> bytes:
    """CHECK_CONTACT_F0 of one key."""
    entry = {"daily_key": key, "time_start": start, "time_end": end, "max": per_day}
    return json.dumps({"data": [entry]}).encode()


def trace(rows: list[dict[str, Any]] | None = None) -> bytes:
    """What the other phone of the capture would have written."""
    rows = CAPTURE["contact_history"] if rows is None else rows
    return b"".join(
        f"{r['seen_id']}\t{r['own_id']}\t{r['rssi_dbm']}\t{r['unix_ms']}\n".encode() for r in rows
    )


def write_history(sightings: Sightings) -> bytes:
    """``data_trace.txt`` as the app writes it; without own identifiers they are zeros."""
    own = sightings.own_identifier
    if own is None:
        own = np.zeros_like(sightings.identifier)
    rows = zip(own, sightings.identifier, sightings.rssi_dbm, sightings.time_ms, strict=True)
    return b"".join(
        b"%s\t%s\t%d\t%d\n"
        % (bytes(o).hex().upper().encode(), bytes(i).hex().upper().encode(), r, t)
        for o, i, r, t in rows
    )


def look_up(message: bytes, history: bytes) -> PhoneMatches:
    """A message's keys in a phone's history."""
    sightings, report = parse_history(history)
    return find(parse_f0_message(message), sightings, "bluezone", report.n_out_of_order)
