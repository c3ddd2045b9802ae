"""Which logs are parts of one phone's, and in what order.

Android begins a new log when Bluetooth is switched on or the log is full, and keeps the one before beside
it: ``btsnoop_hci.log`` and ``btsnoop_hci.log.last``.
"""

from __future__ import annotations

import filecmp
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from ..errors import FormatError, InputError
from .formats.containers import unpacked
from .formats.frames import Damage, Frames
from .formats.hci import EVENT, hci_packets, u8
from .formats.link_layer import LINK_LAYER
from .sources import PACKED, READERS, told_by_content

_HCI = (187, 201, 1001, 1002)
_EARLIER = (".last", ".old")
#: A log that begins so soon after another one ends goes on with it (assumed: a phone in use is never
#: without a packet for so long while its Bluetooth is on).
_TOUCH_US = 120_000_000
#: Parts may overlap by what a clock is set back.
_OVERLAP_US = 10_000_000
_COMMAND_COMPLETE, _READ_ADDRESS = 0x0E, 0x1009


@dataclass(frozen=True)
class Continuation:
    """A log that goes on in another one, after a time without any."""

    earlier: Path
    later: Path
    gap_s: float


@dataclass(frozen=True)
class _Log:
    path: Path
    first_us: int
    last_us: int
    links: frozenset[int]
    addresses: frozenset[int]


def in_parts(files: Sequence[Path]) -> tuple[list[Path], list[Continuation]]:
    """The files with parts of a log in order of time, each where the first of them stood, and which goes
    on in which.

    Two logs of one link type are one phone's, or one sniffer's, where both tell the same address of the
    phone itself; or, where not both tell one, if their names say so (``X.last`` and ``X``), or if one
    begins as the other ends.

    Raises:
        InputError: two hold the same, whatever they are packed in.
    """
    logs = [log for path in files if (log := _log(path)) is not None] if len(files) > 1 else []
    logs.sort(key=lambda log: (log.first_us, log.last_us))
    for log, other in pairwise(logs):
        if (log.first_us, log.last_us) == (other.first_us, other.last_us) and _alike(log, other):
            raise InputError(f"{other.path}: holds what {log.path} holds; give one of them")
    after: dict[Path, _Log] = {}
    taken: set[Path] = set()
    continued = []
    for k, log in enumerate(logs):
        nexts = [other for other in logs[k + 1 :] if _goes_on(log, other)]
        if not nexts:
            continue
        # The next one in time; of two that begin alike neither is known to be it.
        later = nexts[0]
        rivals = [n for n in nexts[1:] if n.first_us < later.last_us]
        if later.path in taken or rivals:
            continue
        taken.add(later.path)
        after[log.path] = later
        gap_s = (later.first_us - log.last_us) / 1e6
        continued.append(Continuation(log.path, later.path, gap_s))
    chains: dict[Path, list[Path]] = {}
    for log in logs:
        if log.path not in taken:
            chain = [log.path]
            while chain[-1] in after:
                chain.append(after[chain[-1]].path)
            chains.update(dict.fromkeys(chain, chain))
    ordered: list[Path] = []
    for path in files:
        ordered += [p for p in chains.get(path, [path]) if p not in ordered]
    return ordered, continued


def _goes_on(log: _Log, other: _Log) -> bool:
    gap = other.first_us - log.last_us
    if gap < -_OVERLAP_US or log.links != other.links:
        return False
    if log.addresses and other.addresses:
        return bool(log.addresses & other.addresses)
    named = _stem(log.path) == _stem(other.path) and log.path != other.path
    return named or gap <= _TOUCH_US


def _alike(log: _Log, other: _Log) -> bool:
    """Two files hold the same bytes when they are unpacked."""
    with unpacked(log.path) as one, unpacked(other.path) as two:
        return len(one) == len(two) and all(
            filecmp.cmp(a, b, shallow=False) for (_, a), (_, b) in zip(one, two, strict=True)
        )


def _stem(path: Path) -> Path:
    name = path.name.removesuffix(".gz")
    for ending in _EARLIER:
        name = name.removesuffix(ending)
    return path.with_name(name)


def _log(path: Path) -> _Log | None:
    """Extent of a log of one phone's HCI packets, or of one sniffer; None for all else, and for what is
    at fault, which its reader tells."""
    spans: list[tuple[int, int]] = []
    links: set[int] = set()
    addresses: set[int] = set()
    try:
        if told_by_content(path) not in (*READERS, *PACKED):
            return None
        with unpacked(path) as parts:
            for _, file in parts:
                kind = told_by_content(file)
                if kind not in READERS:
                    return None
                with file.open("rb") as stream:
                    for frames in READERS[kind](stream, Damage()):
                        links |= set(np.unique(frames.link).tolist()) - {0}
                        if frames.observer.any() or not links <= {*_HCI, *LINK_LAYER}:
                            return None
                        if len(frames):
                            spans.append((int(frames.time_us.min()), int(frames.time_us.max())))
                            addresses |= _own_addresses(frames)
    except FormatError:
        return None
    if not spans:
        return None
    first, last = min(a for a, _ in spans), max(b for _, b in spans)
    return _Log(path, first, last, frozenset(links), frozenset(addresses))


def _own_addresses(frames: Frames) -> set[int]:
    """Answers to "read BD_ADDR" (Core, volume 4, part E, section 7.4.6)."""
    hci = hci_packets(frames.take(np.flatnonzero(np.isin(frames.link, _HCI))))
    data, at = hci.data, hci.at
    code = u8(data, at + 3).astype(np.int64) | u8(data, at + 4).astype(np.int64) << 8
    told = (hci.kind == EVENT) & (hci.size >= 12) & (code == _READ_ADDRESS)
    told &= (u8(data, at) == _COMMAND_COMPLETE) & (u8(data, at + 5) == 0)
    return {int.from_bytes(data[k + 6 : k + 12].tobytes(), "little") for k in at[told].tolist()}
