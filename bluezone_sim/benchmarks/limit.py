"""``bench limit``: the package's public calls beside the same work in C, in turn, in one process.

One thread, 512 keys a call, into arrays that are there already. The C (``limit.c``) does each job in
several ways; the quickest here is the limit. All of them have to write the same bytes and find the same.
"""

from __future__ import annotations

import ctypes
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import protocols
from ..errors import BluezoneSimError
from ..matching.index import index_sightings
from ..matching.match import match
from ..protocols.gaen.wire import INTERVAL_S, PER_KEY
from ..tables.rows import Matches, PublishedKeys
from ..tables.table import Column, Table
from .limit_library import build_library
from .results import scaled
from .rounds import clock_of
from .workload import START_S, published_keys, random_keys, sightings_of

#: Keys of a call; and of all calls that are timed together.
CALL_KEYS = 512
_BLUEZONE_KEYS, _GAEN_KEYS = 4_096, 16_384
#: Rounds in which the C's ways compete; and in which the quickest few stand beside the package, so that a
#: disturbed heat does not choose a lesser limit.
_HEATS, _FEW, _ROUNDS = 5, 3, 60
OBSERVED = {"10k": 10_000, "100k": 100_000, "1M": 1_000_000}
_SHA = ("shani2", "shani4", "lanes")
_PROBES = ("words", "ahead", "gathered", "apart")
#: Sizes of the C's filter that compete: about so many bits an identifier, and the next two powers of two.
_FILTER_BITS = 24


@dataclass(frozen=True)
class LimitFigure:
    """One job, here and in C.

    Attributes:
        name: such as ``match/gaen/1M``.
        unit: of the rates, such as ``keys/s``.
        ours, limit: rates, of the least time of all rounds.
        ratio: of the first to the second.
        way: the C's quickest, such as ``match_words_shani4``.
    """

    name: str
    unit: str
    ours: float
    limit: float
    ratio: float
    way: str


@dataclass(frozen=True)
class _Side:
    """One side's calls, of 512 keys each.

    Attributes:
        calls: what is timed.
        answer: the array that a call's return value stands for.
        kept: what has to live as long as the calls.
    """

    calls: Sequence[Callable[[], Any]]
    answer: Callable[[Any], NDArray[Any]]
    kept: object = None

    def work(self) -> None:
        for call in self.calls:
            call()

    def answers(self) -> list[NDArray[Any]]:
        return [self.answer(call()) for call in self.calls]


@dataclass(frozen=True)
class _Job:
    """Name, unit, how many of them a side's calls make, the package's side, the C's ways."""

    name: str
    unit: str
    items: int
    ours: _Side
    ways: dict[str, _Side]


def measure_limit() -> Iterator[LimitFigure]:
    """Every figure, each when it is its turn.

    Raises:
        InputError: the C cannot be compiled here.
        BluezoneSimError: it does not do the same.
    """
    library = build_library()
    yield _measured(_identifiers(library))
    yield _measured(_expansion(library))
    for size in OBSERVED:
        yield _measured(_matching(library, size))


def _measured(job: _Job) -> LimitFigure:
    expected = job.ours.answers()
    for name, side in job.ways.items():
        if not all(map(np.array_equal, side.answers(), expected)):
            raise BluezoneSimError(f"bench limit: {job.name}: {name} in C gives something else")
    names = list(job.ways)
    heats = _least_seconds([job.ways[name] for name in names], _HEATS)
    few = [names[i] for i in np.argsort(heats)[:_FEW]]
    ours, *in_c = job.items / _least_seconds([job.ours, *(job.ways[name] for name in few)], _ROUNDS)
    limit = max(in_c)
    way = few[in_c.index(limit)]
    return LimitFigure(job.name, f"{job.unit}/s", ours, limit, ours / limit, way)


def _least_seconds(sides: Sequence[_Side], rounds: int) -> NDArray[np.float64]:
    """``float64[len(sides)]``: each one's least time, all in turn.

    Each begins with a call that does not count, so that nobody pays for what the one before has driven
    out of the caches: ways of C share an index, and the package has one of its own.
    """
    seconds, clock = np.empty((rounds, len(sides))), clock_of(1)
    for r in range(rounds):
        for i, side in enumerate(sides):
            side.calls[0]()
            begin = clock()
            side.work()
            seconds[r, i] = clock() - begin
    return np.asarray(seconds.min(axis=0))


def _function(library: ctypes.CDLL, name: str) -> Callable[..., int] | None:
    """A job in C; None where these instructions do not make it."""
    try:
        function = library[name]
    except AttributeError:
        return None
    function.restype = ctypes.c_long
    return function


def _address(array: NDArray[Any]) -> ctypes.c_void_p:
    return array.ctypes.data_as(ctypes.c_void_p)  # which keeps the array alive


_CALL_KEYS = ctypes.c_long(CALL_KEYS)


def _parts(n: int) -> list[NDArray[np.int64]]:
    """Rows of each call."""
    return [np.arange(k, k + CALL_KEYS) for k in range(0, n, CALL_KEYS)]


def _identifiers(library: ctypes.CDLL) -> _Job:
    system = protocols.get_key_protocol("bluezone")
    keys = random_keys(system.key_size, _BLUEZONE_KEYS)
    items = len(keys) * system.intervals_per_key
    return _writing(library, "bluezone", "ids/bluezone", "ids", items, keys, [])


def _expansion(library: ctypes.CDLL) -> _Job:
    system = protocols.get_key_protocol("gaen")
    keys = random_keys(system.key_size, _GAEN_KEYS)
    numbers = np.full(CALL_KEYS, START_S // INTERVAL_S, np.uint32)
    return _writing(library, "gaen", "expand/gaen/out", "keys", len(keys), keys, [numbers])


def _writing(
    library: ctypes.CDLL,
    protocol: str,
    name: str,
    unit: str,
    items: int,
    keys: NDArray[np.uint8],
    more: list[NDArray[Any]],
) -> _Job:
    """A job that writes identifiers, into an array of each side."""
    system = protocols.get_key_protocol(protocol)
    shape = (CALL_KEYS, system.intervals_per_key, system.id_size)
    ours, theirs = np.zeros(shape, np.uint8), np.ones(shape, np.uint8)
    parts = [keys[rows] for rows in _parts(len(keys))]
    ways = {}
    for sha in _SHA:
        way = f"{name.split('/')[0]}_{sha}"
        function = _function(library, way)
        if function is not None:
            given = [[_address(a) for a in (part, *more, theirs)] for part in parts]
            in_c = [partial(function, *arguments, _CALL_KEYS) for arguments in given]
            ways[way] = _Side(in_c, lambda _: theirs.copy())
    here = [partial(system.identifiers, part, START_S, None, ours) for part in parts]
    return _Job(name, unit, items, _Side(here, lambda _: ours.copy()), ways)


def _matching(library: ctypes.CDLL, size: str) -> _Job:
    """A job that looks for the identifiers of keys, of which a few are among the observed."""
    published = published_keys("gaen", _GAEN_KEYS)
    seen = sightings_of("gaen", OBSERVED[size], published.take(np.arange(7, _GAEN_KEYS, 1_000)))
    parts = [published.take(rows) for rows in _parts(_GAEN_KEYS)]
    index = index_sightings(seen, "gaen")
    ours = _Side([partial(match, part, index, "gaen") for part in parts], _hits)
    least = int(math.log2(OBSERVED[size] * _FILTER_BITS / 64))
    ways = {}
    for filter_log2 in range(least, least + 3):
        in_c = _Index(library, seen.identifier, filter_log2)
        for way, side in _probing(library, in_c, parts).items():
            ways[f"{way}, filter of {8 << filter_log2 >> 10:,} KiB"] = side
    return _Job(f"match/gaen/{size}", "keys", _GAEN_KEYS, ours, ways)


def _probing(library: ctypes.CDLL, index: _Index, parts: list[PublishedKeys]) -> dict[str, _Side]:
    """The C's ways of looking keys up in an index."""
    found = np.empty((CALL_KEYS * PER_KEY, 2), np.int64)
    numbers = [(part.start_s // INTERVAL_S).astype(np.uint32) for part in parts]
    given = [
        [_address(part.key), _address(number), index.pointer, _address(found), _CALL_KEYS]
        for part, number in zip(parts, numbers, strict=True)
    ]
    ways = {}
    for way in (f"match_{probe}_{sha}" for probe in _PROBES for sha in _SHA):
        function = _function(library, way)
        if function is not None:
            calls = [partial(function, *arguments) for arguments in given]
            ways[way] = _Side(calls, lambda n: _in_order(found[:n]), index)
    return ways


def _hits(matches: Matches) -> NDArray[np.int64]:
    return _in_order(np.stack([matches.key.astype(np.int64), matches.interval], axis=1))


def _in_order(hits: NDArray[np.int64]) -> NDArray[np.int64]:
    """``int64[n, 2]``: key and number of the interval, ascending."""
    return hits[np.lexsort((hits[:, 1], hits[:, 0]))]


class _Index:
    """The C's index of observed identifiers, for as long as this lives."""

    def __init__(self, library: ctypes.CDLL, identifiers: NDArray[np.uint8], filter_log2: int):
        library.index_new.restype = ctypes.c_void_p
        n = ctypes.c_long(len(identifiers))
        made = library.index_new(_address(identifiers), n, ctypes.c_int(filter_log2))
        if made is None:
            raise MemoryError("no room for the index in C")
        self.pointer = ctypes.c_void_p(made)
        self._free = library.index_free

    def __del__(self) -> None:
        if hasattr(self, "pointer"):
            self._free(self.pointer)


def limit_table(figures: Sequence[LimitFigure]) -> Table:
    """A row a figure."""
    rows = []
    for f in figures:
        (ours, our_unit), (limit, unit) = scaled(f.ours, f.unit), scaled(f.limit, f.unit)
        rows.append((f.name, ours, our_unit, limit, unit, f"{f.ratio:.2f}", f.way))
    heads = (
        *(Column("figure", left=True), Column("ours"), Column("", left=True)),
        *(
            Column("C"),
            Column("", left=True),
            Column("ratio"),
            Column("in C", left=True, wrap=True),
        ),
    )
    return Table("", heads, tuple(rows))
