"""Measured scenes: measurements with true distances, and the calibration of their phones."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from ...captures.formats.dp3t_sqlite import read_measurements
from ...captures.phones import PhoneNumbers
from ...errors import FormatError, InputError
from .calibration import CALIBRATIONS, UNKNOWN, base_model
from .scans import Scene


def read_scene(
    path: Path, phones: PhoneNumbers, pass_over: Callable[[str], None] | None = None
) -> tuple[Scene, set[str]]:
    """A measurement with the calibration of its phones, and the models that have none.

    Args:
        path: the file.
        phones: numbers the phones.
        pass_over: told of each row at fault, which is left out; None: the first one is an error.

    Raises:
        InputError, FormatError: see :func:`read_measurements`.
    """
    tables = list(read_measurements(path, phones, pass_over))
    if not tables:
        raise FormatError(f"{path}: all of its rows are at fault")
    receiver, transmitter, time, rssi, distance = (
        np.concatenate([getattr(t, name) for t in tables])
        for name in ("observer", "true_sender", "time_ms", "rssi_dbm", "distance_m")
    )
    names = sorted(phones.number, key=phones.number.__getitem__)
    models = [base_model(phones.model[name]) for name in names]
    found = [CALIBRATIONS.get(model, UNKNOWN) for model in models]
    tx = np.array([c.tx_power_dbm for c in found])
    rx = np.array([c.rx_correction_db for c in found])
    here = np.union1d(receiver, transmitter).tolist()
    scene = Scene(
        name=path.stem,
        receiver=receiver,
        transmitter=transmitter,
        receiver_model=np.array(models)[receiver],
        time_ms=time,
        rssi_dbm=rssi,
        distance_m=distance.astype(np.float64),
        tx_power_dbm=tx[transmitter],
        rx_correction_db=rx[receiver],
    )
    return scene, {models[k] for k in here if models[k] not in CALIBRATIONS}


def read_scenes(
    folder: Path, pass_over: Callable[[str], None] | None = None
) -> tuple[list[Scene], list[str]]:
    """Every measurement in a folder, or below it where it holds none itself; and unknown models.

    Args:
        folder: of sqlite files.
        pass_over: told of each row and each file at fault, which is left out; None: it is an error.

    Raises:
        InputError: no such folder, or no sqlite file in it that can be used.
        FormatError: see :func:`read_measurements`.
    """
    if not os.path.isdir(folder):
        raise InputError(
            f"{folder}: no such folder; expected one with the sqlite files of measured scenes"
        )
    files = sorted(folder.glob("*.sqlite")) or sorted(folder.rglob("*.sqlite"))
    if not files:
        raise InputError(f"{folder}: holds no *.sqlite; expected measured scenes")
    stems = [file.stem for file in files]
    phones, scenes, unknown = PhoneNumbers(), [], set()
    for file in files:
        try:
            scene, without = read_scene(file, phones, pass_over)
        except FormatError as error:
            if pass_over is None:
                raise
            pass_over(str(error))
            continue
        if stems.count(file.stem) > 1:
            scene = replace(scene, name=file.relative_to(folder).with_suffix("").as_posix())
        scenes.append(scene)
        unknown |= without
    if not scenes:
        raise InputError(f"{folder}: none of {len(files)} files of measured scenes can be used")
    return scenes, sorted(unknown)
