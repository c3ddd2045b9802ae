"""The event engine: phones as SimPy processes, every advertising PDU on its own.

A phone advertises, scans, changes its address and reads other phones over GATT, each by a process of
its own; the packets between two of their steps are drawn at once and delivered by
:mod:`bluezone_sim.kernels.packets`. It reads the same contacts, phones and keyed draws as the vectorised
engine, for tens to a few hundred phones.

Left out: a phone hears one channel while it sends on another; a connection does not interrupt a scan.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import simpy
from numpy.typing import NDArray

from ..kernels import air as physics
from ..kernels import life, rng
from ..kernels import packets as kernel
from ..scenario.profiles import PLATFORMS, STATES, Behaviour
from ..tables import TRANSPORT_ADVERTISEMENT, TRANSPORT_GATT, Contacts, Sightings
from .model import RadioModel, pdu_ms

Steps = Generator[simpy.Event, Any, None]
#: (person ``int64[n]``, unix ms ``int64[n]``) to identifiers ``uint8[n, size]``.
Identify = Callable[[NDArray[np.int64], NDArray[np.int64]], NDArray[np.uint8]]

#: Longest piece of a time on air that is drawn at once.
_PIECE_MS = 30_000
_NEVER_MS = 1 << 50
#: Longest random delay of an advertising event (Core spec Vol 6 Part B).
_ADV_DELAY_US = 10_000


@dataclass(frozen=True)
class Run:
    """What a run gives.

    Attributes:
        sightings: a record a scan, direction and identifier; those whose identifier was read say so in
            ``transport``.
        sent: PDUs sent.
        received: packets received and taken notice of, before records.
        reads, reads_failed: GATT reads begun, and those that failed.
        log: packets received one by one, where they were asked for; ``phone`` and ``sender`` are
            indices into ``people``.
        people: ``int64[n]``, whom each phone belongs to.
        address_ms: when each phone took a new address, unix ms; it has another one before the first.
    """

    sightings: Sightings
    sent: int
    received: int
    reads: int
    reads_failed: int
    log: kernel.Log
    people: NDArray[np.int64]
    address_ms: list[list[int]]


def simulate(
    model: RadioModel,
    contacts: Contacts,
    start_s: int,
    seconds: float,
    *,
    seed: int,
    states: NDArray[np.integer] | None = None,
    identify: Identify | None = None,
    log_packets: int = 0,
) -> Run:
    """Runs the phones of ``contacts``, each hearing the others that it is in contact with.

    Args:
        model: from :func:`bluezone_sim.radio.radio_model`.
        contacts: segments; a pair has at most one at a time. Both directions are followed.
        start_s: unix seconds at which the run starts.
        seconds: its length.
        seed: of the packets' own draws; phones and contacts have the model's.
        states: ``int[people]``, state of each person's app for the whole run, index into
            :data:`bluezone_sim.scenario.profiles.STATES`; None: drawn each five minutes.
        identify: identifiers on air; by default sender and interval in eight bytes.
        log_packets: how many received packets to log one by one.

    Returns:
        Sightings in order of (observer, time), and counts.
    """
    people = np.unique(np.concatenate([contacts.a, contacts.b])).astype(np.int64)
    air = _Air(model, people, contacts, start_s * 1000, round(seconds * 1000), seed, log_packets)
    phones = [_Phone(air, i, states) for i in range(len(people))]
    air.phones = phones
    air.env.process(air.follow(contacts))
    if model.app.identifier_ms < air.length_ms * 2:
        air.env.process(air.rotate())
    for phone in phones:
        phone.start()
    air.env.run(until=air.length_ms)
    air.resolve()
    for phone in phones:
        phone.note_records()
    return air.finish(identify)


@dataclass
class _Air:
    """The medium: what is on the air, who listens, what has been heard."""

    model: RadioModel
    people: NDArray[np.int64]
    contacts: Contacts
    start_ms: int
    length_ms: int
    seed: int
    log_packets: int
    phones: list[_Phone] = field(default_factory=list)

    def __post_init__(self) -> None:
        n = len(self.people)
        self.env = simpy.Environment()
        self.done_us = 0
        self.link_dbm = np.full((n, n), kernel.NOWHERE_DBM)
        self.contact = np.zeros((n, n), np.uint64)
        self.read = np.zeros((n, n), np.bool_)
        self.heard = kernel.Heard(
            packets=np.zeros((n, n), np.int64),
            first_us=np.full((n, n), -1, np.int64),
            total_dbm=np.zeros((n, n)),
            max_dbm=np.full((n, n), kernel.NOWHERE_DBM),
            unread_us=np.full((n, n), -1, np.int64),
            unread_dbm=np.zeros((n, n)),
        )
        self.events: list[tuple[NDArray[np.int64], int, NDArray[np.uint64]]] = []
        self.rows: list[tuple[int, int, int, int, int, int, int]] = []
        self.sent = self.received = self.reads = self.reads_failed = 0
        self.logged = 0
        self.view: _View | None = None
        n = self.log_packets
        self.log = kernel.Log(
            np.empty(n, np.int64),
            np.empty(n, np.int64),
            np.empty(n, np.int64),
            np.empty(n, np.int64),
            np.empty(n, np.int64),
            np.empty(n),
        )

    @property
    def now_ms(self) -> int:
        """Unix milliseconds."""
        return self.start_ms + int(self.env.now)

    # -- what changes ----------------------------------------------------------------------------

    def follow(self, contacts: Contacts) -> Steps:
        """Brings pairs together and apart."""
        begin = contacts.start_s * 1000 - self.start_ms
        end = begin + contacts.duration_s.astype(np.int64) * 1000
        a, b = (np.searchsorted(self.people, who) for who in (contacts.a, contacts.b))
        level = [
            [
                physics.link_dbm(
                    self.model.air, self.model.phones, self.model.streams, *link, distance
                )
                for link in ((contact, x, y), (contact, y, x))
            ]
            for contact, x, y, distance in zip(
                contacts.contact, contacts.a, contacts.b, contacts.distance_m, strict=True
            )
        ]
        # Ends come before starts that fall on the same instant.
        steps = [(int(t), False, i) for i, t in enumerate(end) if 0 <= t < self.length_ms]
        steps += [(max(int(t), 0), True, i) for i, t in enumerate(begin) if end[i] > 0]
        for time, together, i in sorted(steps):
            if time > self.env.now:
                yield self.env.timeout(time - self.env.now)
            self.resolve()
            for k, (x, y) in enumerate(((a[i], b[i]), (b[i], a[i]))):
                self.link_dbm[x, y] = level[i][k] if together else kernel.NOWHERE_DBM
                self.contact[x, y] = contacts.contact[i]

    def rotate(self) -> Steps:
        """New identifiers, for everybody at once."""
        period = self.model.app.identifier_ms
        while True:
            yield self.env.timeout(period - self.now_ms % period)
            self.resolve()
            for phone in self.phones:
                phone.note_records()
            self.read[:] = False

    # -- packets ---------------------------------------------------------------------------------

    def put(self, times_us: NDArray[np.int64], sender: int, fading: NDArray[np.uint64]) -> None:
        """Advertising events of a phone, later than anything that is resolved."""
        if len(times_us):
            self.events.append((times_us, sender, fading))

    def resolve(self) -> None:
        """Delivers what has been sent up to now."""
        now = int(self.env.now) * 1000
        if now <= self.done_us:
            return
        began, self.done_us = self.done_us, now
        due, later = [], []
        for times, sender, fading in self.events:
            k = int(np.searchsorted(times, now))
            if k:
                due.append((times[:k], sender, fading[:k]))
            if k < len(times):
                later.append((times[k:], sender, fading[k:]))
        self.events = later
        for times, sender, _ in due:
            self.sent += len(times) * len(self.phones[sender].does.advertise_channels)
        listening = [p for p in self.phones if p.scan is not None]
        if due and listening:
            self._deliver(due, listening, began, now)

    def _deliver(
        self,
        due: list[tuple[NDArray[np.int64], int, NDArray[np.uint64]]],
        listening: list[_Phone],
        began: int,
        now: int,
    ) -> None:
        times = np.concatenate([t for t, _, _ in due])
        sender = np.repeat([s for _, s, _ in due], [len(t) for t, _, _ in due])
        fading = np.concatenate([f for _, _, f in due])
        order = np.argsort(times, kind="stable")
        times, sender, fading = times[order], sender[order], fading[order]
        ears, level = self._ears(listening, began, now)
        view = self._states()
        known = self.read | view.in_packet
        pdu, place = view.pdu_us[sender], view.place[sender]
        for channel in range(3):
            on = place[:, channel] >= 0
            start = times[on] + place[on, channel] * (pdu[on] + kernel.GAP_US)
            # Phones whose PDUs differ in length swap places by less than a millisecond.
            order = np.argsort(start, kind="stable")
            start = start[order]
            pdus = kernel.Pdus(start, start + pdu[on][order], sender[on][order], fading[on][order])
            self.logged = kernel.receive(
                pdus,
                channel,
                ears,
                level,
                view.form,
                view.catches,
                known,
                self.people,
                self.model.air,
                self.heard,
                self.log,
                self.logged,
            )

    def _states(self) -> _View:
        """Of the phones' states, until one of them changes."""
        if self.view is None:
            does = [p.does for p in self.phones]
            kinds = sorted({id(d): d for d in does}.items())
            kind = np.searchsorted([k for k, _ in kinds], [id(d) for d in does])
            pairs = np.array(
                [[b.sends in a.hears for _, b in kinds] for _, a in kinds], dtype=np.bool_
            )
            self.view = _View(
                catches=pairs[kind][:, kind],
                in_packet=np.array([d.sends == "identifier" for d in does]),
                form=np.array([physics.FORMS.index(d.sends) for d in does]),
                pdu_us=np.array([p.pdu_us for p in self.phones]),
                place=np.array([p.places for p in self.phones]),
                offset_db=np.array([d.tx_offset_db for d in does]),
            )
        return self.view

    def _ears(
        self, listening: list[_Phone], began: int, now: int
    ) -> tuple[kernel.Ears, NDArray[np.float64]]:
        scans = [(p, p.scan) for p in listening if p.scan is not None]
        offset = self._states().offset_db
        ears = kernel.Ears(
            phone=np.array([p.index for p, _ in scans]),
            from_us=np.array([max(s.began_us, began) for _, s in scans]),
            to_us=np.array([min(s.ends_us, now) for _, s in scans]),
            began_us=np.array([s.began_us for _, s in scans]),
            ends_us=np.array([s.ends_us for _, s in scans]),
            window_us=np.array([round(p.does.scan_window_ms * 1000) for p, _ in scans]),
            interval_us=np.array([round(p.does.scan_interval_ms * 1000) for p, _ in scans]),
            hop=np.array([s.hop for _, s in scans]),
        )
        level = np.stack(
            [self.link_dbm[p.index] + offset + s.term_db[: len(self.people)] for p, s in scans]
        )
        return ears, level

    # -- records ---------------------------------------------------------------------------------

    def note(
        self,
        observer: int,
        sender: int,
        time_us: int,
        packets: int,
        mean: float,
        top: float,
        how: int,
    ) -> None:
        """A record."""
        level, highest = (int(np.floor(x + 0.5)) for x in (mean, top))
        self.rows.append((observer, sender, time_us, packets, level, highest, how))

    def finish(self, identify: Identify | None) -> Run:
        """Everything that was recorded."""
        rows = np.array(sorted(self.rows, key=lambda r: (r[0], r[2], r[1])), np.int64).reshape(
            -1, 7
        )
        sender = self.people[rows[:, 1]]
        time_ms = self.start_ms + rows[:, 2] // 1000
        return Run(
            sightings=Sightings(
                observer=self.people[rows[:, 0]].astype(np.int32),
                time_ms=time_ms,
                identifier=(identify or self._plain_identifiers)(sender, time_ms),
                rssi_dbm=rows[:, 4].astype(np.int16),
                protocol=self.model.profile.protocol,
                transport=rows[:, 6].astype(np.uint8),
                rssi_max_dbm=rows[:, 5].astype(np.int16),
                packets=rows[:, 3].astype(np.int32),
                true_sender=sender.astype(np.int32),
            ),
            sent=self.sent,
            received=self.received,
            reads=self.reads,
            reads_failed=self.reads_failed,
            log=kernel.Log._make(column[: self.logged] for column in self.log),
            people=self.people,
            address_ms=[phone.address_ms for phone in self.phones],
        )

    def _plain_identifiers(
        self, sender: NDArray[np.int64], time_ms: NDArray[np.int64]
    ) -> NDArray[np.uint8]:
        interval = time_ms // self.model.app.identifier_ms
        return np.stack([sender, interval], 1).astype(">u4").view(np.uint8).reshape(-1, 8)


@dataclass(frozen=True)
class _View:
    """All phones' behaviour as arrays: who takes notice of whom, and of each what it sends."""

    catches: NDArray[np.bool_]
    in_packet: NDArray[np.bool_]
    form: NDArray[np.int64]
    pdu_us: NDArray[np.int64]
    place: NDArray[np.int64]
    offset_db: NDArray[np.float64]


@dataclass
class _Scan:
    """A scan under way: its times, the channel it starts on, its term for each other phone."""

    began_us: int
    ends_us: int
    hop: int
    term_db: NDArray[np.float64]


class _Phone:
    """One phone and its processes."""

    def __init__(self, air: _Air, index: int, states: NDArray[np.integer] | None):
        self.air, self.index, self.env = air, index, air.env
        self.person = int(air.people[index])
        model = air.model
        self.platform = int(model.phones.ios[self.person])
        self.fixed_state = None if states is None else int(states[self.person])
        self.enter(self.state_at(air.start_ms))
        self.scan: _Scan | None = None
        self.on_air_until = -1
        self.queue: simpy.Store = simpy.Store(self.env)
        self.queued: set[int] = set()
        self.retry_ms: dict[int, int] = {}
        self.sent_events = 0
        self.address_ms: list[int] = []
        self.hours: dict[int, tuple[int, int]] = {}
        self.streams = {
            p: rng.key(air.seed, p, self.person) for p in ("advertising", "packets", "address")
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
        if not model.profile.address.with_identifier:
            self.env.process(self.change_address())

    # -- states ----------------------------------------------------------------------------------

    def state_at(self, time_ms: int) -> int:
        if self.fixed_state is not None:
            return self.fixed_state
        model = self.air.model
        return int(physics.state_at(model.app, model.streams, self.platform, self.person, time_ms))

    def enter(self, state: int) -> None:
        """Behaves as in that state from now on."""
        profile = self.air.model.profile
        self.does: Behaviour = profile.behaviour(PLATFORMS[self.platform], STATES[state])
        self.pdu_us = round(pdu_ms(self.does) * 1000)
        channels = self.does.advertise_channels
        self.air.view = None
        self.places = [channels.index(c) if c in channels else -1 for c in (37, 38, 39)]

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
            yield self.env.timeout(physics.STATE_SLOT_MS - self.air.now_ms % physics.STATE_SLOT_MS)
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
            slot = physics.STATE_SLOT_MS
            if app.stateful[self.platform]:  # a piece is of one state
                left = min(left, slot - air.now_ms % slot)
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
        times = int(self.env.now) * 1000 + np.cumsum(steps)
        k = int(np.searchsorted(times, (int(self.env.now) + length_ms) * 1000))
        self.sent_events += most
        fading = rng.draws(self.streams["packets"], counter[:k])
        self.air.put(times[:k], self.index, fading)

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
        draws = rng.key(air.seed, "scan_jitter", self.person)
        k = 0
        while True:
            u = float(rng.uniforms(draws, np.array([k]))[0])
            k += 1
            does = self.does
            if k == 1:  # the run starts anywhere in a cycle
                since = u * mean
                long = does.scan_on_s * 1000
                yield (
                    (0, round(long - since))
                    if since < long
                    else (
                        round(mean - since),
                        round(long),
                    )
                )
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
        term = rng.key(air.seed, "fading", self.person, began)
        self.scan = _Scan(
            began * 1000,
            (began + on_ms) * 1000,
            int(rng.uniforms(term, np.array([-1]))[0] * 3),
            model.air.scan_sd_db * rng.normals(term, np.arange(len(air.people))),
        )
        ends = began + on_ms
        while self.env.now < ends:
            reads = model.profile.gatt is not None
            # On the second, so that all phones' polls share the work of delivery.
            poll = physics.POLL_MS - self.env.now % physics.POLL_MS if reads else on_ms
            yield self.env.timeout(min(poll, ends - self.env.now))
            air.resolve()
            if reads:
                self._ask()
        self.note_records()
        self.scan = None

    def note_records(self) -> None:
        """Closes the records of the scan under way."""
        heard, i = self.air.heard, self.index
        for sender in np.flatnonzero(heard.packets[i]):
            n = int(heard.packets[i, sender])
            self.air.received += n
            self.air.note(
                i,
                int(sender),
                int(heard.first_us[i, sender]),
                n,
                float(heard.total_dbm[i, sender]) / n,
                float(heard.max_dbm[i, sender]),
                TRANSPORT_ADVERTISEMENT
                if self.air.phones[sender].does.sends == "identifier"
                else TRANSPORT_GATT,
            )
        heard.packets[i] = 0
        heard.total_dbm[i] = 0.0
        heard.first_us[i] = -1
        heard.max_dbm[i] = kernel.NOWHERE_DBM

    # -- GATT ------------------------------------------------------------------------------------

    def _ask(self) -> None:
        """Queues a read of every phone that was heard and has no identifier yet."""
        heard, i = self.air.heard, self.index
        for sender in np.flatnonzero(heard.unread_us[i] >= 0):
            other = int(sender)
            if other not in self.queued and self.air.now_ms >= self.retry_ms.get(other, 0):
                self.queued.add(other)
                self.queue.put((other, float(heard.unread_dbm[i, other])))
            heard.unread_us[i, other] = -1

    def reader(self) -> Steps:
        """Reads one phone at a time."""
        gatt = self.air.model.profile.gatt
        assert gatt is not None
        while True:
            other, rssi = yield self.queue.get()
            self.air.reads += 1
            done = yield self.env.process(self._read(other, rssi))
            if not done:
                self.air.reads_failed += 1
                self.retry_ms[other] = self.air.now_ms + round(gatt.retry_s * 1000)
            self.queued.discard(other)

    def _read(self, other: int, rssi: float) -> Generator[simpy.Event, Any, bool]:
        """Connects, reads, and notes the identifier; False after a timeout."""
        air, i = self.air, self.index
        model = air.model
        gatt = model.profile.gatt
        assert gatt is not None
        timeout = round(gatt.timeout_s * 1000)
        peer = air.phones[other]
        wait = peer.ms_to_air()
        works = physics.read_works(
            model.air,
            model.streams,
            air.contact[i, other],
            self.person,
            air.now_ms // model.app.read_slot_ms,
        )
        near = air.link_dbm[i, other] > kernel.NOWHERE_DBM and self.takes_part(True, 1)[0]
        if not (works and near) or wait > timeout:
            yield self.env.timeout(timeout)
            return False
        shortest, longest = (1000 * x for x in gatt.read_s)
        u = rng.uniforms(rng.key(air.seed, "gatt", self.person, other), np.array([air.now_ms]))[0]
        yield self.env.timeout(wait + round(shortest + float(u) * (longest - shortest)))
        if air.link_dbm[i, other] == kernel.NOWHERE_DBM:
            return False
        air.resolve()
        air.read[i, other] = True
        self._note_read(other, rssi)
        if gatt.exchange:
            peer._note_read(i, rssi)
        return True

    def _note_read(self, other: int, rssi: float) -> None:
        """A read counts as a packet: in the scan under way, else as a record of its own."""
        heard, i, now = self.air.heard, self.index, int(self.env.now) * 1000
        heard.unread_us[i, other] = -1
        heard.packets[i, other] += 1
        heard.total_dbm[i, other] += rssi
        heard.max_dbm[i, other] = max(heard.max_dbm[i, other], rssi)
        if heard.first_us[i, other] < 0:
            heard.first_us[i, other] = now
        if self.scan is None:
            self.note_records()

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
