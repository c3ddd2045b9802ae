"""A phone of the event engine: states and hours, advertising, scans, GATT reads, each a process."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import numpy as np
import simpy
from numpy.typing import NDArray

from ...kernels import rng
from ...kernels.radio import availability as life
from ...kernels.radio import link_budget as physics
from ...kernels.radio import sessions
from ...kernels.radio.lives import life_ends_ms
from ...kernels.radio.pdus import NOWHERE_DBM
from ...protocols.protocol import DAY_S
from ...scenario.schema.profile import PLATFORMS, STATES, Behaviour
from .medium import Medium, Scan, Steps

#: Longest piece of a time on air that is drawn at once.
_PIECE_MS = 30_000
_NEVER_MS = 1 << 50
#: Longest random delay of an advertising event (Core spec Vol 6 Part B).
_ADV_DELAY_US = 10_000


class Phone:
    """One phone and its processes.

    Attributes:
        address_ms: when it took a new address, unix ms.
        reads, reads_failed: GATT reads begun, and those that failed.
    """

    def __init__(
        self,
        air: Medium,
        everybody: list[Phone],
        index: int,
        seed: int,
        states: NDArray[np.integer] | None,
    ):
        self.air, self.index, self.env = air, index, air.env
        self.everybody, self.seed = everybody, seed
        self.person = int(air.people[index])
        model = air.model
        self.platform = int(model.phones.ios[self.person])
        self.fixed_state = None if states is None else int(states[self.person])
        self.enter(self.state_at(air.start_ms))
        self.on_air_until = -1
        self.queue: simpy.Store = simpy.Store(self.env)
        self.queued: set[int] = set()
        self.retry_ms: dict[int, int] = {}
        self.sent_events = self.reads = self.reads_failed = 0
        self.address_ms: list[int] = []
        self.hours: dict[int, tuple[int, int]] = {}
        self.streams = {
            p: rng.key(seed, p, self.person) for p in ("advertising", "packets", "address")
        }

    def start(self) -> None:
        """Starts its processes."""
        model = self.air.model
        self.env.process(self.advertise())
        self.env.process(self.scans())
        if model.app.stateful[self.platform] and self.fixed_state is None:
            self.env.process(self.change_state())
        if model.profile.gatt is not None:
            self.env.process(self.reader())
        if model.app.life_jitter_ms:
            self.env.process(self.change_both())
        elif not model.profile.address.with_identifier:
            self.env.process(self.change_address())

    # -- states ----------------------------------------------------------------------------------

    def state_at(self, time_ms: int) -> int:
        if self.fixed_state is not None:
            return self.fixed_state
        m, midnight_s = self.air.model, self._midnight_s(time_ms)
        return int(
            sessions.state_at(
                m.sessions, m.streams, self.platform, self.person, midnight_s, time_ms
            )
        )

    def _midnight_s(self, time_ms: int) -> int:
        """Begin of the local day."""
        ahead = self.air.model.utc_offset_s
        return (time_ms // 1000 + ahead) // DAY_S * DAY_S - ahead

    def same_state_ms(self) -> int:
        """For how long at least the app stays in the state that it is in."""
        if not self.air.model.app.stateful[self.platform] or self.fixed_state is not None:
            return _NEVER_MS
        m, midnight_s = self.air.model, self._midnight_s(self.air.now_ms)
        start, lasts = sessions.in_front(
            m.sessions, m.streams, self.platform, self.person, midnight_s
        )
        into = self.air.now_ms - midnight_s * 1000
        # What is left open past midnight was so from midnight on.
        edges = (start, start + lasts, start + lasts - sessions.DAY_MS, sessions.DAY_MS)
        return int(min(edge - into for edge in edges if edge > into))

    def enter(self, state: int) -> None:
        """Behaves as in that state from now on."""
        profile = self.air.model.profile
        self.does: Behaviour = profile.behaviour(PLATFORMS[self.platform], STATES[state])
        self.air.behave(self.index, self.does)

    def takes_part(self, hears: bool, at_most_ms: int) -> tuple[bool, int]:
        """Whether it hears (or sends) in this hour, and how much of the coming time that stays so, ms."""
        if self.air.model.life.always_on:
            return True, at_most_ms
        local_ms = self.air.now_ms + self.air.model.utc_offset_s * 1000
        hour, into = divmod(local_ms, life.HOUR_MS)
        now, lasts = self._in_hour(hears, hour), life.HOUR_MS - into
        while lasts < at_most_ms and self._in_hour(hears, hour + 1) == now:
            hour, lasts = hour + 1, lasts + life.HOUR_MS
        return now, min(lasts, at_most_ms)

    def _in_hour(self, hears: bool, hour: int) -> bool:
        day, h = divmod(hour, life.HOURS)
        if day not in self.hours:
            m = self.air.model
            self.hours[day] = life.phone_hours(m.life, m.phones, m.streams, self.person, day)
        return bool(self.hours[day][hears] >> h & 1)

    def change_state(self) -> Steps:
        while True:
            yield self.env.timeout(self.same_state_ms())
            self.air.resolve()
            self.enter(self.state_at(self.air.now_ms))

    def change_address(self) -> Steps:
        """A new address: others have to read its identifier again."""
        shortest, longest = self.air.model.profile.address.rotation_s
        lives = 0
        while True:
            u = float(rng.uniforms(self.streams["address"], np.array([lives]))[0])
            # The first change falls anywhere in a life.
            life = u * longest if lives == 0 else shortest + u * (longest - shortest)
            lives += 1
            yield self.env.timeout(max(1, round(life * 1000)))
            self.air.resolve()
            self.air.read[:, self.index] = False
            self.address_ms.append(self.air.now_ms)

    def change_both(self) -> Steps:
        """A new address and a new identifier, at times of its own."""
        model, air = self.air.model, self.air
        while True:
            ends = int(life_ends_ms(model.app, model.streams, self.person, air.now_ms))
            yield self.env.timeout(ends - air.now_ms)
            air.resolve()
            air.note_sender(self.index)
            self.address_ms.append(air.now_ms)

    # -- advertising -----------------------------------------------------------------------------

    def advertise(self) -> Steps:
        model, air = self.air.model, self.air
        app = model.app
        phase = physics.advertise_phase_ms(app, model.streams, self.platform, self.person)
        while True:
            on, period = (
                round(x * 1000) for x in (self.does.advertise_on_s, self.does.advertise_period_s)
            )
            since = (air.now_ms - phase) % period
            if since >= on:
                yield self.env.timeout(period - since)
                continue
            always = on == period
            left = _PIECE_MS if always else on - since
            left = min(left, self.same_state_ms())  # a piece is of one state
            sends, left = self.takes_part(False, left)
            if not sends:
                yield self.env.timeout(left)
                continue
            self.on_air_until = air.now_ms + left
            if self.does.sends != "none":
                self._draw_events(left)
            yield self.env.timeout(left)

    def _draw_events(self, length_ms: int) -> None:
        """Advertising events of the coming ``length_ms``; the first falls anywhere in a spacing."""
        interval = round(self.does.advertise_interval_ms * 1000)
        most = length_ms * 1000 // interval + 2
        counter = np.arange(self.sent_events, self.sent_events + most)
        u = rng.uniforms(self.streams["advertising"], counter)
        steps = interval + (u * _ADV_DELAY_US).astype(np.int64)
        steps[0] = int(u[0] * (interval + _ADV_DELAY_US // 2))
        times = self.air.now_us + np.cumsum(steps)
        k = int(np.searchsorted(times, self.air.now_us + length_ms * 1000))
        self.sent_events += most
        fading = rng.draws(self.streams["packets"], counter[:k])
        self.air.send(times[:k], self.index, fading)

    # -- scanning --------------------------------------------------------------------------------

    def scans(self) -> Steps:
        for wait, on in self._schedule():
            if wait > 0:
                yield self.env.timeout(wait)
            yield from self._one_scan(on)

    def _schedule(self) -> Generator[tuple[int, int], None, None]:
        """(ms to the next scan, ms of it that lie ahead), for ever."""
        model, air, does = self.air.model, self.air, self.does
        app, streams = model.app, model.streams
        if app.scan_jitter_ms[self.platform] == 0:
            phase = physics.scan_phase_ms(app, streams, self.platform, self.person)
            while True:
                on = round(self.does.scan_on_s * 1000)
                period = on + round(self.does.scan_pause_s * 1000)
                since = (air.now_ms - phase) % period
                yield (0, on - since) if since < on else (period - since, on)
        lit = model.screen_on_share
        if self.fixed_state is not None:
            lit = float(self.fixed_state == physics.FOREGROUND)
        factor = does.pause_factor(lit, model.audio_share)
        mean = float(app.scan_period_ms[self.platform])
        draws = rng.key(self.seed, "scan_jitter", self.person)
        k = 0
        while True:
            u = float(rng.uniforms(draws, np.array([k]))[0])
            k += 1
            does = self.does
            if k == 1:  # the run starts anywhere in a cycle
                since = u * mean
                long = does.scan_on_s * 1000
                if since < long:
                    yield 0, round(long - since)
                else:
                    yield round(mean - since), round(long)
            pause = (does.scan_pause_s - u * does.scan_pause_jitter_s) * factor
            yield round(max(pause, does.scan_pause_least_s) * 1000), round(does.scan_on_s * 1000)

    def _one_scan(self, on_ms: int) -> Steps:
        """A scan, or what of it lies in hours in which it hears."""
        ends = int(self.env.now) + on_ms
        while self.env.now < ends:
            hears, lasts = self.takes_part(True, ends - int(self.env.now))
            if hears:
                yield from self._listen(lasts)
            else:
                yield self.env.timeout(lasts)

    def _listen(self, on_ms: int) -> Steps:
        model, air = self.air.model, self.air
        air.resolve()
        began = int(self.env.now)
        term = rng.key(self.seed, "fading", self.person, began)
        scan = Scan(
            began_us=began * 1000,
            ends_us=(began + on_ms) * 1000,
            hop=int(rng.uniforms(term, np.array([-1]))[0] * 3),
            term_db=model.air.scan_sd_db * rng.normals(term, np.arange(len(air.people))),
            view=air.view(),
        )
        air.listen(self.index, scan)
        ends = began + on_ms
        while self.env.now < ends:
            reads = model.profile.gatt is not None
            # On the second, so that all phones' polls share the work of delivery.
            poll = physics.POLL_MS - self.env.now % physics.POLL_MS if reads else on_ms
            yield self.env.timeout(min(poll, ends - self.env.now))
            air.resolve()
            if reads:
                self._ask()
        air.stop_listening(self.index)

    # -- GATT ------------------------------------------------------------------------------------

    def _ask(self) -> None:
        """Queues a read of every phone that was heard and has no identifier yet."""
        for other, rssi in self.air.take_unread(self.index):
            if other not in self.queued and self.air.now_ms >= self.retry_ms.get(other, 0):
                self.queued.add(other)
                self.queue.put((other, rssi))

    def reader(self) -> Steps:
        """Reads one phone at a time."""
        gatt = self.air.model.profile.gatt
        assert gatt is not None
        while True:
            other, rssi = yield self.queue.get()
            self.reads += 1
            done = yield self.env.process(self._read(other, rssi))
            if not done:
                self.reads_failed += 1
                self.retry_ms[other] = self.air.now_ms + round(gatt.retry_s * 1000)
            self.queued.discard(other)

    def _read(self, other: int, rssi: float) -> Generator[simpy.Event, Any, bool]:
        """Connects, reads, and notes the identifier; False after a timeout."""
        air, i = self.air, self.index
        model = air.model
        gatt = model.profile.gatt
        assert gatt is not None
        timeout = round(gatt.timeout_s * 1000)
        peer = self.everybody[other]
        wait = peer.ms_to_air()
        works = physics.read_works(
            model.air,
            model.streams,
            air.contact[i, other],
            self.person,
            air.now_ms // model.app.read_slot_ms,
        )
        near = air.link_dbm[i, other] > NOWHERE_DBM and self.takes_part(True, 1)[0]
        if not (works and near) or wait > timeout:
            yield self.env.timeout(timeout)
            return False
        shortest, longest = (1000 * x for x in gatt.read_s)
        u = rng.uniforms(rng.key(self.seed, "gatt", self.person, other), np.array([air.now_ms]))[0]
        yield self.env.timeout(wait + round(shortest + float(u) * (longest - shortest)))
        if air.link_dbm[i, other] == NOWHERE_DBM:
            return False
        air.resolve()
        air.read[i, other] = True
        air.note_read(i, other, rssi)
        if gatt.exchange:
            air.note_read(other, i, rssi)
        return True

    def ms_to_air(self) -> int:
        """Until it advertises; 0 where it does, for ever where it does not send in this hour."""
        model, air = self.air.model, self.air
        if not self.takes_part(False, 1)[0]:
            return _NEVER_MS
        if air.now_ms < self.on_air_until:
            return 0
        phase = physics.advertise_phase_ms(model.app, model.streams, self.platform, self.person)
        period = round(self.does.advertise_period_s * 1000)
        return int(period - (air.now_ms - phase) % period)
