"""What phones would say of published files: batches, ages, overlaps, signatures, and what they refuse."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .. import protocols
from .._version import SCHEMA_VERSION
from ..errors import InputError, SignatureError
from ..protocols.key_batch import KeyBatch, Refusal
from ..tables.table import Column, Table
from ..tables.words import DASH
from .key_files import KeyFile, read_keys, read_public_key
from .key_sets import KeySet, count_types, files_of, group_text, missing_batches, utc

_DAY_S = 86_400


@dataclass(frozen=True)
class CheckedFile:
    """A file of keys and what was found of it.

    Attributes:
        file: as it was read, keys at fault left out.
        refused: what phones would refuse.
    """

    file: KeyFile
    refused: tuple[Refusal, ...]

    @property
    def told(self) -> KeyBatch:
        """What the file says of itself; nothing where its format tells nothing."""
        return self.file.told or KeyBatch()

    @property
    def starts_s(self) -> tuple[int, int] | None:
        """Start of the oldest and of the newest key, unix seconds; None where the format tells none."""
        start = self.file.published.start_s
        return (int(start.min()), int(start.max())) if len(start) and start.any() else None

    def n_old(self) -> int:
        """Keys that were over for longer than phones keep sightings when the batch was closed."""
        if not self.told.end_s:
            return 0
        system = protocols.get(self.file.protocol)
        keys = self.file.published
        over_s = keys.start_s + keys.count.astype(np.int64) * system.interval_s
        return int(np.count_nonzero(over_s < self.told.end_s - system.retention_s))

    def report_types(self) -> dict[str, int]:
        """Keys by type, those that take one back too."""
        return count_types(self.file.published, self.file.form.report_types)

    def n_revised(self) -> int:
        """Keys that revise others."""
        return int(self.file.published.meta.get("revised", np.zeros(0, np.bool_)).sum())

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types."""
        told = asdict(self.told)
        del told["refused"]
        first, last = self.starts_s or (None, None)
        return {
            "file": str(self.file.path),
            "protocol": self.file.protocol,
            "format": self.file.form.title,
            "start_unix_s": told.pop("start_s"),
            "end_unix_s": told.pop("end_s"),
            **told,
            "n_keys": len(self.file.published),
            "n_revised": self.n_revised(),
            "n_left_out": self.file.n_left_out,
            "n_older_than_retention": self.n_old(),
            "report_types": self.report_types(),
            "oldest_key_unix_s": first,
            "newest_key_unix_s": last,
            "verified": self.file.verified,
            "refused": [asdict(refusal) for refusal in self.refused],
        }

    def lines(self) -> Iterator[str]:
        """What a table has no room for."""
        types = self.report_types()
        if types:
            yield "report types: " + ", ".join(f"{name} {n:,}" for name, n in types.items())
        if n := self.n_old():
            yield f"{n:,} keys are older than phones keep what they heard"
        yield from (f"signed by {text}" for text in self.told.signers())
        if self.file.verified:
            yield "the signature verifies with the key given"
        yield from (f"refused: {refusal}" for refusal in self.refused)


@dataclass(frozen=True)
class KeyCheck:
    """Files of keys, checked.

    Attributes:
        files: that could be read.
        unreadable: (file, why) of the others.
        others: files of folders that hold no keys.
    """

    files: tuple[CheckedFile, ...]
    unreadable: tuple[tuple[Path, str], ...]
    others: tuple[Path, ...]

    @property
    def exit_code(self) -> int:
        """0 clean, 1 where phones would refuse something, 2 where a file cannot be read."""
        if self.unreadable:
            return 2
        return int(bool(self.missing() or any(f.refused for f in self.files)))

    def sets(self) -> list[KeySet]:
        """The keys of each format, as one set."""
        forms: dict[tuple[str, str], list[KeyFile]] = {}
        for f in self.files:
            forms.setdefault((f.file.protocol, f.file.form.title), []).append(f.file)
        return [KeySet(tuple(files)) for files in forms.values()]

    def missing(self) -> list[str]:
        """Sentences: which batches are missing."""
        return list(missing_batches([f.file for f in self.files]))

    def overlaps(self) -> list[str]:
        """Sentences: batches of one region whose times overlap, each with one that began before it."""
        out = []
        timed = [f for f in self.files if f.told.end_s > f.told.start_s]
        latest: dict[str, CheckedFile] = {}
        for f in sorted(timed, key=lambda f: (f.told.start_s, f.told.end_s)):
            before = latest.get(f.told.region)
            if before is not None and f.told.start_s < before.told.end_s:
                same = (f.told.start_s, f.told.end_s) == (before.told.start_s, before.told.end_s)
                if not same or f.told.batch == before.told.batch:
                    out.append(
                        f"{f.file.path} and {before.file.path} overlap: "
                        f"{group_text(f.told.region, f.told.start_s, f.told.end_s)}, and "
                        f"{group_text(before.told.region, before.told.start_s, before.told.end_s)}"
                    )
            if before is None or f.told.end_s > before.told.end_s:
                latest[f.told.region] = f
        return out

    def to_dict(self) -> dict[str, Any]:
        """The document that ``bluezone-sim keys check --json`` prints."""
        sets = self.sets()
        types: dict[str, int] = {}
        for s in sets:
            for name, n in s.by_report_type().items():
                types[name] = types.get(name, 0) + n
        return {
            "schema_version": SCHEMA_VERSION,
            "clean": self.exit_code == 0,
            "n_keys": sum(len(s.published) for s in sets),
            "n_repeated": sum(s.counts.n_repeated for s in sets),
            "n_revised": sum(s.counts.n_revised for s in sets),
            "n_revoked": sum(s.counts.n_revoked for s in sets),
            "report_types": types,
            "missing": self.missing(),
            "overlaps": self.overlaps(),
            "files": [f.to_dict() for f in self.files],
            "unreadable": [{"file": str(path), "error": text} for path, text in self.unreadable],
            "not_read": [str(path) for path in self.others],
        }

    def table(self) -> Table:
        """A row a file."""
        heads = (
            Column("file", left=True),
            Column("keys", "{:,}".format),
            Column("region", left=True),
            Column("arrived (UTC)", left=True, wrap=True),
            Column("batch", left=True),
            Column("oldest key", left=True),
            Column("newest key", left=True),
            Column("phones", left=True, style=lambda t: "green" if t == "take it" else "bold red"),
        )
        return Table("", heads, tuple(map(_row, self.files)))

    def summary(self) -> str:
        """Lines for people, file by file, then of all."""
        lines = []
        for f in self.files:
            lines += [f"{f.file.path}: {line}" for line in f.lines()]
        for s in self.sets():
            n = len(s.published)
            lines.append(f"{s.protocol}: {n:,} {'key' if n == 1 else 'different keys'}")
            lines += [f"  {line}" for line in s.summary().splitlines()]
        lines += [f"{text}; Android refuses an incomplete set" for text in self.missing()]
        lines += self.overlaps()
        lines += [f"cannot be read: {text}" for _, text in self.unreadable]
        lines += [f"{path}: no file of keys, so not read" for path in self.others]
        return "\n".join(lines)


def _row(f: CheckedFile) -> tuple[Any, ...]:
    told = f.told
    first, last = f.starts_s or (None, None)
    return (
        f.file.path.name,
        len(f.file.published),
        told.region or DASH,
        f"{utc(told.start_s)} to {utc(told.end_s)}" if told.end_s else DASH,
        f"{told.batch} of {told.batches}" if told.batches else DASH,
        _day(first),
        _day(last),
        "refuse it" if f.refused else "take it",
    )


def _day(unix_s: int | None) -> str:
    return DASH if unix_s is None else utc(unix_s // _DAY_S * _DAY_S)[:10]


def check_keys(
    paths: Iterable[Path], protocol: str | None = None, public_key: Path | None = None
) -> KeyCheck:
    """Reads files of keys as far as can be, and says what phones would refuse.

    Args:
        paths: files and folders.
        protocol: what they must be of.
        public_key: file of the key that should have signed each.

    Raises:
        InputError: a folder holds no file of keys, or the public key cannot be read.
    """
    key = None if public_key is None else read_public_key(public_key)
    found, others = files_of(paths)
    files, unreadable = [], []
    for path in found:
        refused: tuple[Refusal, ...] = ()
        try:
            try:
                file = read_keys(path, protocol, key, partial=True)
            except SignatureError as error:
                if key is None:
                    raise
                refused = (Refusal("all", str(error), "the public key given", unverified=True),)
                file = read_keys(path, protocol, partial=True)
            except InputError as error:
                if key is None:
                    raise
                file = read_keys(path, protocol, partial=True)
                if not any(r.unverified for r in (file.told.refused if file.told else ())):
                    reason = f"not verified: {error}"
                    refused = (Refusal("all", reason, "the public key given", unverified=True),)
        except InputError as error:
            unreadable.append((path, str(error)))
            continue
        files.append(CheckedFile(file, (file.told.refused if file.told else ()) + refused))
    return KeyCheck(tuple(files), tuple(unreadable), tuple(others))
