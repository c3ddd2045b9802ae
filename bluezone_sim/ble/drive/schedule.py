"""What a plan's peers send at each moment of simulated time, each in the form of its phone.

No device and no clock here: the simulated time is given.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ...kernels.radio import link_budget as air
from ...kernels.radio.availability import ALL_HOURS, HOUR_S, HOURS
from ...kernels.radio.lives import life_ends_ms
from ...kernels.radio.sessions import sessions_of, state_at
from ...protocols.bluezone import wire as bluezone
from ...protocols.protocol import DAY_S
from ...radio.parameters import ADV_DELAY_MS
from ..sending.transmit import Transmission, Transmitter, round_s
from .encounter_plan import EncounterPlan

#: Shortest burst, or pause between bursts, that is played, seconds on air: an adapter takes some tenths
#: of a second to start and to stop.
LEAST_BURST_S = 1.0


def shortest_burst_s(plan: EncounterPlan) -> float | None:
    """Shortest burst of advertising, or pause between two, of the peers; None: they never pause."""
    app, ios = plan.desk.radio.app, plan.desk.world.ios[plan.peers].astype(np.int64)
    on, period = app.advertise_on_ms[ios], app.advertise_period_ms[ios]
    pausing = on < period
    return float(np.minimum(on, period - on)[pausing].min()) / 1000 if pausing.any() else None


@dataclass(frozen=True)
class Programme:
    """What the peers of one adoption level send.

    Attributes:
        plan: whose peers they are.
        rows: ``int64[n]``, which of its peers.
        identifiers: ``uint8[peers, intervals, id_size]``, of all of them.
        first_day: day since 1970 of the first interval.
        bursts: phones pause between bursts of advertising, as their app does.
    """

    plan: EncounterPlan
    rows: NDArray[np.int64]
    identifiers: NDArray[np.uint8]
    first_day: int
    bursts: bool

    @classmethod
    def of(cls, plan: EncounterPlan, level: float, transmit: Transmitter) -> Programme:
        """The programme of those who are on air at a level.

        Bursts are left out, at all levels alike, where an adapter could not send everybody within one.
        """
        # What is on the air may be of an interval that is over.
        longest_s = plan.desk.radio.longest_life_ms // 1000
        first = (int(plan.timeline.start_s[0]) - longest_s) // DAY_S
        days = int(plan.timeline.end_s[-1]) // DAY_S - first + 1
        steady = cls(
            plan=plan,
            rows=np.flatnonzero(plan.on_air(level)),
            identifiers=plan.keys.schedule.identifiers(plan.peers, first, days),
            first_day=first,
            bursts=False,
        )
        shortest = shortest_burst_s(plan)
        everybody = replace(steady, rows=np.flatnonzero(~plan.off))
        least_s = max(LEAST_BURST_S, round_s(transmit, *everybody.most_at_once()))
        playable = shortest is not None and shortest / plan.timeline.speed >= least_s
        return replace(steady, bursts=playable)

    @property
    def midnight_s(self) -> int:
        """Begin of the day that is played, unix seconds."""
        return int(self.plan.tracer.days.start_s[-1])

    def edges_s(self) -> NDArray[np.float64]:
        """Simulated times at which somebody starts, stops, or sends something else, ascending."""
        contacts, timeline = self.plan.contacts, self.plan.timeline
        cycles = []
        if not self.plan.desk.radio.longest_life_ms:
            cycles.append((0.0, float(self.plan.keys.protocol.interval_s)))
        if (self.plan.hours != ALL_HOURS).any():
            cycles.append((float(self.midnight_s), float(HOUR_S)))
        for start, lasts in zip(*self._sessions_ms(), strict=True):
            if 0 < lasts < DAY_S * 1000:
                ends = start + lasts
                cycles += [(self.midnight_s + at / 1000, float(DAY_S)) for at in (start, ends)]
        if self.bursts:
            for person in self.plan.peers[self.rows].tolist():
                phase, on, period = (x / 1000 for x in self._duty_ms(person))
                cycles += [(phase, period), (phase + on, period)]
        edges = [contacts.start_s.astype(float), (contacts.start_s + contacts.duration_s) * 1.0]
        for start, end in zip(timeline.start_s.tolist(), timeline.end_s.tolist(), strict=True):
            edges += [
                np.arange(-((phase - start) // step), (end - phase) / step) * step + phase
                for phase, step in cycles
            ]
            edges.append(self._changes_s(start, end))
        return np.unique(np.concatenate(edges))

    def _sessions_ms(self) -> tuple[list[int], list[int]]:
        """Starts after midnight and lengths of the times that the peers' apps are in front."""
        radio, peers = self.plan.desk.radio, self.plan.peers[self.rows]
        midnight_s = np.full(len(peers), self.midnight_s)
        found = sessions_of(radio.sessions, radio.streams, radio.phones.ios, peers, midnight_s)
        return found[0].tolist(), found[1].tolist()

    def _changes_s(self, start_s: int, end_s: int) -> NDArray[np.float64]:
        """When peers change identifiers at times of their own."""
        radio, out = self.plan.desk.radio, []
        if radio.longest_life_ms:
            for person in self.plan.peers[self.rows].tolist():
                at = int(life_ends_ms(radio.app, radio.streams, person, start_s * 1000))
                while at < end_s * 1000:
                    out.append(at / 1000)
                    at = int(life_ends_ms(radio.app, radio.streams, person, at))
        return np.array(out)

    def _duty_ms(self, person: int) -> tuple[int, int, int]:
        """(phase, length, period) of a phone's bursts."""
        radio, ios = self.plan.desk.radio, int(self.plan.desk.world.ios[person])
        phase = air.advertise_phase_ms(radio.app, radio.streams, ios, person)
        on, period = radio.app.advertise_on_ms[ios], radio.app.advertise_period_ms[ios]
        return int(phase), int(on), int(period)

    def most_at_once(self) -> tuple[int, int]:
        """(phones, iPhones of them that have to be read) that are in contact at once, at most."""
        c = self.plan.contacts
        c = c.take(np.flatnonzero(np.isin(c.a, self.plan.peers[self.rows])))
        # Who leaves goes before who comes at the same time.
        order = np.argsort(np.concatenate([c.start_s + c.duration_s, c.start_s]), kind="stable")
        who = np.concatenate([c.a, c.a])[order]
        step = np.repeat([-1, 1], len(c))[order]
        read = self.plan.desk.world.ios[who] & self.plan.iphones_are_read
        return tuple(int(np.cumsum(step[m]).max(initial=0)) for m in (who >= 0, read))  # type: ignore[return-value]

    def wanted(self, now_ms: int) -> list[Transmission | None]:
        """What each sends: while it is in contact, in a burst, in the form of its app's state."""
        plan, now_s = self.plan, now_ms // 1000
        c, peers = plan.contacts, plan.peers[self.rows]
        hour = min((now_s - self.midnight_s) // HOUR_S, HOURS - 1)
        awake = (plan.hours >> hour) & 1 == 1
        here = set(c.a[(c.start_s <= now_s) & (now_s < c.start_s + c.duration_s) & awake].tolist())
        aired_ms = plan.desk.aired_ms(peers, np.full(len(peers), now_ms, np.int64))
        interval = (aired_ms // 1000 - self.first_day * DAY_S) // plan.keys.protocol.interval_s
        ids = np.ascontiguousarray(self.identifiers[self.rows, interval])
        payload = plan.keys.payload_at(plan.peers, self.rows, aired_ms, ids)
        return [
            self._sending(
                person,
                now_ms,
                ids[k].tobytes(),
                b"" if payload is None else payload[k].tobytes(),
            )
            if person in here
            else None
            for k, person in enumerate(peers.tolist())
        ]

    def _sending(
        self, person: int, now_ms: int, identifier: bytes, payload: bytes
    ) -> Transmission | None:
        radio, ios = self.plan.desk.radio, int(self.plan.desk.world.ios[person])
        if self.bursts:
            phase, on, period = self._duty_ms(person)
            if (now_ms - phase) % period >= on:
                return None
        state = state_at(radio.sessions, radio.streams, ios, person, self.midnight_s, now_ms)
        form = radio.app.form[ios, state]
        interval_ms = round(float(radio.app.event_ms[ios, state]) - ADV_DELAY_MS)
        if form == air.NO_FORM:
            return None
        if form == air.IDENTIFIER:
            data = self.plan.keys.protocol.advertisement(identifier, payload)
            return Transmission(data, False, interval_ms)
        data = bluezone.ios_advertisement() if form == air.SERVICE else bluezone.ios_overflow()
        return Transmission(data, True, interval_ms, identifier, self.plan.keys.protocol.wire.gatt)
