"""From published keys to what every phone holds of them: contacts, sightings, matches, pairs."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from .kernels.life import link_hours
from .matching import match
from .matching.pairs import PairDays, concatenate_pair_days, pair_days
from .phones import KeyRing
from .radio import RadioModel, radio_model, record
from .scenario.model import Scenario
from .servers import NAMES as SERVERS
from .servers import ServerRing
from .tables import Contacts, Matches, Sightings
from .world import ContactModel, Days, World, contact_model, contacts_of, crowds
from .world.risk import RiskyDays

#: Sources whose keys are traced together: bounds the memory of their contacts and sightings.
_SOURCES_CHUNK = 1000
#: People whose contacts are made together when every phone's history is made.
_PEOPLE_CHUNK = 5_000


@dataclass
class Clock:
    """Seconds spent in each stage."""

    stages_s: dict[str, float] = field(default_factory=dict)
    _last: float = field(default_factory=time.perf_counter)

    def lap(self, stage: str) -> None:
        """Books the time since the last lap on ``stage``."""
        now = time.perf_counter()
        self.stages_s[stage] = self.stages_s.get(stage, 0.0) + now - self._last
        self._last = now


@dataclass(frozen=True)
class Tracer:
    """Everything that turns published keys into matches, bound to one world and scenario."""

    scenario: Scenario
    world: World
    days: Days
    contact_model: ContactModel
    radio: RadioModel
    keys: KeyRing | ServerRing
    threads: int
    clock: Clock

    @classmethod
    def build(cls, scenario: Scenario, world: World, threads: int, clock: Clock) -> Tracer:
        """Binds a world to a scenario."""
        days = Days.look_back(scenario.date, scenario.look_back_days, scenario.timezone)
        ring = ServerRing if scenario.protocol.name in SERVERS else KeyRing
        keys = ring.of(world, scenario.protocol.name, int(days.start_s[0]), days.end_s)
        return cls(
            scenario=scenario,
            world=world,
            days=days,
            contact_model=contact_model(world, scenario.contacts),
            radio=radio_model(world, scenario),
            keys=keys,
            threads=threads,
            clock=clock,
        )

    @property
    def published_s(self) -> int:
        """When the cases' keys are published: the midnight that ends the look-back."""
        return self.keys.last_s

    def contacts(self, persons: NDArray[np.int32]) -> Contacts:
        """Contacts of ``persons`` in the look-back, each with the person as ``a``."""
        out = contacts_of(self.contact_model, persons, self.days, threads=self.threads)
        self.clock.lap("contacts")
        return out

    def phones_off(self, risky: RiskyDays) -> NDArray[np.bool_]:
        """``bool[n]``: in no hour of a risky day in which they were near could the one phone send and the
        other hear."""
        sender, listener = risky.case, risky.other
        if self.scenario.publication.upload == "history":
            sender, listener = listener, sender
        radio, day = self.radio, self.days.number[risky.day]
        hours = link_hours(radio.life, radio.phones, radio.streams, listener, sender, day)
        return np.asarray((hours & risky.hours) == 0)

    def with_app(self, contacts: Contacts, level: float) -> Contacts:
        """Segments in which both run the app at ``level``."""
        rank = self.world.rank
        return contacts.take(
            np.flatnonzero((rank[contacts.a] < level) & (rank[contacts.b] < level))
        )

    def sightings(self, contacts: Contacts, level: float) -> Sightings:
        """What the phones of ``contacts.b`` record of those of ``contacts.a``.

        Args:
            contacts: segments in which both run the app.
            level: adoption level, which sets the crowd where ``radio.density`` is on.
        """
        crowd = None
        if self.scenario.radio.density == "on":
            crowd = crowds(self.contact_model, contacts, self.days, self.world.rank, level)
        records = record(self.radio, contacts, self.days, crowd=crowd, threads=self.threads)
        self.clock.lap("radio")
        emitter = contacts.a[records.row]
        senders, who = np.unique(emitter, return_inverse=True)
        identifier = self.keys.identifiers_at(senders, who, records.time_ms)
        self.clock.lap("identifiers")
        return Sightings(
            observer=contacts.b[records.row],
            time_ms=records.time_ms,
            identifier=identifier,
            payload=self.keys.payload_at(senders, who, records.time_ms, identifier),
            rssi_dbm=records.rssi_dbm,
            rssi_max_dbm=records.rssi_max_dbm,
            packets=records.packets,
            protocol=self.keys.protocol.name,
            true_sender=emitter,
        )

    def match(self, sources: NDArray[np.int32], sightings: Sightings) -> Matches:
        """Every phone looks the sources' keys up in its history."""
        assert isinstance(self.keys, KeyRing)
        out = match(
            self.keys.published(sources), sightings, self.keys.protocol, threads=self.threads
        )
        if out.attenuation_db is not None:
            # The listening phone corrects its RSSI by the calibration of its own model.
            correction = self.world.rx_correction_db[out.observer].astype(np.float32)
            out = replace(out, attenuation_db=out.attenuation_db - correction)
        self.clock.lap("matching")
        return out

    def pair_days(
        self, sources: NDArray[np.int32], level: float, contacts: Contacts | None = None
    ) -> PairDays:
        """What every phone holds of the sources' published identifiers, by pair and local day.

        Args:
            sources: distinct people, ascending, whose keys are published.
            level: adoption level up to which phones run the app.
            contacts: the sources' contacts, where they are at hand.
        """
        uploaded = self.scenario.publication.upload == "history"
        if self.scenario.protocol.identifiers == "full":
            parts = [
                self._read(history.take(np.isin(history.observer, sources)))
                if uploaded
                else self.collect(sources, self.match(sources, history))
                for history in self.histories(level)
            ]
        elif contacts is not None:
            parts = [self._lazily(sources, level, contacts)]
        else:
            parts = [
                self._lazily(chunk, level, self.contacts(chunk))
                for first in range(0, len(sources), _SOURCES_CHUNK)
                if len(chunk := sources[first : first + _SOURCES_CHUNK])
            ]
        return concatenate_pair_days(parts)

    def _lazily(self, sources: NDArray[np.int32], level: float, contacts: Contacts) -> PairDays:
        """Only the rows of the histories that hold one of the sources, or that a source holds."""
        if self.scenario.publication.upload == "history":
            return self._read(self.sightings(self.with_app(contacts, level).reversed(), level))
        history = self.sightings(self.with_app(contacts, level), level)
        return self.collect(sources, self.match(sources, history))

    def _read(self, history: Sightings) -> PairDays:
        """Whom the server reads in uploaded histories: the other way round, as if their phones held it.

        It knows everybody's keys; those of people who are not in the history would match nothing.
        """
        assert history.true_sender is not None
        senders = np.unique(history.true_sender)
        if isinstance(self.keys, ServerRing):
            who = self.keys.senders_of(history)
            row = np.flatnonzero(who >= 0)
            senders = np.unique(who[row]).astype(np.int32)
            zero = np.zeros(len(row), np.int64)
            matches = Matches(
                key=np.searchsorted(senders, who[row]).astype(np.int32),
                row=row,
                observer=history.observer[row],
                day_s=zero,
                interval=zero.astype(np.int32),
                time_ms=history.time_ms[row],
                rssi_dbm=history.rssi_dbm[row],
            )
            self.clock.lap("matching")
        else:
            matches = self.match(senders, history)
        held = self.collect(senders, matches)
        turned = replace(held, source=held.person, person=held.source)
        return concatenate_pair_days([turned])

    def histories(self, level: float) -> Iterator[Sightings]:
        """Every phone's history of the look-back, piece by piece.

        A pair of people is in one piece for each direction, with all its contacts.
        """
        for first in range(0, self.world.n_people, _PEOPLE_CHUNK):
            last = min(first + _PEOPLE_CHUNK, self.world.n_people)
            persons = np.arange(first, last, dtype=np.int32)
            contacts = contacts_of(
                self.contact_model, persons, self.days, ordered=True, threads=self.threads
            )
            contacts = self.with_app(contacts, level)
            self.clock.lap("contacts")
            for way in (contacts, contacts.reversed()):
                yield self.sightings(way, level)

    def collect(self, sources: NDArray[np.int32], matches: Matches) -> PairDays:
        """Matches of the sources' published keys, by pair and local day."""
        out = pair_days(
            matches,
            np.repeat(sources, self.keys.keys_per_person),
            self.days.index_of(matches.time_ms // 1000),
            self.world.n_people,
            rule=self.scenario.rule,
            ios=self.world.ios,
            scan_period_s=self.radio.scan_period_s,
        )
        self.clock.lap("warnings")
        return out
