"""The whole day loop once more, naively: people, pairs and packets one at a time, in plain Python.

It reads the same world and scenario and must give the same contacts, records, matches and warnings,
to the last bit. It shares nothing with the fast code but the tables of quantiles and the numbers of
the draws.
"""

from __future__ import annotations

import functools
import hashlib
import hmac
import itertools
import math
from collections import defaultdict
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from bluezone_sim.kernels.radio import lane_plan as tables
from bluezone_sim.kernels.rng import NORMAL_TABLE, key
from bluezone_sim.scenario.profiles import profile_of
from bluezone_sim.world import SETTINGS, Days
from bluezone_sim.world.course import onsets_s
from bluezone_sim.world.generated import distance_table, duration_table

MASK, MASK_32 = (1 << 64) - 1, (1 << 32) - 1
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
    group: int


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


F = np.float32
Float = np.float32


def log2(x: Float) -> Float:
    """Of 32-bit floats, by the mantissa's area tangent."""
    bits = int(x.view(np.int32))
    exponent = (bits - 0x3F3504F3) >> 23
    m = np.int32(bits - (exponent << 23)).view(np.float32)
    s = (m - F(1)) / (m + F(1))
    q = s * s
    series = ((q * F(1 / 9) + F(1 / 7)) * q + F(1 / 5)) * q + F(1 / 3)
    return F(exponent) + (series * q + F(1)) * s * F(2.8853900817779268)


def exp2(x: Float) -> Float:
    """Of 32-bit floats, by Taylor's series."""
    whole = np.floor(x + F(0.5))
    t = (x - whole) * F(0.6931471805599453)
    series = F(1 / 720)
    for c in (1 / 120, 1 / 24, 1 / 6, 1 / 2, 1.0, 1.0):
        series = series * t + F(c)
    return series * np.int32((int(whole) + 127) << 23).view(np.float32)


def normal(bits: int) -> Float:
    return F(NORMAL_TABLE[bits & 4095])


def naive_binomial(caught: int, chance: Float, bits: int) -> int:
    """The least numbers by inversion, larger ones by the normal and the skewness."""
    n, flip = F(caught), chance > F(0.5)
    p = F(1) - chance if flip else chance
    q = F(1) - p
    mean, u = n * p, F(bits) * F(2.0**-24)
    term = total = exp2(max(n * log2(q), F(-100)))
    x = F(0)
    for k in range(8):
        if u < total:
            break
        x += F(1)
        term = term * (p / q * F(1 / (k + 1))) * (n - F(k))
        total = total + term
    else:
        z = normal(bits >> 12)
        x = mean + np.sqrt(mean * q) * z + (q - p) * ((z * z - F(1)) * F(1 / 6)) + F(0.5)
        x = max(np.floor(x), F(8))
    x = min(x, n)
    return caught - int(x) if flip else int(x)


class Twin:
    """One scenario, one world, everything by definition."""

    def __init__(self, scenario, world):
        self.s, self.w = scenario, world
        self.days = Days.look_back(scenario.date, scenario.look_back_days, scenario.timezone)
        self.profile = profile_of(scenario)
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
            Segment(contact, a, b, midnight + start, length, distance, layer, d, group)
            for start, length, distance in out
        ]

    # -- radio ---------------------------------------------------------------------------------

    def spell(
        self, purpose: str, person: int, mean: float, always: float, mean_h: float, hour: int
    ) -> bool:
        """Whether an hour since 1970 lies in a spell: the draw of the first block that ends after it."""
        own, always = draw(self.k[purpose], person), min(always, mean)
        if unit(mix(own)) < always:
            return True
        share = (mean - always) / (1 - always)
        length = max(mean_h * (1 - share), 1.0)
        block = math.floor(hour / length) - 2
        while math.ceil((block + 1 - unit(own)) * length) <= hour:
            block += 1
        return unit(draw(own, block)) < share

    @functools.cache  # noqa: B019
    def takes_part(self, person: int, number: int, hour: int) -> tuple[bool, bool]:
        """(sends, hears) in an hour of a local day."""
        ph, at = self.s.phones, 24 * number + hour
        mine = ph.ios if self.w.ios[person] else ph.android
        begins, ends = ph.night_h
        night = hour >= begins or hour < ends if begins > ends else begins <= hour < ends
        sends = not (
            self.spell("phone_off", person, ph.off_share, ph.off_always_share, ph.off_h, at)
            or self.spell("phone_away", person, ph.away_share, 0.0, ph.away_h, at)
            or (
                not self.profile.in_system
                and self.spell(
                    "app_killed",
                    person,
                    mine.killed_share,
                    mine.killed_always_share,
                    mine.killed_h,
                    at,
                )
            )
            or (night and unit(draw(self.k["night_off"], person)) < ph.night_off_share)
        )
        saves = self.spell(
            "battery_saver", person, mine.saver_share, mine.saver_always_share, mine.saver_h, at
        )
        return sends, sends and not saves

    def carried(self, contact: int, person: int) -> float:
        """Loss of the place where a phone is in a contact, less the mean over places."""
        places = self.s.phones.carry or []
        u = unit(draw(draw(self.k["carry"], contact), person))
        mean = sum(self.carry_share(i) * c.loss_db for i, c in enumerate(places))
        for i, c in enumerate(places):
            u -= self.carry_share(i)
            if u < 0:
                return c.loss_db - mean
        return 0.0

    def carry_share(self, i: int) -> float:
        """A share in whole 1024ths."""
        edges = list(itertools.accumulate((c.share for c in self.s.phones.carry), initial=0.0))
        low, high = (math.floor(1024 * e / edges[-1] + 0.5) for e in edges[i : i + 2])
        return (high - low) / 1024

    def shadowing_sd(self) -> float:
        """What the places of carrying leave of it."""
        places = self.s.phones.carry or []
        mean = sum(self.carry_share(i) * c.loss_db for i, c in enumerate(places))
        spread = sum(self.carry_share(i) * (c.loss_db - mean) ** 2 for i, c in enumerate(places))
        total = self.s.radio.shadowing_sd_db
        return math.sqrt(total**2 - 2 * spread) if places else total

    def in_front(self, person: int, midnight_s: int, time_ms: int) -> bool:
        """Whether an iPhone's app is in front at an instant of a local day."""
        ph, day_ms = self.s.phones, 86_400_000
        own = draw(self.k["foreground"], person)
        kind, today = unit(own), draw(own, midnight_s)
        # A log-normal in 4,096 parts of equal chance, each by its mean.
        mean_s, sd, normal = ph.ios_session_s * math.exp(0.5), 1.0, NormalDist()
        asked_s, most_s = ph.ios_foreground_share * 86_400, (1 - ph.ios_never_opens) * mean_s
        if kind < ph.ios_never_opens or unit(today) >= min(1.0, asked_s / most_s):
            return False
        h = mix(today)
        if asked_s > most_s and kind >= 1 - ph.ios_leaves_open:
            share = ph.ios_leaves_open
            length = (asked_s - (1 - ph.ios_never_opens - share) * mean_s) / share
        else:
            low, high = (
                normal.cdf(normal.inv_cdf(k / 4096) - sd) if 0 < k < 4096 else k / 4096
                for k in (h & 4095, (h & 4095) + 1)
            )
            length = mean_s * 4096 * (high - low)
        return (time_ms - midnight_s * 1000 - int(unit(h) * day_ms)) % day_ms < round(1000 * length)

    def behaviour(self, person: int, midnight_s: int, time_ms: int):
        """What a phone does: its state where it matters."""
        platform = "ios" if self.w.ios[person] else "android"
        states = getattr(self.profile, platform)
        if states.foreground == states.background == states.screen_off or platform == "android":
            return states.foreground
        front = self.in_front(person, midnight_s, time_ms)
        return states.foreground if front else states.background

    def records(self, seg: Segment, observer: int, emitter: int, p_clear: float = 1.0, queue=0.0):
        """(time_ms, packets, rssi, strongest) of one segment in one direction."""
        r, ph, w = self.s.radio, self.s.phones, self.w
        front = [
            (self.profile.ios if w.ios[p] else self.profile.android).foreground
            for p in (observer, emitter)
        ]
        on = round(front[0].scan_on_s * 1000)
        screen = 1 - ph.screen_on_share * (1 - front[0].scan_pause_screen_on)
        screen *= 1 - ph.audio_share * (1 - front[0].scan_pause_audio)
        jitter_s = front[0].scan_pause_jitter_s
        pause_s = max((front[0].scan_pause_s - jitter_s / 2) * screen, front[0].scan_pause_least_s)
        period = round((front[0].scan_on_s + pause_s) * 1000)
        jitter = round(jitter_s * screen / math.sqrt(2) * 1000)
        a_on, a_period = (
            round(x * 1000) for x in (front[1].advertise_on_s, front[1].advertise_period_s)
        )
        scan_phase = int(unit(draw(self.k["scan_phase"], observer)) * period)
        phase = int(unit(draw(self.k["advertise_phase"], emitter)) * a_period)
        mean = self.level(seg, observer, emitter)
        # The weakest link of which anything is heard, at the power of the strongest state.
        margin_sd = math.hypot(r.fading_sd_db, r.sensitivity_sd_db)
        offset = max(
            getattr(p, s).tx_offset_db
            for p in (self.profile.android, self.profile.ios)
            for s in ("foreground", "screen_off", "background")
        )
        faintest = r.sensitivity_dbm - 6 * margin_sd - r.scan_sd_db * NORMAL_TABLE[-1] - offset
        if mean < F(faintest):
            return []
        stream = draw(draw(self.k["fading"], seg.contact), observer)
        begin, end = seg.start_s * 1000, (seg.start_s + seg.duration_s) * 1000
        known = None
        out = []
        for scan in itertools.count((begin - scan_phase) // period - 2):
            start = scan_phase + scan * period
            if start >= end:
                return out
            if jitter:
                start += int(unit(draw(draw(self.k["scan_jitter"], observer), scan)) * jitter)
            low, stop = max(start, begin), min(start + on, end)
            while low < stop:
                interval, ends = self.on_air(emitter, low)
                high = min(stop, ends)
                bursts = self.bursts(low, high, phase, a_on, a_period)
                midnight_s = int(self.days.start_s[seg.day])
                mine, theirs = (self.behaviour(p, midnight_s, low) for p in (observer, emitter))
                got = None
                at = int(self.days.number[seg.day]), (low - midnight_s * 1000) // 3_600_000
                on_both = self.takes_part(observer, *at)[1] and self.takes_part(emitter, *at)[0]
                if bursts and theirs.sends in mine.hears and on_both:
                    h = draw(stream, low)
                    got = self.hear(mean, p_clear, mine, theirs, h, bursts)
                if got and theirs.sends != "identifier" and interval != known:
                    q = draw(draw(draw(self.k["gatt"], seg.contact), observer), interval)
                    done = self.read(
                        mix(~h & MASK), queue, got[0], phase, a_on, a_period, low, stop
                    )
                    if unit(q) >= ph.gatt_success or done is None or done >= end:
                        got = None
                    else:
                        known = self.on_air(emitter, done)[0]
                        left = max(high - done, 0) / (high - got[0])
                        n = 1 + int((got[1] - 1) * left)
                        got = (done, n, got[2], got[3] if n > 1 else got[2])
                if got:
                    out.append(got)
                low = high
        raise AssertionError

    def on_air(self, person: int, time_ms: int) -> tuple[int, int]:
        """Interval of the identifier that a phone sends, and when it stops to."""
        rotation = round(self.profile.identifier.rotation_s * 1000)
        if self.profile.identifier.on_air_s is None:
            interval = time_ms // rotation
            return interval, (interval + 1) * rotation
        shortest, longest = (round(x * 1000) for x in self.profile.identifier.on_air_s)
        mean, most = (shortest + longest) // 2, (longest - shortest) // 2
        own = draw(self.k["identifier_life"], person)

        def change(k: int) -> int:
            return int(unit(own) * mean) + k * mean + int(unit(draw(own, k)) * most)

        k = time_ms // mean - 3
        while change(k + 1) <= time_ms:
            k += 1
        return max(change(k), int(self.days.start_s[0]) * 1000) // rotation, change(k + 1)

    def bursts(self, low, high, phase, on, period):
        """(start, end) of every burst of the advertiser within [low, high)."""
        out = []
        cycle = (low - phase) // period * period + phase
        while cycle < high:
            s, e = max(cycle, low), min(cycle + on, high)
            if e > s:
                out.append((s, e))
            cycle += period
        return out

    def read(self, h, queue, heard, phase, on, period, began, stop):
        """When a GATT read is done, or None."""
        gatt = self.profile.gatt
        shortest, longest = (round(x * 1000) for x in gatt.read_s)
        # Other reads take as long as one of a peer that may be off the air, or that fails.
        off, on_s, limit = (period - on) / 1000, on / 1000, gatt.timeout_s
        wait = min(off, limit)
        late_s = (wait**2 / 2 + (off - wait) * limit) / (off + on_s)
        works = self.s.phones.gatt_success
        service = round((works * (sum(gatt.read_s) / 2 + late_s) + (1 - works) * limit) * 1000)
        turn = math.floor(unit(h) * (queue + 1.0))
        start = max((heard // 1000 + 1) * 1000, began + turn * service)
        late = (start - phase) % period
        if late >= on:
            if period - late > gatt.timeout_s * 1000:  # again, when it is back
                start += max(period - late, round((gatt.timeout_s + gatt.retry_s) * 1000))
                if start >= stop:
                    return None
            else:
                start += period - late
        return start + shortest + int(unit(mix(h)) * (longest - shortest))

    def level(self, seg: Segment, observer: int, emitter: int) -> Float:
        """Mean RSSI, in 32-bit floats."""
        r, far = self.s.radio, F(seg.distance_m)
        edge, decade = F(r.breakpoint_m), 10 * math.log10(2)
        loss = log2(max(min(far, edge), F(0.1))) * F(r.exponent * decade) + F(r.attenuation_1m_db)
        loss = loss + log2(max(far / edge, F(1))) * F(r.exponent_far * decade)
        h = draw(self.k["shadowing"], seg.contact)
        level = F(self.w.tx_power_dbm[emitter]) - loss - F(self.w.rx_correction_db[observer])
        level = level + normal(h >> 52) * F(self.shadowing_sd())
        # A group that lasts is one place on all days; one of a day is another place each day.
        number = int(self.days.number[seg.day])
        where = seg.group + (number + 1 << 44 if seg.setting >= 4 else 0)
        level = level + normal(draw(self.k["scene"], where) >> 52) * F(r.scene_sd_db)
        if r.body_blockage_db:
            a, b = (
                F(math.cos(2 * math.pi * ((draw(h, who) >> 52) + 0.5) / 4096))
                for who in (observer, emitter)
            )
            level = level + (a + b) * F(r.body_blockage_db / 2)
        if self.s.phones.carry:
            a, b = (F(self.carried(seg.contact, who)) for who in (observer, emitter))
            level = level - (a + b)
        return level

    def hear(self, mean: Float, p_clear, mine, theirs, h, bursts):
        r = self.s.radio
        on_ms = sum(e - s for s, e in bursts)
        event = theirs.advertise_interval_ms + 5.0
        listens = mine.scan_window_ms / mine.scan_interval_ms
        rate = listens * (1.0 / event)
        again = mix(h)
        mu = mean + F(theirs.tx_offset_db) + normal(h) * F(r.scan_sd_db)
        margin_sd = math.hypot(r.fading_sd_db, r.sensitivity_sd_db)
        place = mu * F(64 / margin_sd) + F(384.5 - r.sensitivity_dbm * 64 / margin_sd)
        k = 768 - int(min(max(place, F(0)), F(768)))
        chance = F(r.heard_share * tables.TAIL[k]) * F(p_clear)
        caught = F(on_ms) * F(rate) + F((h & MASK_32) >> 12) * F(2.0**-20)
        caught = int(min(caught, F(1023)))
        n = naive_binomial(caught, chance, again >> 40)
        if n < 1:
            return None
        lost = F(caught - n)
        among = F(1) - F(h >> 44) * F(2.0**-20)
        missed = np.floor(log2(among) / log2(max(lost / F(caught), F(2.0**-20))))
        first = max(min(missed, lost), F(0)) + F((again & MASK_32) >> 12) * F(2.0**-20)
        first = first * F(1 / rate) * F(listens)
        gone = np.floor(first * F(1 / mine.scan_window_ms))
        first = gone * F(mine.scan_window_ms / listens) + (first - gone * F(mine.scan_window_ms))
        left = min(int(first), on_ms - 1)
        for s, e in bursts:  # the instant at which the bursts have lasted so long
            if left < e - s:
                time_ms = s + left
                break
            left -= e - s
        part = r.fading_sd_db / margin_sd
        shift = F(r.fading_sd_db * part * tables.TAIL_MEAN[k])
        sd = math.sqrt(1 - part**2 * (1 - tables.TAIL_SD[k] ** 2))
        spread, skew = F(r.fading_sd_db * sd), F(part**3 * tables.TAIL_THIRD[k] / sd**3 / 6)
        level = normal(h >> 32) * F(tables.ROOT[n]) * spread + (mu + shift)
        level = max(level, F(r.sensitivity_dbm - 4.0 * r.sensitivity_sd_db))
        most = F(tables.MAX_SD[n]) * normal(again) + F(tables.EXPECTED_MAX[n])
        top = (most + skew * (most * most - F(1))) * spread + (mu + shift)
        top = max(top, level) if n > 1 else level
        return time_ms, n, int(np.floor(level + F(0.5))), int(np.floor(top + F(0.5)))

    # -- keys, histories, matching ----------------------------------------------------------------

    def base_key(self, person: int) -> bytes:
        return self.random(person, range(4))

    def random(self, who: int, words) -> bytes:
        return b"".join(
            draw(key(self.w.seed, "base_id", i), who).to_bytes(8, "little") for i in words
        )

    def pair(self, person: int, unit_number: int) -> int:
        """The coordinate of a person and a unit of time."""
        return (draw(key(self.w.seed, "base_id"), person) + unit_number * GOLDEN) & MASK

    @functools.cache  # noqa: B019
    def day_identifiers(self, person: int, utc_day: int) -> list[bytes]:
        """What a phone sends on a UTC day, in order of time."""
        make = {
            "bluezone": self.bluezone_day,
            "gaen": self.gaen_day,
            "dp3t-lowcost": self.lowcost_day,
        }[self.s.protocol.name]
        return make(person, utc_day)

    def bluezone_day(self, person: int, utc_day: int) -> list[bytes]:
        """Base id on the install day, then a SHA-256 a day; a SHA-256 an identifier."""
        k = self.base_key(person)
        for _ in range(utc_day - int(self.w.install_day[person])):
            k = hashlib.sha256(k).digest()
        s = hashlib.sha256(k + b"bluzonesubkey").digest()
        ids = []
        for _ in range(96):
            ids.append(bytes(s[o] for o in (0, 4, 8, 12, 16, 18, 20, 22, 24, 26, 28, 30)))
            s = hashlib.sha256(s).digest()
        return ids

    def gaen_day(self, person: int, utc_day: int) -> list[bytes]:
        """A random key a day; AES of the interval's number under a key derived from it."""
        tek = self.random(self.pair(person, utc_day), range(4, 6))
        rpik = HKDF(hashes.SHA256(), 16, None, b"EN-RPIK").derive(tek)
        cipher = Cipher(algorithms.AES(rpik), modes.ECB()).encryptor()
        return [
            cipher.update(b"EN-RPI" + bytes(6) + (utc_day * 144 + i).to_bytes(4, "little"))
            for i in range(144)
        ]

    def lowcost_day(self, person: int, utc_day: int) -> list[bytes]:
        """A SHA-256 a day, a key stream a day, the day's pieces in the phone's own order."""
        k = self.base_key(person)
        for _ in range(utc_day - int(self.w.install_day[person])):
            k = hashlib.sha256(k).digest()
        prf = hmac.digest(k, b"broadcast key", "sha256")
        stream = (
            Cipher(algorithms.AES(prf), modes.CTR(bytes(16))).encryptor().update(bytes(96 * 16))
        )
        ids = [stream[i : i + 16] for i in range(0, len(stream), 16)]
        u = draw(key(self.w.seed, "base_id", 3), self.pair(person, utc_day))
        place = key(self.w.seed, "base_id", 2)
        order = sorted(range(96), key=lambda i: draw(place, (u + i * GOLDEN) & MASK))
        return [ids[i] for i in order]

    def histories(self, level: float, segments: list[Segment], crowd=None):
        """For each phone a list of (identifier, time_ms, rssi)."""
        out = defaultdict(list)
        for seg in segments:
            if not (self.w.rank[seg.a] < level and self.w.rank[seg.b] < level):
                continue
            for observer, emitter in ((seg.b, seg.a), (seg.a, seg.b)):
                air = crowd(seg, level) if crowd else (1.0, 0.0)
                for time_ms, _, rssi, _ in self.records(seg, observer, emitter, *air):
                    interval, _ = self.on_air(emitter, time_ms)
                    day, at = divmod(interval, 86_400 // round(self.profile.identifier.rotation_s))
                    identifier = self.day_identifiers(emitter, day)[at]
                    out[observer].append((identifier, time_ms, rssi))
        return out

    def look_up(self, person: int, histories) -> dict[int, list[tuple[int, int]]]:
        """Every phone walks the published chain: observer -> [(time_ms, rssi)]."""
        first = int(self.days.start_s[0]) // 86_400
        last = (int(self.days.start_s[-1]) + 86_400 - 1) // 86_400
        wanted = {}
        for utc_day in range(first, last + 1):
            midnight_ms = utc_day * 86_400_000
            ids = self.day_identifiers(person, utc_day)
            for i, identifier in enumerate(ids):
                length = 86_400_000 // len(ids)
                start = midnight_ms + i * length
                if self.s.protocol.name == "gaen":
                    wanted[identifier] = (start - 7_200_000, start + length + 7_200_000)
                elif self.s.protocol.name == "dp3t-lowcost":
                    wanted[identifier] = (midnight_ms, midnight_ms + 86_400_000)
                else:
                    wanted[identifier] = (start, start + length)
        found = defaultdict(list)
        for observer, rows in histories.items():
            for identifier, time_ms, rssi in rows:
                if (
                    identifier in wanted
                    and wanted[identifier][0] <= time_ms <= wanted[identifier][1]
                ):
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

    def fires(
        self, rows: list[tuple[int, int]], observer: int, source: int, onset_day: int | None
    ) -> bool:
        """What the rule says of what is published of ``source``."""
        rule = self.s.rule
        if rule.name in ("any-match", "coepi"):
            return bool(rows)
        if hasattr(rule, "attenuation_db"):
            return self.fires_in_windows(rows, observer, source, onset_day)
        near_ms = defaultdict(int)
        for time_ms, rssi in rows:
            weight = self.weight(rssi, observer, source)
            near_ms[self.local_day(time_ms)] += round(weight * 1000 * self.period_s)
        return any(ms // 1000 >= rule.minutes * 60 for ms in near_ms.values())

    @property
    def period_s(self) -> float:
        phones, scans = self.s.phones, self.profile.android.foreground
        return scans.scan_period_s(phones.screen_on_share, phones.audio_share)

    def weight(self, rssi: int, observer: int, source: int) -> float:
        """What one record counts, by RSSI: 8 dB more at half the distance."""
        names = ("android", "ios")
        pair = f"{names[int(self.w.ios[observer])]}_{names[int(self.w.ios[source])]}_dbm"
        above = rssi - getattr(self.s.rule.thresholds, pair)
        if self.s.rule.name == "dp3t-sdk":
            return float(above >= 0)
        for metres, weight in zip(self.s.rule.distance_m, self.s.rule.weights, strict=False):
            if above >= 8 * math.log2(2 / metres):
                return weight
        return 0.0

    def fires_in_windows(self, rows, observer: int, source: int, onset_day: int | None) -> bool:
        """Half an hour from its first sighting on, a key of a UTC day each."""
        rule, windows = self.s.rule, []
        seconds = round(min(self.period_s, 300))
        last = None
        for time_ms, rssi in sorted(rows, key=lambda row: row[0] // 1000):
            t, day = time_ms // 1000, time_ms // 86_400_000
            if last is None or day != windows[-1][0] or t - windows[-1][1] >= 1800:
                windows.append((day, t, []))
                last = None
            db = self.attenuation(rssi, observer, source)
            if last is not None and t - last <= 25.5:
                windows[-1][2][-1].append(db)
            else:
                windows[-1][2].append([db])
            last = t
        minutes = defaultdict(float)
        for day, _, scans in windows:
            typical = [math.floor(sum(s) / len(s) + 0.5) for s in scans]
            if rule.name == "cwa" and seconds * sum(db < 73 for db in typical) < 600:
                continue
            minutes[day] += sum(map(self.weight_db, typical)) * seconds / 60
        if rule.name == "cwa":
            minutes = {d: m * self.day_level(d, onset_day) for d, m in minutes.items()}
        return any(m >= rule.minutes - 1e-7 for m in minutes.values())

    def attenuation(self, rssi: int, observer: int, source: int) -> int:
        # TX power travels whole; the listening phone corrects what it hears by its own calibration.
        power = min(127, max(-127, round(float(self.w.tx_power_dbm[source]))))
        correction = float(np.float32(self.w.rx_correction_db[observer]))
        return max(0, math.floor(float(np.float32(power - rssi) - np.float32(correction)) + 0.5))

    def weight_db(self, db: int) -> float:
        """What one scan counts."""
        if self.s.rule.name == "cwa":
            return 1.0 if db < 55 else 0.5 if db < 63 else 0.0
        if self.s.rule.name == "minutes-at-attenuation":
            return float(db <= self.s.rule.attenuation_db[0])
        return 1.5 if db <= 55 else 1.0 if db <= 63 else 0.4 if db <= 70 else 0.0

    def day_level(self, utc_day: int, onset_day: int | None) -> float:
        """A fifth of the level of a key's day; without symptoms by the days before the upload."""
        if onset_day is not None:
            levels = dict(zip(range(-4, 5), (4, 6, 7, 8, 8, 8, 6, 5, 3), strict=True))
            return levels.get(utc_day - onset_day, 0) / 5
        upload = (int(self.days.end_s) - 1) // 86_400
        levels = dict(enumerate((5, 6, 7, 7, 7, 6, 4, 3)))
        return levels.get(upload - utc_day, 0) / 5

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
        seconds = int(hours * 3600)
        decides = self.s.confirmation
        if decides.by != "nobody":
            u = unit(draw(key(self.w.seed, "delay", 5), pair))
            seconds += int(-3600 * decides.delay_h * np.log1p(-u))
        return seconds

    def confirms(self, source: int, person: int) -> bool:
        """The person between match and warning."""
        pair = (draw(key(self.w.seed, "delay"), source) + person * GOLDEN) & MASK
        u = unit(draw(key(self.w.seed, "delay", 4), pair))
        return self.s.confirmation.by == "nobody" or u < self.s.confirmation.share

    def warn(
        self, source: int, published_s: int, found, onset_day: int | None = None
    ) -> dict[int, int]:
        """Who is told in time of ``source``, and when; without a day of onset it has no symptoms."""
        told = {}
        window, upload = self.s.published_days, (int(self.days.end_s) - 1) // 86_400
        before = window.before_test if onset_day is None else window.before_onset
        first = 0 if before is None else (upload if onset_day is None else onset_day) - before
        if self.consents(source):
            for person, rows in found.items():
                delay = self.delay_s(source, person)
                listener, sender = person, source
                if self.s.publication.upload == "history":
                    listener, sender = source, person
                rows = [row for row in rows if row[0] // 86_400_000 >= first]
                if (
                    self.fires(rows, listener, sender, onset_day)
                    and self.confirms(source, person)
                    and delay <= self.s.publication.in_time_h * 3600
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
            ill = onsets_s(self.s.index_cases, self.w.seed, np.array([case]), published)
            told = self.warn(case, published, of(case), int(ill[0]) // 86_400)
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
    "scan_jitter",
    "app_killed",
    "battery_saver",
    "night_off",
    "carry",
    "scene",
    "phone_away",
    "identifier_life",
]
