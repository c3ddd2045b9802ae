"""The whole day loop once more, naively: people, pairs and packets one at a time, in plain Python.

It reads the same world and scenario and must give the same contacts, records, matches and warnings,
to the last bit. It shares nothing with the fast code but the tables of quantiles and the numbers of
the draws.
"""

from __future__ import annotations

import functools
import hashlib
import itertools
import math
from collections import defaultdict
from dataclasses import dataclass

import numpy as np

from bluezone_sim.kernels import radio as radio_kernel
from bluezone_sim.kernels.rng import NORMAL_TABLE, key
from bluezone_sim.world import SETTINGS, Days
from bluezone_sim.world.contacts import distance_table, duration_table

MASK = (1 << 64) - 1
GOLDEN = 0x9E3779B97F4A7C15


def mix(x: int) -> int:
    x = (x + GOLDEN) & MASK
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & MASK
    return x ^ (x >> 31)


def draw(k: int, who: int) -> int:
    return mix((k + (who & MASK) * GOLDEN) & MASK)


def unit(h: int) -> float:
    return (h >> 11) / 9007199254740992.0


def pair_draw(k: int, i: int, j: int) -> int:
    return draw(draw(k, min(i, j)), max(i, j))


@dataclass(frozen=True)
class Segment:
    contact: int
    a: int
    b: int
    start_s: int
    duration_s: int
    distance_m: float
    setting: int
    day: int


def seats(k: int, n: int) -> list[int]:
    """The keyed permutation of a district, one person at a time."""
    a = math.ceil(math.sqrt(n))
    b = -(-n // a)

    def once(x: int) -> int:
        left, right = divmod(x, b)
        for r in (0, 2):
            left = (left + ((draw(k, (r << 48) + right) >> 32) * a >> 32)) % a
            right = (right + ((draw(k, ((r + 1) << 48) + left) >> 32) * b >> 32)) % b
        return left * b + right

    out = []
    for x in range(n):
        x = once(x)
        while x >= n:
            x = once(x)
        out.append(x)
    return out


class Twin:
    """One scenario, one world, everything by definition."""

    def __init__(self, scenario, world):
        self.s, self.w = scenario, world
        self.days = Days.look_back(scenario.date, scenario.look_back_days, scenario.timezone)
        self.k = {p: key(world.seed, p) for p in radio_purposes + contact_purposes}

    # -- contacts ------------------------------------------------------------------------------

    def segments(self) -> list[Segment]:
        out: list[Segment] = []
        for d in range(len(self.days)):
            for layer, name in enumerate(SETTINGS):
                par = getattr(self.s.contacts, name)
                if int(self.days.weekday[d]) >= par.open_days:
                    continue
                number = int(self.days.number[d])
                for group, members in self.groups(layer, number).items():
                    here = [
                        p
                        for p in members
                        if unit(draw(draw(draw(self.k["attendance"], layer), number), p))
                        < par.attendance
                    ]
                    for a, b in itertools.combinations(sorted(here), 2):
                        if layer == 1 and self.w.groups.of[0, a] == self.w.groups.of[0, b]:
                            continue
                        out += self.meeting(layer, par, d, group, a, b)
        return out

    def groups(self, layer: int, number: int) -> dict[int, list[int]]:
        found = defaultdict(list)
        if layer < 4:
            for person in range(self.w.n_people):
                if self.w.groups.of[layer, person] >= 0:
                    found[int(self.w.groups.of[layer, person])].append(person)
            return found
        size = getattr(self.s.contacts, SETTINGS[layer]).group_size
        offset = len(self.w.groups.start) + (layer - 4) * self.w.n_people
        for z in range(len(self.w.zone_start) - 1):
            first, last = int(self.w.zone_start[z]), int(self.w.zone_start[z + 1])
            k = draw(draw(draw(self.k["grouping"], layer), number), z)
            for i, seat in enumerate(seats(k, last - first)):
                found[offset + first + seat // size * size].append(first + i)
        return found

    def meeting(self, layer, par, d, group, a, b) -> list[Segment]:
        number, midnight = int(self.days.number[d]), int(self.days.start_s[d])
        tie_key = draw(self.k["tie"], layer)
        if layer >= 4:
            tie_key = draw(tie_key, number)
        p_tie = par.tie
        if layer > 0:
            p_tie = p_tie * (float(self.w.activity[a]) * float(self.w.activity[b]))
        contact = pair_draw(draw(draw(self.k["meeting"], layer), number), a, b)
        talk = unit(contact) < par.meet and unit(pair_draw(tie_key, a, b)) < p_tie
        room = hasattr(par, "session_h")
        copresent = room and unit(draw(contact, 1)) < min(
            1.0, par.copresence * self.s.contacts.copresence_scale
        )
        if not talk and not copresent:
            return []
        opens, closes = (round(h * 3600) for h in par.window_h)
        length, begin = 0, opens
        if room:
            shortest, longest = (round(h * 3600) for h in par.session_h)
            h = draw(draw(draw(self.k["session"], layer), number), group)
            length = shortest + int(unit(h) * (longest - shortest))
            begin = opens + int(unit(draw(h, 1)) * (closes - opens - length))
        near, near_from = 0, begin
        if talk:
            table = duration_table(par.duration_shares, closes - opens)
            near = min(int(table[draw(contact, 2) >> 56]), closes - opens)
            u = unit(draw(contact, 3))
            if not room:
                near_from = opens + int(u * (closes - opens - near))
            elif near < length:
                near_from = begin + int(u * (length - near))
            else:
                near_from = max(opens, min(begin, closes - near))
        out = []
        if near < length:
            low, high = (x * self.s.contacts.far_distance_scale for x in par.far_distance_m)
            far = float(np.float32(low + unit(draw(contact, 4)) * (high - low)))
            if near_from > begin:
                out.append((begin, near_from - begin, far))
            if begin + length > near_from + near:
                end = near_from + near
                out.append((end, begin + length - end, far))
        distances = distance_table(par.near_distance_m, self.s.contacts.near_distance_scale)
        for piece, start in enumerate(range(near_from, near_from + near, 3600)):
            step = min(3600, near_from + near - start)
            out.append((start, step, float(distances[draw(contact, 16 + piece) >> 54])))
        return [
            Segment(contact, a, b, midnight + start, length, distance, layer, d)
            for start, length, distance in out
        ]

    # -- radio ---------------------------------------------------------------------------------

    def is_off(self, person: int, d: int) -> bool:
        h = draw(draw(self.k["phone_off"], int(self.days.number[d])), person)
        return unit(h) < self.s.phones.off_share

    def foreground(self, person: int, time_ms: int) -> bool:
        h = draw(draw(self.k["foreground"], time_ms // 300_000), person)
        return unit(h) < self.s.phones.ios_foreground_share

    def records(self, seg: Segment, observer: int, emitter: int, p_clear: float = 1.0):
        """(time_ms, packets, rssi, strongest) of one segment in one direction."""
        r, ph, w = self.s.radio, self.s.phones, self.w
        if self.is_off(observer, seg.day) or self.is_off(emitter, seg.day):
            return []
        period, on = round(r.scan_period_s * 1000), round(r.scan_on_s * 1000)
        a_period, a_on = round(r.advertise_period_s * 1000), round(r.advertise_on_s * 1000)
        scan_phase = int(unit(draw(self.k["scan_phase"], observer)) * period)
        phase = int(unit(draw(self.k["advertise_phase"], emitter)) * a_period)
        shadow = float(NORMAL_TABLE[draw(self.k["shadowing"], seg.contact) >> 52])
        loss = r.attenuation_1m_db + 10.0 * r.exponent * math.log10(
            max(min(seg.distance_m, r.breakpoint_m), 0.1)
        )
        if seg.distance_m > r.breakpoint_m:
            loss += 10.0 * r.exponent_far * math.log10(seg.distance_m / r.breakpoint_m)
        mean = float(w.tx_power_dbm[emitter]) - loss - float(w.rx_correction_db[observer])
        mean += r.shadowing_sd_db * shadow
        stream = draw(draw(self.k["fading"], seg.contact), observer)
        begin, end = seg.start_s * 1000, (seg.start_s + seg.duration_s) * 1000
        out = []
        first_scan = (begin - scan_phase) // period - 1
        for scan in itertools.count(first_scan):
            start = scan_phase + scan * period
            if start >= end:
                return out
            low, stop = max(start, begin), min(start + on, end)
            while low < stop:
                high = min(stop, (low // 900_000 + 1) * 900_000)
                on_ms, first = 0, None
                cycle = (low - phase) // a_period * a_period + phase
                while cycle < high:  # every burst of the advertiser
                    s, e = max(cycle, low), min(cycle + a_on, high)
                    if e > s:
                        first = s if first is None else first
                        on_ms += e - s
                    cycle += a_period
                can = on_ms > 0
                if can and w.ios[emitter]:
                    if w.ios[observer]:
                        can = self.foreground(observer, low) or self.foreground(emitter, low)
                    h = draw(draw(draw(self.k["gatt"], seg.contact), observer), low // 900_000)
                    can = can and unit(h) < ph.gatt_success
                if can:
                    got = self.hear(mean, p_clear, draw(stream, low), first, on_ms)
                    if got:
                        out.append(got)
                low = high
        raise AssertionError

    def hear(self, mean, p_clear, h, first, on_ms):
        r = self.s.radio
        event = r.advertise_interval_ms + 5.0
        mu = mean + r.scan_sd_db * float(NORMAL_TABLE[h & 4095])
        z = (r.sensitivity_dbm - mu) / r.fading_sd_db
        k = int(min(max((z + 6.0) * 64 + 0.5, 0.0), 768.0))
        expected = on_ms / event * p_clear * float(radio_kernel.TAIL[k])
        n = int(expected + ((h >> 24) & 0xFFFFF) / 1048576.0)
        if n < 1:
            return None
        level = mu + r.fading_sd_db * (
            float(radio_kernel.TAIL_MEAN[k]) + float(NORMAL_TABLE[(h >> 12) & 4095]) / math.sqrt(n)
        )
        level = max(level, r.sensitivity_dbm)
        top = level + r.fading_sd_db * float(radio_kernel.EXPECTED_MAX[min(n, 1023)])
        time_ms = first + int((h >> 44) / 1048576.0 * min(event, float(on_ms)))
        return time_ms, n, math.floor(level + 0.5), math.floor(top + 0.5)

    # -- keys, histories, matching ----------------------------------------------------------------

    def day_key(self, person: int, utc_day: int) -> bytes:
        """Base id on the install day, then a SHA-256 a day."""
        k = b"".join(
            draw(key(self.w.seed, "base_id", i), person).to_bytes(8, "little") for i in range(4)
        )
        for _ in range(utc_day - int(self.w.install_day[person])):
            k = hashlib.sha256(k).digest()
        return k

    @functools.cache  # noqa: B019
    def day_identifiers(self, person: int, utc_day: int) -> list[bytes]:
        s = hashlib.sha256(self.day_key(person, utc_day) + b"bluzonesubkey").digest()
        ids = []
        for _ in range(96):
            ids.append(bytes(s[o] for o in (0, 4, 8, 12, 16, 18, 20, 22, 24, 26, 28, 30)))
            s = hashlib.sha256(s).digest()
        return ids

    def histories(self, level: float, segments: list[Segment], crowd=None):
        """For each phone a list of (identifier, time_ms, rssi)."""
        out = defaultdict(list)
        for seg in segments:
            if not (self.w.rank[seg.a] < level and self.w.rank[seg.b] < level):
                continue
            for observer, emitter in ((seg.b, seg.a), (seg.a, seg.b)):
                p = crowd(seg, level) if crowd else 1.0
                for time_ms, _, rssi, _ in self.records(seg, observer, emitter, p):
                    day, rest = divmod(time_ms, 86_400_000)
                    identifier = self.day_identifiers(emitter, day)[rest // 900_000]
                    out[observer].append((identifier, time_ms, rssi))
        return out

    def look_up(self, person: int, histories) -> dict[int, list[tuple[int, int]]]:
        """Every phone walks the published chain: observer -> [(time_ms, rssi)]."""
        first = int(self.days.start_s[0]) // 86_400
        last = (int(self.days.start_s[-1]) + 86_400 - 1) // 86_400
        wanted = {
            identifier: (utc_day * 86_400 + i * 900) * 1000
            for utc_day in range(first, last + 1)
            for i, identifier in enumerate(self.day_identifiers(person, utc_day))
        }
        found = defaultdict(list)
        for observer, rows in histories.items():
            for identifier, time_ms, rssi in rows:
                start = wanted.get(identifier)
                if start is not None and start <= time_ms <= start + 900_000:
                    found[observer].append((time_ms, rssi))
        return found

    def found(self, person: int, histories) -> dict[int, list[tuple[int, int]]]:
        """Who holds the person, by published keys; or whom the person's uploaded history holds."""
        if self.s.publication.upload == "keys":
            return self.look_up(person, histories)
        found = defaultdict(list)
        for identifier, time_ms, rssi in histories[person]:
            day, rest = divmod(time_ms, 86_400_000)
            found[self.owners(day, rest // 900_000)[identifier]].append((time_ms, rssi))
        return found

    @functools.cache  # noqa: B019
    def owners(self, utc_day: int, slot: int) -> dict[bytes, int]:
        """What the server knows: whose each identifier of a quarter of an hour is."""
        people = range(self.w.n_people)
        return {self.day_identifiers(p, utc_day)[slot]: p for p in people}

    def local_day(self, time_ms: int) -> int:
        return max(d for d in range(len(self.days)) if self.days.start_s[d] * 1000 <= time_ms)

    def fires(self, rows: list[tuple[int, int]], observer: int, source: int) -> bool:
        if self.s.rule.name == "any-match":
            return bool(rows)
        t = self.s.rule.thresholds
        names = ("android", "ios")
        limit = getattr(
            t, f"{names[int(self.w.ios[observer])]}_{names[int(self.w.ios[source])]}_dbm"
        )
        near = defaultdict(float)
        for time_ms, rssi in rows:
            if rssi >= limit:
                near[self.local_day(time_ms)] += self.s.radio.scan_period_s
        return any(s >= self.s.rule.minutes * 60 for s in near.values())

    # -- warnings ----------------------------------------------------------------------------------

    def consents(self, person: int) -> bool:
        return unit(draw(key(self.w.seed, "consent"), person)) < self.s.publication.consent

    def delay_s(self, source: int, person: int) -> int:
        p = self.s.publication
        pair = (draw(key(self.w.seed, "delay"), source) + person * GOLDEN) & MASK
        push, offline, later = (unit(draw(key(self.w.seed, "delay", i), pair)) for i in (1, 2, 3))
        hours = -p.push_delay_h * np.log1p(-push)
        if offline < p.offline_share:
            hours += -p.offline_h * np.log1p(-later)
        return int(hours * 3600)

    def warn(self, source: int, published_s: int, found) -> dict[int, int]:
        """Who is told in time of ``source``, and when."""
        told = {}
        if self.consents(source):
            for person, rows in found.items():
                delay = self.delay_s(source, person)
                listener, sender = person, source
                if self.s.publication.upload == "history":
                    listener, sender = source, person
                if self.fires(rows, listener, sender) and (
                    delay <= self.s.publication.in_time_h * 3600
                ):
                    told[person] = published_s + delay
        return told

    def run(self, cases: list[int], f2_cases: list[int], histories, level: float):
        """F1 and F2: {(case, person): told_s} and {(case, person): (told_s, source)}."""
        published = int(self.days.start_s[-1]) + 86_400
        found = {}

        def of(person):
            if person not in found:
                found[person] = self.found(person, histories)
            return found[person]

        f1, f2 = {}, {}
        for case in cases:
            if self.w.rank[case] >= level:
                continue
            told = self.warn(case, published, of(case))
            f1.update({(case, p): t for p, t in told.items()})
            if case not in f2_cases:
                continue
            for person, told_s in told.items():
                confirm = self.s.f2.confirm
                if confirm == "mutual" and case not in of(person):
                    continue
                u = unit(draw(key(self.w.seed, "test_confirmation"), person))
                if confirm == "test" and u >= self.s.f2.test_share:
                    continue
                for second, t in self.warn(person, told_s, of(person)).items():
                    if second != case and second not in told:
                        best = f2.get((case, second), (t, person))
                        f2[case, second] = min(best, (t, person))
        return f1, f2


contact_purposes = ["grouping", "attendance", "session", "tie", "meeting"]
radio_purposes = [
    "scan_phase",
    "advertise_phase",
    "phone_off",
    "foreground",
    "shadowing",
    "fading",
    "gatt",
]
