"""What a file held, counted as it is read."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..tables.rows import Sightings
from .decode import OwnIdentifier
from .formats.frames import Damage


@dataclass
class FileReport:
    """What a file held.

    Attributes:
        path: the file.
        format: one of :data:`~.sources.FORMATS`.
        n_records: records, blocks or rows read.
        n_advertisements: advertisements among them, of any kind; in tables every row is one.
        n_sightings: rows by protocol.
        identifiers: the distinct ones, by protocol.
        n_gatt: advertisements by protocol whose identifier is read over a connection.
        own: what phones themselves set to send.
        n_backwards: records a little earlier than the one before.
        n_cut: records of which the file holds a part only.
        n_malformed: packets whose lengths do not add up, or whose CRC is wrong.
        n_fragments: reports that were joined to others.
        n_stale: fragments whose rest did not follow in time, which were left out.
        n_untimed: packets that tell no time, which were left out.
        damage: what was passed over of a file at fault.
        n_without_rssi: sightings whose RSSI is not told.
        columns_not_used: of a table, those that say nothing here.
        first_ms, last_ms: earliest and latest sighting, unix milliseconds; None where there is none.
        fault: why reading ended early; empty where it did not.
    """

    path: Path
    format: str
    n_records: int = 0
    n_advertisements: int = 0
    n_sightings: dict[str, int] = field(default_factory=dict)
    identifiers: dict[str, set[bytes]] = field(default_factory=dict)
    n_gatt: dict[str, int] = field(default_factory=dict)
    own: list[OwnIdentifier] = field(default_factory=list)
    n_backwards: int = 0
    n_cut: int = 0
    n_malformed: int = 0
    n_fragments: int = 0
    n_stale: int = 0
    n_untimed: int = 0
    damage: Damage = field(default_factory=Damage)
    n_without_rssi: int = 0
    columns_not_used: list[str] = field(default_factory=list)
    first_ms: int | None = None
    last_ms: int | None = None
    fault: str = ""

    def add(self, sightings: Sightings) -> None:
        """Counts a table."""
        if not len(sightings):
            return
        name = sightings.protocol
        self.n_sightings[name] = self.n_sightings.get(name, 0) + len(sightings)
        ids = np.ascontiguousarray(sightings.identifier)
        whole = ids.view(np.dtype((np.void, ids.shape[1])))[:, 0]
        self.identifiers.setdefault(name, set()).update(whole.tolist())
        self.n_without_rssi += int(np.count_nonzero(sightings.rssi_dbm == -128))
        first, last = int(sightings.time_ms.min()), int(sightings.time_ms.max())
        self.first_ms = first if self.first_ms is None else min(self.first_ms, first)
        self.last_ms = last if self.last_ms is None else max(self.last_ms, last)

    def to_dict(self) -> dict[str, Any]:
        """As ``bluezone-sim import --json`` prints it."""
        return {
            "file": str(self.path),
            "format": self.format,
            "n_records": self.n_records,
            "n_advertisements": self.n_advertisements,
            "protocols": {
                name: {"n_sightings": n, "n_identifiers": len(self.identifiers[name])}
                for name, n in sorted(self.n_sightings.items())
            },
            "n_read_over_gatt": dict(sorted(self.n_gatt.items())),
            "own_identifiers": [
                {
                    "unix_ms": own.time_us // 1000,
                    "protocol": own.protocol,
                    "identifier": own.identifier.hex(),
                    "observer": own.observer,
                }
                for own in self.own
            ],
            "n_backwards": self.n_backwards,
            "n_cut": self.n_cut,
            "n_malformed": self.n_malformed,
            "n_fragments": self.n_fragments,
            "n_stale_fragments": self.n_stale,
            "n_untimed": self.n_untimed,
            "left_out": {"stretches": self.damage.told, "n_bytes": self.damage.n_bytes},
            "n_without_rssi": self.n_without_rssi,
            "columns_not_used": self.columns_not_used,
            "first_unix_ms": self.first_ms,
            "last_unix_ms": self.last_ms,
            "fault": self.fault or next(iter(self.damage.told), None),
        }
