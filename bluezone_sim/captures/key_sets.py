"""Published keys of many files as one set: what is said twice, revised, taken back, missing."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..reading.bounded import is_folder
from ..tables.rows import PublishedKeys, Sightings
from .key_files import KeyFile, looks_like_keys, read_keys, read_public_key

#: What takes a key back.
_REVOKED = "revoked"
#: Missing batches that are named.
_MOST_NAMED = 5


@dataclass(frozen=True)
class KeyCounts:
    """What became of the keys that files hold.

    Attributes:
        n_repeated: said again, in one file or several.
        n_revised: replaced by a revision.
        n_revoked: taken back.
        n_unwanted: of a report type that was not chosen.
    """

    n_repeated: int
    n_revised: int
    n_revoked: int
    n_unwanted: int


@dataclass(frozen=True)
class KeySet:
    """All keys that some files publish, each once.

    Attributes:
        files: in the order in which they were given.
        wanted: report types that count; None: all.
        others: files of folders that hold no keys.
    """

    files: tuple[KeyFile, ...]
    wanted: frozenset[str] | None = None
    others: tuple[Path, ...] = ()

    @property
    def protocol(self) -> str:
        """Name of the system."""
        return self.files[0].protocol

    @property
    def report_types(self) -> tuple[str, ...]:
        """Names of the numbers in ``meta["report_type"]``; empty where keys have none."""
        return self.files[0].form.report_types

    @cached_property
    def _merged(self) -> tuple[PublishedKeys, KeyCounts]:
        return self._merge([f.published for f in self.files])

    @property
    def published(self) -> PublishedKeys:
        """The keys, each once; see :meth:`published_for`."""
        return self._merged[0]

    @property
    def counts(self) -> KeyCounts:
        """What became of those that the files hold."""
        return self._merged[1]

    @property
    def filter(self) -> AnyFilter | None:
        """What is published instead of keys, where it is."""
        filters = tuple(f.filter for f in self.files if f.filter is not None)
        return AnyFilter(filters) if filters else None

    def published_for(self, sightings: Sightings) -> PublishedKeys:
        """The keys, given the sightings that they will be looked up in: it may depend on when."""
        if all(f.form.timed is None for f in self.files):
            return self.published
        return self._merge([f.published_for(sightings) for f in self.files])[0]

    def _merge(self, tables: Sequence[PublishedKeys]) -> tuple[PublishedKeys, KeyCounts]:
        ends_s = [f.told.end_s if f.told is not None else 0 for f in self.files]
        return merged(tables, ends_s, self.report_types, self.wanted)

    # -- told --------------------------------------------------------------------------------------

    def by_report_type(self) -> dict[str, int]:
        """How many keys are of each type; empty where keys have none."""
        return count_types(self.published, self.report_types)

    def missing(self) -> list[str]:
        """Sentences: which batches of a region and a time were not given."""
        return list(missing_batches(self.files))

    def warnings(self) -> list[str]:
        """What a user has to know of the files before trusting a result."""
        out = self.missing()
        for f in self.files:
            refused = f.told.refused if f.told is not None and not f.verified else ()
            out += [f"{f.path}: {refusal}" for refusal in refused if refusal.unverified]
            if f.n_left_out:
                out.append(
                    f"{f.fault}; {f.n_left_out} of {f.n_left_out + len(f.published)} keys left out"
                )
        if self.others:
            names = ", ".join(str(path) for path in self.others[:_MOST_NAMED])
            more = f" and {len(self.others) - _MOST_NAMED} more" * (len(self.others) > _MOST_NAMED)
            out.append(f"no files of keys, so not read: {names}{more}")
        return out

    def to_dict(self) -> dict[str, Any]:
        """As ``bluezone-sim match --json`` has it."""
        return {
            "n_repeated": self.counts.n_repeated,
            "n_revised": self.counts.n_revised,
            "n_revoked": self.counts.n_revoked,
            "n_unwanted": self.counts.n_unwanted,
            "n_left_out": sum(f.n_left_out for f in self.files),
            "report_types": self.by_report_type(),
            "key_files": [
                {
                    "file": str(f.path),
                    "n_keys": len(f.published),
                    "verified": f.verified,
                    "region": f.told.region if f.told is not None else None,
                    "batch": f.told.batch if f.told is not None else None,
                    "batches": f.told.batches if f.told is not None else None,
                }
                for f in self.files
            ],
            "warnings": self.warnings(),
        }

    def summary(self) -> str:
        """Lines for people: report types, and what became of keys; empty where nothing is to tell."""
        lines = []
        if types := self.by_report_type():
            lines.append("report types: " + ", ".join(f"{k} {n:,}" for k, n in types.items()))
            lines += self.meanings()
        for n, one, many in (
            (self.counts.n_repeated, "key is said again", "keys are said again"),
            (self.counts.n_revised, "key is revised", "keys are revised"),
            (self.counts.n_revoked, "key was revoked", "keys were revoked"),
            (self.counts.n_unwanted, "key is of another type", "keys are of other types"),
        ):
            if n:
                lines.append(f"{n:,} {one if n == 1 else many}")
        return "\n".join(lines)

    def meanings(self) -> list[str]:
        """What report types mean in the files' regions, where that is not what their names say."""
        regions = {f.told.region for f in self.files if f.told is not None}
        means = self.files[0].form.report_types_mean
        return [f"{region}: {text}" for region, text in means if region in regions]


@dataclass(frozen=True)
class AnyFilter:
    """Several filters as one."""

    filters: tuple[Any, ...]

    def find(self, sightings: Sightings) -> NDArray[np.int64]:
        """Rows that are in any of them, ascending."""
        found: NDArray[np.int64] = np.unique(
            np.concatenate([f.find(sightings) for f in self.filters])
        )
        return found


def read_key_set(
    paths: Iterable[Path],
    protocol: str | None = None,
    public_key: Path | None = None,
    *,
    partial: bool = False,
    report_types: str | None = None,
) -> KeySet:
    """Reads files of keys, and all that a folder holds, as one set.

    Args:
        paths: files and folders.
        protocol: what they must be of.
        public_key: file of the key that must have signed each.
        partial: leave out single keys that are at fault.
        report_types: names or numbers of those that count, with commas; None: all.

    Raises:
        InputError: a file cannot be read, a folder holds none of keys, files are of different systems,
            or there is no such report type.
        RowsError: single keys are at fault.
        FormatError: a file is at fault.
        SignatureError: a signature does not verify.
    """
    key = None if public_key is None else read_public_key(public_key)
    found, others = files_of(paths)
    files = tuple(read_keys(path, protocol, key, partial=partial) for path in found)
    for f in files[1:]:
        if f.form != files[0].form:
            raise InputError(
                f"{f.path}: {f.form.title} of {f.protocol}, but {files[0].path} is "
                f"{files[0].form.title} of {files[0].protocol}; one match is of one system's keys"
            )
    wanted = None
    if report_types is not None:
        wanted = _wanted(report_types, files[0])
    return KeySet(files, wanted, tuple(others))


def files_of(paths: Iterable[Path]) -> tuple[list[Path], list[Path]]:
    """Files of keys, each once, those in folders too; and what folders hold besides.

    Raises:
        InputError: a folder holds none, or a file in it cannot be read.
    """
    found: dict[Path, Path] = {}
    others: list[Path] = []
    for path in paths:
        inside, rest = _inside(path) if is_folder(path) else ([path], [])
        others += rest
        for file in inside:
            found.setdefault(file.resolve(), file)
    return list(found.values()), others


def _inside(folder: Path) -> tuple[list[Path], list[Path]]:
    """Files of keys in a folder, and the other files but for signatures that lie beside one."""
    names = [p for p in sorted(folder.rglob("*")) if p.is_file() and not p.name.startswith(".")]
    keys = [p for p in names if looks_like_keys(p)]
    if not keys:
        raise InputError(f"{folder}: holds no file of keys")
    beside = {p.with_suffix(".sig") for p in keys}
    return keys, [p for p in names if p not in keys and p not in beside]


def _wanted(text: str, first: KeyFile) -> frozenset[str]:
    names = first.form.report_types
    if not names:
        raise InputError(
            f"--report-types {text}: keys of {first.protocol} have none; leave the option away"
        )
    can = [name for name in names if name != _REVOKED]
    out = set()
    for word in text.split(","):
        name = word.strip().lower().replace("_", "-")
        if name.isdigit() and int(name) < len(names):
            name = names[int(name)]
        if name == _REVOKED:
            raise InputError(f"--report-types {text}: revoked keys are taken back, so none matches")
        if name not in can:
            raise InputError(f"--report-types {word}: expected some of {', '.join(can)}")
        out.add(name)
    return frozenset(out)


def _report_types(published: PublishedKeys, names: tuple[str, ...]) -> NDArray[np.int64]:
    """``int64[n]``: numbers of types; what tells none, or one that has no name, is of the first."""
    number = published.meta.get("report_type")
    if number is None:
        return np.zeros(len(published), np.int64)
    return np.where((number >= 0) & (number < len(names)), number, 0).astype(np.int64)


def count_types(published: PublishedKeys, names: tuple[str, ...]) -> dict[str, int]:
    """How many keys are of each of these types, without those of which there is none."""
    counts = np.bincount(_report_types(published, names), minlength=len(names)).tolist()
    return {name: n for name, n in zip(names, counts, strict=bool(names)) if n}


def merged(
    tables: Sequence[PublishedKeys],
    ends_s: Sequence[int],
    report_types: tuple[str, ...] = (),
    wanted: frozenset[str] | None = None,
) -> tuple[PublishedKeys, KeyCounts]:
    """Tables of one system as one, each key once, in the order in which they first come.

    A key is told by its bytes and its start. Of several rows one counts, whatever their order: one that
    takes the key back before all others, a revision before what it revises, what was published later, the
    longer validity.

    Args:
        tables: of one format.
        ends_s: until when each one's keys reached the server, unix seconds.
        report_types: names of the numbers in ``meta["report_type"]``.
        wanted: those that count; None: all.
    """
    names = [n for n in tables[0].meta if all(n in t.meta for t in tables)]
    whole = PublishedKeys(
        key=np.concatenate([t.key for t in tables]),
        start_s=np.concatenate([t.start_s for t in tables]),
        count=np.concatenate([t.count for t in tables]),
        meta={n: np.concatenate([t.meta[n] for t in tables]) for n in names},
    )
    told_s = np.repeat(np.asarray(ends_s, np.int64), [len(t) for t in tables])
    type_ = _report_types(whole, report_types)
    revoked = np.zeros(len(whole), np.bool_)
    if _REVOKED in report_types:
        revoked = type_ == report_types.index(_REVOKED)
    revised = whole.meta.get("revised", np.zeros(len(whole), np.bool_)).astype(np.bool_)
    first, group = _identities(whole)
    rest = [whole.meta[n] for n in sorted(names) if whole.meta[n].ndim == 1]
    order = np.lexsort((*rest, whole.count, told_s, revised, revoked, group))
    last = order[np.flatnonzero(np.diff(group[order], append=-1) != 0)]
    rows = last[np.argsort(first)]
    plain = ~revised & ~revoked
    kept = rows[~revoked[rows]]
    if wanted is not None:
        chosen = np.isin(type_[kept], [report_types.index(name) for name in wanted])
    else:
        chosen = np.ones(len(kept), np.bool_)
    counts = KeyCounts(
        n_repeated=int(plain.sum()) - len(np.unique(group[plain])),
        n_revised=int(revised[kept].sum()),
        n_revoked=len(rows) - len(kept),
        n_unwanted=int((~chosen).sum()),
    )
    return whole.take(kept[chosen]), counts


def _identities(keys: PublishedKeys) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(first row of each different key, which of them each row is): by bytes and start."""
    n, size = keys.key.shape
    words = np.zeros((n, -(-size // 8) + 1), np.uint64)
    words[:, :-1].view(np.uint8)[:, :size] = keys.key
    words[:, -1] = keys.start_s.astype(np.int64).view(np.uint64)
    order = np.lexsort(words.T)
    new = np.ones(n, np.bool_)
    new[1:] = (words[order[1:]] != words[order[:-1]]).any(axis=1)
    group = np.empty(n, np.int64)
    group[order] = np.cumsum(new) - 1
    return order[new], group  # rows that are alike stay in their order


def missing_batches(files: Sequence[KeyFile]) -> Iterator[str]:
    """Sentences: which batches of a region and a time are not among the files."""
    groups: dict[tuple[str, int, int], set[int]] = {}
    sizes: dict[tuple[str, int, int], int] = {}
    for f in files:
        if f.told is None or f.told.batches < 1:
            continue
        group = (f.told.region, f.told.start_s, f.told.end_s)
        groups.setdefault(group, set()).add(f.told.batch)
        sizes[group] = max(sizes.get(group, 0), f.told.batches)
    for group, have in groups.items():
        of = sizes[group]
        n = of - sum(1 <= number <= of for number in have)
        lost = islice((k for k in range(1, of + 1) if k not in have), _MOST_NAMED)
        said = ", ".join(f"batch {k} of {of} is missing" for k in lost)
        more = f", and {n - _MOST_NAMED:,} more" if n > _MOST_NAMED else ""
        if n:
            yield f"keys of {group_text(*group)}: {said}{more}"


def group_text(region: str, start_s: int, end_s: int) -> str:
    """A region and a time, for people."""
    return f"{region or 'no region'}, {utc(start_s)} to {utc(end_s)}"


def utc(unix_s: int) -> str:
    """A minute for people, also where a file tells what is none."""
    try:
        return f"{dt.datetime.fromtimestamp(unix_s, dt.UTC):%Y-%m-%d %H:%M}"
    except (ValueError, OverflowError, OSError):
        return f"unix second {unix_s}"
