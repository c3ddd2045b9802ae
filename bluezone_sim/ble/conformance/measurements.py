"""Measurements of one phone, each with a value, limits and an outcome."""

from __future__ import annotations

from collections.abc import Callable, Collection
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...captures.decode import SightingDecoder, concatenate_sightings, sightings_of
from ...captures.gatt_reads import GattRead
from ...matching.match import match
from ...protocols import ad
from ...protocols.registry import get
from ...tables.rows import Sightings
from .evidence import (
    ERROR,
    FAIL,
    NOT_MEASURED,
    PASS,
    Evidence,
    Found,
    Measurement,
    NotMeasuredError,
)
from .limits import MEASUREMENTS
from .track import carries

_UNITS = {"_ms": "ms", "_s": "s", "_dbm": "dBm", "_share": "share", "_changes": ""}
#: A gap so many times the usual one ends a burst of advertising.
_BURST_GAPS = 20.0
_BURST_LEAST_S = 2.0


def measure(evidence: Evidence, required: Collection[str] = ()) -> list[Measurement]:
    """Every measurement of the profile, in its order.

    Args:
        evidence: of one phone.
        required: names of those that have to be measured.
    """
    out = []
    for name, limit in evidence.profile.limits.items():
        unit = next((u for end, u in _UNITS.items() if name.endswith(end)), "")
        value, outcome, detail, at_least = None, ERROR, "", False
        try:
            found = _HOW[name](evidence)
            value, detail = found.value, found.detail
            if found.unended is not None and limit.high is not None and found.unended > limit.high:
                value, at_least = found.unended, True
                detail = (
                    f"at least {value:,.0f} {unit}, {limit.high:g} allowed: it has not ended within the "
                    f"recording; {detail}"
                )
            if value is None:
                outcome = NOT_MEASURED
            else:
                value = float(f"{value:.6g}")
                outcome = PASS if limit.holds(value) else FAIL
        except NotMeasuredError as missing:
            outcome, detail = NOT_MEASURED, str(missing)
        except Exception as error:  # one measurement's fault leaves the others standing
            detail = f"{type(error).__name__}: {error}"
        out.append(
            Measurement(
                name,
                MEASUREMENTS[name],
                unit,
                value,
                limit,
                outcome,
                detail,
                at_least,
                name in required,
            )
        )
    return out


def _share(mask: NDArray[np.bool_]) -> Found:
    if not len(mask):
        raise NotMeasuredError("no packets")
    return Found(float(mask.mean()), f"{int(mask.sum()):,} of {len(mask):,}")


def _bursts(e: Evidence) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
    """(starts, ends, base interval) of bursts, seconds.

    A scanner misses packets, so gaps are multiples of the interval: the smaller ones tell the base.
    """
    t = e.time_s
    if len(t) < 10:
        raise NotMeasuredError(f"{len(t)} packets; at least 10 are needed")
    gaps = np.diff(t)
    real = gaps[gaps > 0.005]
    if len(real) < 5:
        raise NotMeasuredError("packets are not spread in time")
    # The first gap is one interval for a fifth of the packets at least, unless reception is poor.
    base = float(np.quantile(real, 0.2))
    times = np.maximum(1, np.round(real / base))
    near = times <= 3
    base = float(np.median(real[near] / times[near]))
    cut = np.flatnonzero(gaps > max(_BURST_LEAST_S, _BURST_GAPS * base))
    return t[np.append(0, cut + 1)], t[np.append(cut, len(t) - 1)], base


def _intervals_ms(e: Evidence) -> NDArray[np.float64]:
    *_, base = _bursts(e)
    gaps = np.diff(e.time_s)
    times = np.maximum(1, np.round(gaps / base))
    near = (gaps > 0.005) & (times <= 3)
    return np.asarray(1000 * gaps[near] / times[near])


def _interval(e: Evidence) -> Found:
    found = _intervals_ms(e)
    starts, ends, base = _bursts(e)
    received = len(e.time_s) / max(1.0, float(((ends - starts) / base + 1).sum()))
    return Found(
        float(np.median(found)), f"{len(found):,} intervals; about {received:.0%} received"
    )


def _interval_spread(e: Evidence) -> Found:
    low, high = np.quantile(_intervals_ms(e), [0.05, 0.95])
    return Found(float(high - low), f"5 %: {low:.0f} ms, 95 %: {high:.0f} ms")


def _duty_on(e: Evidence) -> Found:
    starts, ends, _ = _bursts(e)
    length = ends - starts
    whole = length[1:-1]
    open_s = float(max(length[0], length[-1]))
    if not len(whole):
        return Found(None, "no whole burst between two pauses", open_s)
    return Found(float(np.median(whole)), f"{len(whole)} whole bursts", open_s)


def _duty_off(e: Evidence) -> Found:
    starts, ends, _ = _bursts(e)
    pauses = starts[1:] - ends[:-1]
    open_s = e.end_s - float(ends[-1])
    if not len(pauses):
        return Found(None, "no pause: advertised without one", open_s)
    detail = f"{len(pauses)} pauses, longest {pauses.max():.1f} s"
    return Found(float(np.median(pauses)), detail, open_s)


def _silence(e: Evidence) -> Found:
    t = e.time_s
    gaps = np.diff(np.append(t, e.end_s))
    longest = int(np.argmax(gaps))
    if longest == len(t) - 1:
        heard = f"nothing after {t[-1]:,.0f} s until the end at {e.end_s:,.0f} s"
        beside = f"; {e.trail.others} other phones of the protocol" if e.trail.others else ""
        return Found(float(gaps[longest]), f"{heard}{beside}")
    return Found(float(gaps[longest]), f"from {t[longest]:,.0f} s to {t[longest + 1]:,.0f} s")


def _uses(e: Evidence) -> list[tuple[int, float, float]]:
    """(identifier, first, last seconds) in order of the first."""
    if e.profile.transport == "gatt":
        seen = sorted((r.time_us / 1e6, r.identifier) for _, r in e.reads if r.identifier)
        names: dict[bytes, int] = {}
        pairs = [(t, names.setdefault(i, len(names))) for t, i in seen]
    else:
        keep = e.trail.identifier >= 0
        pairs = list(zip(e.time_s[keep].tolist(), e.trail.identifier[keep].tolist(), strict=True))
    first: dict[int, float] = {}
    last: dict[int, float] = {}
    for t, i in pairs:
        first.setdefault(i, t)
        last[i] = t
    return sorted(((i, first[i], last[i]) for i in first), key=lambda use: use[1])


def _periods(e: Evidence) -> tuple[NDArray[np.float64], float, int]:
    """Time from one change to the next, whole uses only; the longest use that is not whole; uses.

    The first use began before the recording, or may have, and the last goes on after it, or may.
    """
    uses = _uses(e)
    if not uses:
        raise NotMeasuredError(f"no identifier in {e.seconds:.0f} s")
    changes = np.array([(b[1] + a[2]) / 2 for a, b in pairwise(uses)])
    open_s = [uses[-1][2] - uses[-1][1]]
    if len(changes):
        open_s = [changes[0] - uses[0][1], uses[-1][2] - changes[-1]]
    return np.diff(changes), float(max(open_s)), len(uses)


def _period(e: Evidence) -> Found:
    found, open_s, n = _periods(e)
    if not len(found):
        heard = f"{n} identifier{'s' if n != 1 else ''} in {e.seconds:.0f} s"
        return Found(None, f"{heard}; two changes are needed, listen longer", open_s)
    return Found(float(np.median(found)), f"{len(found)} whole uses", open_s)


def _jitter(e: Evidence) -> Found:
    found, _, n = _periods(e)
    if len(found) < 2:
        raise NotMeasuredError(f"{n} identifiers; three changes are needed, listen longer")
    return Found(float(found.max() - found.min()), f"{found.min():.1f} to {found.max():.1f} s")


def _changes(e: Evidence) -> list[tuple[bool, bool]]:
    """(identifier changed, address changed) at each change, in order of time."""
    keep = np.flatnonzero(e.trail.identifier >= 0)
    ids, addresses = e.trail.identifier[keep], e.trail.packets.address[keep]
    new_id, new_address = np.diff(ids) != 0, np.diff(addresses) != 0
    at = np.flatnonzero(new_id | new_address)
    return [(bool(new_id[i]), bool(new_address[i])) for i in at]


def _linkable(e: Evidence) -> Found:
    if e.profile.transport == "gatt":
        raise NotMeasuredError("the identifier is not in the advertisement")
    found = _changes(e)
    if not found:
        raise NotMeasuredError(f"nothing changed in {e.seconds:.0f} s; listen longer")
    id_only = sum(i and not a for i, a in found)
    address_only = sum(a and not i for i, a in found)
    both = sum(i and a for i, a in found)
    return Found(
        float(id_only + address_only),
        f"{both} together, {id_only} identifier alone, {address_only} address alone",
    )


def _overlap(e: Evidence) -> Found:
    """Longest time from the first packet of a pair (address, identifier) that shares one half with
    another pair to that one's last packet."""
    keep = np.flatnonzero(e.trail.identifier >= 0)
    pairs: dict[tuple[int, int], list[float]] = {}
    for a, i, t in zip(
        e.trail.packets.address[keep].tolist(),
        e.trail.identifier[keep].tolist(),
        e.time_s[keep].tolist(),
        strict=True,
    ):
        pairs.setdefault((a, i), [t, t])[1] = t
    if len(pairs) < 2:
        raise NotMeasuredError(f"nothing changed in {e.seconds:.0f} s; listen longer")
    linked = [
        span
        for (a, i), span in pairs.items()
        if any((a == b) != (i == j) for b, j in pairs if (b, j) != (a, i))
    ]
    longest = max((last - first for first, last in linked), default=0.0)
    return Found(
        longest, f"{len(linked)} of {len(pairs)} pairs of address and identifier share a half"
    )


def _non_resolvable(e: Evidence) -> Found:
    p = e.trail.packets
    return _share(p.address_random & ((p.address >> np.uint64(46)) == 0))


def _matches(e: Evidence) -> Any:
    if e.keys is None:
        raise NotMeasuredError("no keys given; export them from the phone under test (--keys)")
    if "matches" not in e.cache:
        system = get(e.profile.protocol)
        if not system.publishes_keys:
            raise NotMeasuredError("the protocol publishes no keys")
        seen = _sightings(e)
        e.cache["matches"] = match(e.keys.published_for(seen), seen, system)
    return e.cache["matches"]


def _sightings(e: Evidence) -> Sightings:
    name = e.profile.protocol
    if e.profile.transport == "gatt":
        reads = [
            GattRead(r.time_us, 0, address, name, r.identifier)
            for address, r in e.reads
            if r.identifier
        ]
        return concatenate_sightings(SightingDecoder().reads(e.trail.packets, reads), name)
    found = sightings_of(e.trail.packets, e.trail.found, protocol=name)
    return concatenate_sightings(found, name)


def _of_key(e: Evidence) -> Found:
    found, seen = _matches(e), _sightings(e)
    all_ids = {i.tobytes() for i in seen.identifier}
    if not all_ids:
        raise NotMeasuredError("no identifier was heard")
    matched = np.zeros(len(seen), np.bool_)
    matched[found.row] = True
    foreign = {i.tobytes() for i in seen.identifier[~matched]}
    return Found(
        1 - len(foreign) / len(all_ids), f"{len(all_ids) - len(foreign)} of {len(all_ids)}"
    )


def _tx_power(e: Evidence) -> Found:
    found, seen = _matches(e), _sightings(e)
    if not len(found) or found.attenuation_db is None:
        raise NotMeasuredError("no identifier matched the keys")
    power = found.attenuation_db + found.rssi_dbm
    n = len(np.unique(seen.identifier, axis=0))
    return Found(float(np.median(power)), f"{n} identifiers")


def _gatt_success(e: Evidence) -> Found:
    return _share(np.array([bool(r.identifier) for _, r in e.reads], np.bool_))


def _gatt_time(e: Evidence) -> Found:
    times = [r.seconds for _, r in e.reads if r.identifier]
    if not times:
        raise NotMeasuredError("no read succeeded")
    return Found(float(np.median(times)), f"{len(times)} reads, longest {max(times):.2f} s")


_HOW: dict[str, Callable[[Evidence], Found]] = {
    "ad_form_share": lambda e: _share(e.trail.exact),
    "name_share": lambda e: _share(carries(e.trail.packets, ad.NAMES)),
    "tx_power_share": lambda e: _share(carries(e.trail.packets, (0x0A,))),
    "advertising_interval_ms": _interval,
    "advertising_interval_spread_ms": _interval_spread,
    "duty_on_s": _duty_on,
    "duty_off_s": _duty_off,
    "longest_silence_s": _silence,
    "rotation_period_s": _period,
    "rotation_jitter_s": _jitter,
    "linkable_changes": _linkable,
    "linkable_overlap_s": _overlap,
    "non_resolvable_share": _non_resolvable,
    "identifiers_of_key_share": _of_key,
    "tx_power_dbm": _tx_power,
    "gatt_success_share": _gatt_success,
    "gatt_read_s": _gatt_time,
}
