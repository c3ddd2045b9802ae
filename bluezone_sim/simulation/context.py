"""From published keys to what every phone holds of them: contacts, sightings, matches, pairs."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from .. import protocols
from ..kernels.radio.availability import link_hours
from ..matching.applied_rule import applied
from ..matching.exposures import ExposureDays
from ..matching.match import match
from ..matching.pairs import exposure_days
from ..matching.published import PublishedIndex
from ..protocols.protocol import DAY_S
from ..radio import RadioModel, radio_model, record
from ..scenario.model import Scenario
from ..tables.rows import Contacts, Matches, PublishedKeys, Sightings
from ..world import ContactModel, Days, World, contact_model
from ..world.course import NO_ONSET, onsets_s
from ..world.risk import RiskyDays
from .keys import KeyRing
from .server_ids import ServerRing


@dataclass
class StageTimer:
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

    def share_out(self, others: Sequence[StageTimer]) -> None:
        """Books the time since the last lap on the stages of what went on in threads meanwhile."""
        now = time.perf_counter()
        total = sum(sum(other.stages_s.values()) for other in others)
        for other in others:
            for stage, seconds in other.stages_s.items():
                booked = (now - self._last) * seconds / total
                self.stages_s[stage] = self.stages_s.get(stage, 0.0) + booked
        self._last = now


@dataclass(frozen=True)
class SimulationContext:
    """Everything that turns published keys into matches, bound to one world and scenario.

    Attributes:
        scenario, world, days, contact_model, radio, keys, threads, clock: what it is bound to.
        symptoms: those who publish fell ill, as index cases do. F1s that publish did not: they are
            warned before they could, on the day on which the cases become known or later.
        known_onset_s: ``int64[n_people]``, unix seconds of everybody's onset, -1 without symptoms, where
            an epidemic says it; None where it is drawn back from the day on which cases become known.
    """

    scenario: Scenario
    world: World
    days: Days
    contact_model: ContactModel
    radio: RadioModel
    keys: KeyRing | ServerRing
    threads: int
    clock: StageTimer
    symptoms: bool = True
    known_onset_s: NDArray[np.int64] | None = None

    @classmethod
    def build(
        cls, scenario: Scenario, world: World, threads: int, clock: StageTimer
    ) -> SimulationContext:
        """Binds a world to a scenario."""
        days = Days.look_back(scenario.date, scenario.look_back_days, scenario.timezone)
        name = scenario.protocol.name
        ring: type[KeyRing | ServerRing] = (
            KeyRing if protocols.get(name).publishes_keys else ServerRing
        )
        keys = ring.of(world, name, int(days.start_s[0]), days.end_s)
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

    def beside(self, scenario: Scenario) -> SimulationContext:
        """Binds another scenario with the same people, days and protocol to the same world."""
        own = type(self).build(scenario, self.world, self.threads, self.clock)
        return replace(own, radio=own.radio.beside(self.radio), keys=self.keys)

    @property
    def published_s(self) -> int:
        """When the cases' keys are published: the midnight that ends the look-back."""
        return self.keys.last_s

    def onset_s(
        self, sources: NDArray[np.integer], known_s: int | None = None
    ) -> NDArray[np.int64]:
        """``int64[n]``: unix seconds of onset of those who publish; -1 of somebody without symptoms.

        Args:
            sources: people.
            known_s: when they become known as cases; by default as the look-back ends.
        """
        if not self.symptoms:
            return np.full(len(sources), NO_ONSET, np.int64)
        if self.known_onset_s is not None:
            return np.asarray(self.known_onset_s[sources])
        cases, seed = self.scenario.index_cases, self.world.seed
        return onsets_s(cases, seed, sources, self.published_s if known_s is None else known_s)

    def onset_day(
        self, sources: NDArray[np.integer], known_s: int | None = None
    ) -> NDArray[np.int64]:
        """``int64[n]``: UTC day of :meth:`onset_s`, days since 1970-01-01; -1 without symptoms."""
        onset = self.onset_s(sources, known_s)
        return np.where(onset == NO_ONSET, NO_ONSET, onset // DAY_S)

    @property
    def key_ring(self) -> KeyRing:
        """The keys of a system that publishes them."""
        assert isinstance(self.keys, KeyRing)
        return self.keys

    def contacts(self, persons: NDArray[np.int32]) -> Contacts:
        """Contacts of ``persons`` in the look-back, each with the person as ``a``."""
        out = self.contact_model.contacts_of(persons, self.days, threads=self.threads)
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
            crowd = self.contact_model.crowds(contacts, self.days, self.world.rank, level)
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
        senders, who = _numbered(emitter, self.world.n_people)
        aired_ms = self.aired_ms(emitter, time_ms)
        identifier = self.keys.identifiers_at(senders, who, aired_ms)
        self.clock.lap("identifiers")
        return Sightings(
            observer=observer,
            time_ms=time_ms,
            identifier=identifier,
            payload=self.keys.payload_at(senders, who, aired_ms, identifier),
            rssi_dbm=rssi_dbm,
            rssi_max_dbm=rssi_max_dbm,
            packets=packets,
            protocol=self.keys.protocol.name,
            true_sender=emitter,
        )

    def aired_ms(
        self, person: NDArray[np.integer], time_ms: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        """:meth:`RadioModel.aired_ms`; the look-back begins with identifiers of its own."""
        return np.maximum(self.radio.aired_ms(person, time_ms), int(self.days.start_s[0]) * 1000)

    def match(self, sources: NDArray[np.int32], sightings: Sightings) -> Matches:
        """Every phone looks the sources' keys up in its history."""
        return self.match_published(self.key_ring.published(sources), sightings)

    def match_published(
        self, published: PublishedKeys | PublishedIndex, sightings: Sightings
    ) -> Matches:
        out = match(published, sightings, self.keys.protocol, threads=self.threads)
        if out.attenuation_db is not None:
            # The listening phone corrects its RSSI by the calibration of its own model.
            correction = self.world.rx_correction_db[out.observer].astype(np.float32)
            out = replace(out, attenuation_db=out.attenuation_db - correction)
        self.clock.lap("matching")
        return out

    def collect(self, sources: NDArray[np.int32], matches: Matches) -> ExposureDays:
        """Matches of the sources' keys, by pair and piece of a day: what phones hold of them."""
        out = exposure_days(
            matches,
            np.repeat(sources, self.keys.keys_per_person),
            self.days.pieces.index_of(matches.time_ms // 1000),
            self.world.n_people,
            rule=applied(self.scenario.rule),
            ios=self.world.ios,
            scan_period_s=self.radio.scan_period_s,
        )
        self.clock.lap("warnings")
        return out


def _numbered(
    person: NDArray[np.int32], n_people: int
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Distinct people, ascending, and the number of each row's among them: a look-up, and no sort."""
    there = np.zeros(n_people, np.bool_)
    there[person] = True
    distinct = np.flatnonzero(there).astype(np.int32)
    number = np.empty(n_people, np.int32)
    number[distinct] = np.arange(len(distinct), dtype=np.int32)
    return distinct, number[person]
