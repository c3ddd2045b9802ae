"""Files that readers of a page bring themselves: a phone's log, keys of authorities, a trace."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np

from bluezone_sim import protocols

from . import bluezone_files, heard
from .capture_files import event, report


def _log() -> bytes:
    """Of a phone that was near one of Bluezone and one of Exposure Notification."""
    bluezone = protocols.get("bluezone")
    key = np.frombuffer(bytes.fromhex(bluezone_files.CAPTURE["base_id"]), np.uint8)[None].copy()
    sent = bluezone.identifiers(key)[0, 40].tobytes()
    start_s = bluezone_files.DAY + 40 * 900
    packet = event(report(bluezone.advertisement(sent)))
    return heard.log(
        [(1_000_000 * (start_s + 60 * k), packet) for k in range(10)], heard.heard(heard.A, 30)
    )


def _zipped(path: Path, **members: bytes) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name.replace("__", "/"), data)


def write(folder: Path, names: tuple[str, ...]) -> None:
    """Writes those that a page needs."""
    for name in names:
        path = folder / name
        if name == "bugreport.zip":
            _zipped(path, **{"FS/data/misc/bluetooth/logs/btsnoop_hci.log": _log()})
        elif name == "mine.dat":
            path.write_text("1 2 32400 34200\n2 3 36000 37800\n", encoding="utf-8")
        elif name == "tij_InVS.dat":
            rows = [f"{32400 + 20 * k} {i} {j}" for k in range(60) for i, j in ((1, 2), (2, 3))]
            path.write_text("\n".join(rows) + "\n", encoding="utf-8")
        else:
            _zipped(path, **{"export.bin": heard.export(heard.A if "2" not in name else heard.B)})
