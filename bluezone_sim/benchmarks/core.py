"""Figures of the core: identifiers, key expansion, matching, parsing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache

import numpy as np

from .. import protocols
from ..errors import InputError
from ..matching.index import SightingIndex, index_sightings
from ..matching.match import match
from ..protocols.gaen.files import parse_export, write_export
from ..protocols.gaen.protobuf import fields
from ..simulation.memory import available_mib
from . import naive
from . import radio_figures as radio
from .rounds import BenchmarkCase
from .workload import START_S, published_keys, random_keys, sightings_of

#: Sizes of the curve of observed identifiers, and keys that are matched against them.
OBSERVED = {
    "1k": 1_000,
    "10k": 10_000,
    "100k": 100_000,
    "1M": 1_000_000,
    "10M": 10_000_000,
    "100M": 100_000_000,
}
Maker = Callable[[], BenchmarkCase]


def _identifiers(name: str, n: int, baseline: str, plain: Callable[..., object]) -> Maker:
    def make() -> BenchmarkCase:
        system = protocols.get_key_protocol(name)
        keys = random_keys(system.key_size, n)
        out = np.empty((n, system.intervals_per_key, system.id_size), np.uint8)
        few = keys[: n // 50]
        return BenchmarkCase(
            name=f"ids/{name}",
            unit="ids",
            work=lambda: system.identifiers(keys, 0, None, out),
            items=n * system.intervals_per_key,
            baseline=baseline,
            baseline_work=lambda: plain(few),
            baseline_items=len(few) * system.intervals_per_key,
        )

    return make


def _expansion(into: bool) -> Maker:
    def make() -> BenchmarkCase:
        system = protocols.get_key_protocol("gaen")
        # As many as one call of an app or a server makes; new arrays then come from freed memory.
        keys = random_keys(16, 8_192)
        out = np.empty((len(keys), 144, 16), np.uint8) if into else None

        def work() -> None:
            for _ in range(5):
                system.identifiers(keys, START_S, None, out)

        few = keys[:2_000]
        return BenchmarkCase(
            name="expand/gaen/out" if into else "expand/gaen",
            unit="keys",
            work=work,
            items=5 * len(keys),
            baseline="cryptography, a HKDF and an ECB call a key",
            baseline_work=lambda: naive.gaen(few, START_S // 600),
            baseline_items=len(few),
        )

    return make


def _set_of(index: SightingIndex) -> set[bytes]:
    """The identifiers as a set."""
    table = index.sightings.identifier
    width, raw = table.shape[1], table.tobytes()
    return {raw[i : i + width] for i in range(0, len(raw), width)}


@cache
def _million() -> tuple[SightingIndex, set[bytes]]:
    """A million sightings, which several figures share: indexed, and as a set."""
    published = published_keys("gaen", 20)
    index = index_sightings(sightings_of("gaen", OBSERVED["1M"], published), "gaen")
    return index, _set_of(index)


def _gaen_match(size: str, threads: int = 1) -> Maker:
    def make() -> BenchmarkCase:
        n = OBSERVED[size]
        published = published_keys("gaen", 500_000 if n > OBSERVED["1M"] else 60_000)
        if n < OBSERVED["1M"]:
            index = index_sightings(sightings_of("gaen", n, published), "gaen")
            seen = _set_of(index)
        else:
            index, seen = _million()  # a set of more would not fit the memory
        if n > OBSERVED["1M"]:
            index = index_sightings(sightings_of("gaen", n, published), "gaen", threads=2)
        few = published.key[:600]
        return BenchmarkCase(
            name=f"match/gaen/{size}" + (f"/{threads} threads" if threads > 1 else ""),
            unit="keys",
            work=lambda: match(published, index, "gaen", threads=threads),
            items=len(published),
            baseline="cryptography a key, a set" + (" of 1M" if n > OBSERVED["1M"] else ""),
            baseline_work=lambda: naive.gaen_matches(few, START_S // 600, seen),
            baseline_items=len(few),
            threads=threads,
        )

    return make


def _bluezone_match() -> BenchmarkCase:
    published = published_keys("bluezone", 20_000)
    index = index_sightings(sightings_of("bluezone", 1_000_000, published), "bluezone")
    seen, few = _set_of(index), published.key[:300]
    return BenchmarkCase(
        name="match/bluezone/1M",
        unit="keys",
        work=lambda: match(published, index, "bluezone"),
        items=len(published),
        baseline="hashlib chain, a set",
        baseline_work=lambda: naive.bluezone_matches(few, seen),
        baseline_items=len(few),
    )


def _population() -> BenchmarkCase:
    # A day's cases against what a population of phones holds, in one pass.
    published = published_keys("bluezone", 1_000)
    system = protocols.get_key_protocol("bluezone")
    sightings = sightings_of("bluezone", 10_000_000, published)
    ids = system.identifiers(published.key, published.start_s).reshape(-1, system.id_size)
    wanted, few = {x.tobytes() for x in ids}, sightings.identifier[:100_000]
    return BenchmarkCase(
        name="match/population",
        unit="sightings",
        work=lambda: match(published, sightings, "bluezone", threads=1),
        items=len(sightings),
        baseline="a set of the published identifiers",
        baseline_work=lambda: naive.rows_found(few, wanted),
        baseline_items=len(few),
    )


def _index() -> BenchmarkCase:
    published = published_keys("gaen", 100)
    sightings = sightings_of("gaen", 1_000_000, published)
    few = sightings.take(np.arange(200_000))
    return BenchmarkCase(
        name="index/gaen/1M",
        unit="sightings",
        work=lambda: index_sightings(sightings, "gaen"),
        items=len(sightings),
        baseline="building a set",
        baseline_work=lambda: {row.tobytes() for row in few.identifier},
        baseline_items=len(few),
    )


def _export() -> BenchmarkCase:
    data = write_export(published_keys("gaen", 50_000))
    few = write_export(published_keys("gaen", 2_000))[16:]

    def plain() -> int:
        return sum(len(fields(v)) for _, v in fields(few) if isinstance(v, bytes))

    return BenchmarkCase(
        name="parse/gaen-export",
        unit="keys",
        work=lambda: parse_export(data),
        items=50_000,
        baseline="a protobuf walk in Python",
        baseline_work=plain,
        baseline_items=2_000,
    )


@dataclass(frozen=True)
class Figure:
    """A figure that can be asked for.

    Attributes:
        make: its case; takes the memory that the case holds.
        needed_mib: that memory, where it is much.
        alone: why it is measured only where it is asked for by its name; empty where it is not so.
        threads: that its work uses; only those of one are compared.
    """

    make: Maker
    needed_mib: int = 0
    alone: str = ""
    threads: int = 1


FIGURES: dict[str, Figure] = {
    "ids/bluezone": Figure(_identifiers("bluezone", 20_000, "hashlib chain", naive.bluezone_chain)),
    "ids/dp3t-lowcost": Figure(
        _identifiers(
            "dp3t-lowcost", 20_000, "cryptography, an HMAC and a CTR call a key", naive.dp3t_lowcost
        )
    ),
    "ids/tcn": Figure(_identifiers("tcn", 5_000, "hashlib chain", naive.tcn)),
    "expand/gaen": Figure(_expansion(False)),
    "expand/gaen/out": Figure(_expansion(True)),
    "index/gaen/1M": Figure(_index),
    **{f"match/gaen/{size}": Figure(_gaen_match(size)) for size in ("1k", "10k", "100k", "1M")},
    "match/gaen/10M": Figure(_gaen_match("10M"), 900),
    "match/gaen/100M": Figure(_gaen_match("100M"), 7_000, "takes 7 GiB"),
    "match/gaen/1M/2 threads": Figure(
        _gaen_match("1M", 2), alone="of threads, never compared", threads=2
    ),
    "match/bluezone/1M": Figure(_bluezone_match),
    "match/population": Figure(_population),
    "radio/bluezone": Figure(radio.vectorised),
    "radio/gaen": Figure(lambda: radio.vectorised("gaen")),
    "radio/events": Figure(radio.events),
    "parse/gaen-export": Figure(_export),
}


def wanted(name: str, patterns: tuple[str, ...]) -> bool:
    """Whether patterns ask for a figure; none ask for all that need not be asked for by name."""
    if name in FIGURES and FIGURES[name].alone:
        return name in patterns
    return not patterns or any(name == p or fnmatchcase(name, p) for p in patterns)


def chosen(patterns: tuple[str, ...]) -> list[str]:
    """Figures that patterns ask for.

    Raises:
        InputError: a pattern asks for none.
    """
    for pattern in patterns:
        if not any(wanted(name, (pattern,)) for name in FIGURES):
            raise InputError(f"--only {pattern}: no such figure; see `bench --list`")
    return [name for name in FIGURES if wanted(name, patterns)]


def too_large(name: str) -> str | None:
    """Why a figure cannot be measured here; None where it can."""
    needed, free = FIGURES[name].needed_mib, available_mib()
    if free is None or free > needed:
        return None
    return f"needs {needed:,} MiB of free memory, there are {free:,.0f}"


def cases(names: list[str]) -> list[BenchmarkCase]:
    """Cases by name."""
    return [FIGURES[name].make() for name in names]
