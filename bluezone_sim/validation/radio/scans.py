"""Measured scenes, packet by packet, and their scans of one phone by another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import InputError

#: Exposure Notification scans for 4 s, in which a phone that advertises each 270 ms sends 15 packets.
SCAN_MS = 4_000
PACKETS_PER_SCAN = 15
#: A silence of a receiver longer than this ends a scan; the pauses are of two minutes and more.
_PAUSE_MS = 30_000
#: RSSI that a prediction spreads over, dBm.
GRID_DBM = np.arange(-127, 21)


@dataclass(frozen=True)
class Scene:
    """What some phones heard of each other, with true distances; one row a packet.

    Attributes:
        name: of the scene.
        receiver, transmitter: ``int32[n]``.
        receiver_model: ``str[n]``.
        time_ms: ``int64[n]``, unix milliseconds.
        rssi_dbm: ``int16[n]``.
        distance_m: ``float64[n]``, NaN where it is not known.
        tx_power_dbm, rx_correction_db: ``float64[n]``, calibration of the row's two phones.
    """

    name: str
    receiver: NDArray[np.int32]
    transmitter: NDArray[np.int32]
    receiver_model: NDArray[np.str_]
    time_ms: NDArray[np.int64]
    rssi_dbm: NDArray[np.int16]
    distance_m: NDArray[np.float64]
    tx_power_dbm: NDArray[np.float64]
    rx_correction_db: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.time_ms)

    def take(self, rows: NDArray[np.integer] | NDArray[np.bool_]) -> Scene:
        """Rows by index or mask."""
        names = [n for n in self.__dataclass_fields__ if n != "name"]
        return replace(self, **{n: getattr(self, n)[rows] for n in names})

    @property
    def pair(self) -> NDArray[np.int64]:
        """``int64[n]``: a number for each ordered pair."""
        return self.receiver.astype(np.int64) << 32 | self.transmitter

    @property
    def attenuation_db(self) -> NDArray[np.float64]:
        """TX power - (RSSI + RX correction), ``float64[n]``."""
        return self.tx_power_dbm - (self.rssi_dbm + self.rx_correction_db)


@dataclass(frozen=True)
class Scans:
    """Scans of one phone by another at a known distance, sorted by pair: what their packets tell.

    Attributes:
        first: ``int64[pairs]``, first scan of each pair.
        distance_m: ``float64[n]``, mean of the scan's.
        offset_dbm: ``float64[n]``, TX power less RX correction.
        model: ``int64[n]``, index into ``models``.
        models: receivers' models.
        scene: ``int64[n]``, index into ``scenes``.
        scenes: names.
        packets: ``float64[n]``, packets heard.
        mean_dbm, squares: ``float64[n]``, their mean RSSI, and the sum of squares about it.
        histogram: ``float64[len(GRID_DBM)]``, all their RSSI.
        most: packets that a scan can hear.
    """

    first: NDArray[np.int64]
    distance_m: NDArray[np.float64]
    offset_dbm: NDArray[np.float64]
    model: NDArray[np.int64]
    models: tuple[str, ...]
    scene: NDArray[np.int64]
    scenes: tuple[str, ...]
    packets: NDArray[np.float64]
    mean_dbm: NDArray[np.float64]
    squares: NDArray[np.float64]
    histogram: NDArray[np.float64]
    most: int

    def __len__(self) -> int:
        return len(self.packets)


def scans_of(scenes: Sequence[Scene]) -> Scans:
    """Groups the packets of some scenes; a pair of another scene is another pair.

    Files of one scene have one name.
    """
    columns: list[list[NDArray[Any]]] = []
    models: list[NDArray[np.str_]] = []
    pairs: list[NDArray[np.int64]] = []
    names: list[str] = []
    histogram, n_pairs = np.zeros(len(GRID_DBM)), 0
    for scene in scenes:
        if not np.any(~np.isnan(scene.distance_m)):
            continue
        scan = _scan_numbers(scene)
        packets = np.bincount(scan).astype(np.float64)
        rssi = scene.rssi_dbm.astype(np.float64)
        known = np.bincount(scan, ~np.isnan(scene.distance_m))
        mean_rssi = np.bincount(scan, rssi) / packets
        row = np.zeros(len(packets), np.int64)
        row[scan] = np.arange(len(scene))  # any row of the scan
        _, pair = np.unique(scene.pair, return_inverse=True)
        keep = known > 0
        d = np.bincount(scan, np.nan_to_num(scene.distance_m))[keep] / known[keep]
        offset = (scene.tx_power_dbm - scene.rx_correction_db)[row]
        about = np.bincount(scan, (rssi - mean_rssi[scan]) ** 2)
        if scene.name not in names:
            names.append(scene.name)
        place = np.full(len(d), names.index(scene.name))
        columns.append([d, offset[keep], packets[keep], mean_rssi[keep], about[keep], place])
        models.append(scene.receiver_model[row][keep])
        pairs.append(pair[row][keep] + n_pairs)
        n_pairs += int(pair.max(initial=0)) + 1
        at = np.clip(scene.rssi_dbm[keep[scan]] - GRID_DBM[0], 0, len(GRID_DBM) - 1)
        histogram += np.bincount(at, minlength=len(GRID_DBM))
    if not columns:
        raise InputError(f"{', '.join(s.name for s in scenes)}: no distance is known")
    pair = np.concatenate(pairs)
    order = np.argsort(pair, kind="stable")
    distance, offset, packets, mean, squares, place = (
        np.concatenate([c[k] for c in columns])[order].astype(np.float64) for k in range(6)
    )
    known_models, model = np.unique(np.concatenate(models)[order], return_inverse=True)
    return Scans(
        first=np.flatnonzero(np.diff(pair[order], prepend=-1)),
        distance_m=distance,
        offset_dbm=offset,
        model=model,
        models=tuple(map(str, known_models)),
        scene=place.astype(np.int64),
        scenes=tuple(names),
        packets=packets,
        mean_dbm=mean,
        squares=squares,
        histogram=histogram,
        most=max(PACKETS_PER_SCAN, int(packets.max())),
    )


def _scan_numbers(scene: Scene) -> NDArray[np.int64]:
    """``int64[n]``: number of the scan, of one phone by one, to which each packet belongs."""
    order = np.lexsort((scene.time_ms, scene.receiver))
    who, time = scene.receiver[order], scene.time_ms[order]
    new = (np.diff(who, prepend=who[0] - 1) != 0) | (np.diff(time, prepend=time[0]) > _PAUSE_MS)
    burst = np.cumsum(new) - 1
    # A receiver that does not pause is cut into scans of the usual length.
    part = (time - time[np.flatnonzero(new)][burst]) // (SCAN_MS * 5 // 4)
    key = np.stack([burst, part, scene.transmitter[order]])
    scan = np.empty(len(order), np.int64)
    scan[order] = np.unique(key, axis=1, return_inverse=True)[1].ravel()
    return scan
