"""From published keys to what every phone holds of them: contacts, sightings, matches, pairs."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import repeat

import numpy as np
from numpy.typing import NDArray

from ..kernels.radio.availability import link_hours
from ..matching import PublishedIndex, index_published, match
from ..matching.pairs import PairDays, concatenate_pair_days, pair_days
from ..radio import RadioModel, radio_model, record
from ..scenario.model import Scenario
from ..tables.rows import Contacts, Matches, PublishedKeys, Sightings
from ..world import ContactModel, Days, World, contact_model, contacts_of, crowds
from ..world.risk import RiskyDays, concatenate_risky_days, risky_days
from .histories import histories, publishers
from .keys import KeyRing
from .memory import sources_together
from .server_ids import NAMES as SERVERS
from .server_ids import ServerRing


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

    def share(self, stage: str, seconds: float) -> None:
        """Books seconds of the current lap on a stage that went on beside the rest."""
        self.stages_s[stage] = self.stages_s.get(stage, 0.0) + seconds
        self._last += seconds


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
        row = records.row
        return self.heard(contacts.a[row], contacts.b[row], *records[1:])

    def heard(
        self,
        emitter: NDArray[np.int32],
        observer: NDArray[np.int32],
        time_ms: NDArray[np.int64],
        packets: NDArray[np.int32],
        rssi_dbm: NDArray[np.int16],
        rssi_max_dbm: NDArray[np.int16],
    ) -> Sightings:
        """Records with the identifiers that were sent."""
        senders, who = np.unique(emitter, return_inverse=True)
        identifier = self.keys.identifiers_at(senders, who, time_ms)
        self.clock.lap("identifiers")
        return Sightings(
            observer=observer,
            time_ms=time_ms,
            identifier=identifier,
            payload=self.keys.payload_at(senders, who, time_ms, identifier),
            rssi_dbm=rssi_dbm,
            rssi_max_dbm=rssi_max_dbm,
            packets=packets,
            protocol=self.keys.protocol.name,
            true_sender=emitter,
        )

    def match(self, sources: NDArray[np.int32], sightings: Sightings) -> Matches:
        """Every phone looks the sources' keys up in its history."""
        assert isinstance(self.keys, KeyRing)
        return self._match(self.keys.published(sources), sightings)

    def _match(self, published: PublishedKeys | PublishedIndex, sightings: Sightings) -> Matches:
        out = match(published, sightings, self.keys.protocol, threads=self.threads)
        if out.attenuation_db is not None:
            # The listening phone corrects its RSSI by the calibration of its own model.
            correction = self.world.rx_correction_db[out.observer].astype(np.float32)
            out = replace(out, attenuation_db=out.attenuation_db - correction)
        self.clock.lap("matching")
        return out

    def follow(
        self, cases: NDArray[np.int32], levels: list[float]
    ) -> tuple[RiskyDays, dict[float, PairDays]]:
        """Risky days of the cases' contacts, and what phones hold of the cases at each level.

        Args:
            cases: distinct people, ascending.
            levels: adoption levels up to which phones run the app.
        """
        cut, protocol = self.scenario.index_cases, self.scenario.protocol
        # Then the contacts of a case are made once, for what happened and for what its keys find.
        one_by_one = protocol.histories == "asked" and protocol.identifiers == "lazy"
        risky: list[RiskyDays] = []
        held: dict[float, list[PairDays]] = {level: [] for level in levels}
        for some in self._chunks(cases):
            contacts = self.contacts(some)
            risky.append(risky_days(contacts, self.days, cut.near_distance_m, cut.near_duration_s))
            self.clock.lap("contacts")
            for level in levels if one_by_one else []:
                held[level].append(self._lazily(some, level, contacts))
        if not one_by_one:
            held = {level: [self.pair_days(cases, level)] for level in levels}
        parts = {level: concatenate_pair_days(found) for level, found in held.items()}
        return concatenate_risky_days(risky), parts

    def pair_days(self, sources: NDArray[np.int32], level: float) -> PairDays:
        """What every phone holds of the sources' published identifiers, by pair and local day.

        Args:
            sources: distinct people, ascending, whose keys are published.
            level: adoption level up to which phones run the app.
        """
        protocol = self.scenario.protocol
        if protocol.histories == "whole":
            parts = list(self._out_of_all(sources, level))
        elif protocol.identifiers == "full":
            parts = list(self._of_senders(sources, level))
        else:
            chunks = self._chunks(sources)
            parts = [self._lazily(c, level, self.contacts(c)) for c in chunks]
        return concatenate_pair_days(parts)

    def _chunks(self, sources: NDArray[np.int32]) -> list[NDArray[np.int32]]:
        step = sources_together(self.scenario)
        return [sources[first : first + step] for first in range(0, len(sources), step)]

    def _out_of_all(self, sources: NDArray[np.int32], level: float) -> Iterator[PairDays]:
        """A local day at a time, out of every phone's history."""
        users = sources[self.world.rank[sources] < level]
        asked = np.zeros(self.world.n_people, np.bool_)
        asked[users] = True
        if self.scenario.publication.upload == "history":
            for history in histories(self, level, repeat(asked), of_sender=False):
                yield self._read(history)
            return
        index = self._index(users)
        who = (
            publishers(self, index, level)
            if self.scenario.protocol.identifiers == "full"
            else repeat(asked)
        )
        for history in histories(self, level, who, of_sender=True):
            yield self.collect(users, self._match(index, history))

    def _of_senders(self, sources: NDArray[np.int32], level: float) -> Iterator[PairDays]:
        """Out of the records of the phones that turn out to have sent a published identifier."""
        users = sources[self.world.rank[sources] < level]
        index = self._index(users)
        sent = np.logical_or.reduce(list(publishers(self, index, level)))
        for some in self._chunks(np.flatnonzero(sent).astype(np.int32)):
            history = self.sightings(self.with_app(self.contacts(some), level), level)
            yield self.collect(users, self._match(index, history))

    def _index(self, users: NDArray[np.int32]) -> PublishedIndex:
        """What users publish, made and indexed day by day."""
        assert isinstance(self.keys, KeyRing)
        published = self.keys.published(users)
        out = index_published(published, self.keys.protocol, threads=self.threads)
        self.clock.lap("matching")
        return out

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
