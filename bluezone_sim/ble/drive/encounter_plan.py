"""What a hardware-in-the-loop run puts on air: one simulated person's contacts, in time.

No device and no clock here: times are simulated, or seconds since the run began.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ...errors import InputError
from ...kernels import rng
from ...kernels.radio import link_budget as air
from ...kernels.radio.availability import link_hours
from ...kernels.radio.link_budget import scan_phase_ms
from ...kernels.threads import available_threads
from ...matching.warnings import confirmed, f1_warnings, in_time
from ...radio import radio_model
from ...scenario.model import Scenario
from ...simulation.context import SimulationContext, StageTimer
from ...simulation.evaluating import index_cases
from ...simulation.keys import KeyRing
from ...simulation.publishing import verdicts_of
from ...tables.rows import Contacts, Sightings
from ...world import build_world

#: Index cases among which a person with contacts is looked for.
_CANDIDATES = 500


@dataclass(frozen=True)
class Timeline:
    """Simulated time on the clock of a run: time without any contact is skipped.

    Attributes:
        start_s, end_s: ``int64[k]``, simulated spans that are played, ascending, unix seconds.
        speed: simulated seconds a second.
    """

    start_s: NDArray[np.int64]
    end_s: NDArray[np.int64]
    speed: float

    @classmethod
    def of(cls, contacts: Contacts, speed: float) -> Timeline:
        """The union of the contacts' segments."""
        order = np.argsort(contacts.start_s, kind="stable")
        start = contacts.start_s[order]
        end = np.maximum.accumulate(start + contacts.duration_s[order])
        first = np.flatnonzero(np.concatenate(([True], start[1:] > end[:-1])))
        last = np.append(first[1:] - 1, len(start) - 1)
        return cls(start[first], end[last], speed)

    @property
    def played_s(self) -> float:
        """Length of the run, seconds."""
        return float((self.end_s - self.start_s).sum()) / self.speed

    def _begins_s(self) -> NDArray[np.float64]:
        lengths = (self.end_s - self.start_s) / self.speed
        return np.asarray(np.cumsum(lengths) - lengths)

    def simulated_ms(self, played_s: NDArray[np.float64]) -> NDArray[np.int64]:
        """``int64[n]``: simulated unix milliseconds at seconds since the run began.

        Times before it are before the first span, times after it beyond the last one.
        """
        begins = self._begins_s()
        k = np.clip(np.searchsorted(begins, played_s, side="right") - 1, 0, len(begins) - 1)
        return np.asarray(
            np.floor((self.start_s[k] + (played_s - begins[k]) * self.speed) * 1000), np.int64
        )

    def played_at(self, simulated_s: NDArray[np.float64]) -> NDArray[np.float64]:
        """``float64[n]``: seconds since the run began at simulated times; gaps take no time."""
        k = np.clip(np.searchsorted(self.start_s, simulated_s, side="right") - 1, 0, None)
        inside = np.clip(simulated_s, self.start_s[k], self.end_s[k]) - self.start_s[k]
        return np.asarray(self._begins_s()[k] + inside / self.speed)


@dataclass(frozen=True)
class Seen:
    """What the person's phone holds at one level.

    Attributes:
        recorded, warned: ``int32``, peers with a matched row; peers whose keys would warn the person.
        rows: matched rows.
    """

    recorded: NDArray[np.int32]
    warned: NDArray[np.int32]
    rows: int


@dataclass(frozen=True)
class EncounterPlan:
    """One person's contacts within some hours of one day.

    Attributes:
        tracer: the scenario, its world and its radio.
        desk: the same radio with every distance that of the bench, and the person's phone an Android one,
            as which the bench records. Where iPhones cannot be sent as they are, peers are Android too.
        person: whose phone is on the bench; it has the app at every level.
        peers: ``int32[p]``, people in contact who have a smartphone, ascending.
        off: ``bool[p]``, whenever they meet, the peer's phone does not send or the person's not hear.
        contacts: segments, the peer as ``a`` and the person as ``b``.
        hours: ``int64[n]``, of each segment: bits of the hours in which ``a`` sends and ``b`` hears.
        timeline: when they are played.
        distance_m: between the adapters on the bench.
        iphones: "own" where peers' iPhones are sent as they are, "android" where as Android phones.
    """

    tracer: SimulationContext
    desk: SimulationContext
    person: int
    peers: NDArray[np.int32]
    off: NDArray[np.bool_]
    contacts: Contacts
    hours: NDArray[np.int64]
    timeline: Timeline
    distance_m: float
    iphones: str

    @property
    def keys(self) -> KeyRing:
        """The peers' keys."""
        return self.tracer.key_ring

    @property
    def iphones_are_read(self) -> bool:
        """Some peers are iPhones that send no identifier: it is read over GATT."""
        read = (self.desk.radio.app.form[1] != air.IDENTIFIER).any()
        return bool(read and self.desk.world.ios[self.peers].any())

    @property
    def changed_phones(self) -> int:
        """Peers with iPhones that are sent as Android phones."""
        world = self.tracer.world
        return int((world.ios[self.peers] & ~self.desk.world.ios[self.peers]).sum())

    def with_app(self, level: float) -> NDArray[np.bool_]:
        """``bool[p]``: peers who run the app at a level."""
        return np.asarray(self.tracer.world.rank[self.peers] < level)

    def on_air(self, level: float) -> NDArray[np.bool_]:
        """``bool[p]``: peers whose phone is sent at a level."""
        return self.with_app(level) & ~self.off

    def _of(self, level: float) -> Contacts:
        mine = np.isin(self.contacts.a, self.peers[self.with_app(level)])
        return self.contacts.take(np.flatnonzero(mine))

    def predicted(self, level: float) -> Seen:
        """By the scenario's radio, at the scenario's distances."""
        return self.judge(self.tracer.sightings(self._of(level), level), self.tracer)

    def predicted_at_desk(self, level: float) -> Seen:
        """By the scenario's radio, with the phones as near as they are on the bench."""
        near = self._of(level)
        near = replace(near, distance_m=np.full_like(near.distance_m, self.distance_m))
        return self.judge(self.desk.sightings(near, level), self.desk)

    def judge(self, sightings: Sightings, tracer: SimulationContext | None = None) -> Seen:
        """Matches what the phone holds with every peer's keys, as if each peer were a case."""
        t = tracer or self.desk
        found = t.match(self.peers, sightings)
        held = t.collect(self.peers, found)
        publication = t.scenario.publication
        matched = f1_warnings(t.world.seed, verdicts_of(t, held)[1], t.published_s, publication)
        told, sure = confirmed(t.world.seed, matched, t.scenario.confirmation)
        timely = sure & in_time(told, publication)
        return Seen(np.unique(held.source), np.unique(told.source[timely]), len(found))

    def records(self, packets: Sightings) -> Sightings:
        """Packets in simulated time as the person's phone, an Android one, would record them.

        One record a scan and identifier, from the packets that fall into the phone's scans.
        """
        scan = self._scan_at(packets.time_ms)
        heard = np.flatnonzero(scan >= 0)
        heard = heard[np.argsort(packets.time_ms[heard], kind="stable")]
        scan, packets = scan[heard], packets.take(heard)
        _, which = np.unique(
            np.concatenate(
                [scan.astype(">i8").view(np.uint8).reshape(-1, 8), packets.identifier], axis=1
            ),
            axis=0,
            return_inverse=True,
        )
        which = which.reshape(-1)
        n = int(which.max(initial=-1)) + 1
        first = np.full(n, len(heard))
        np.minimum.at(first, which, np.arange(len(heard)))
        count = np.bincount(which, minlength=n)
        strongest = np.full(n, -128, np.int64)
        np.maximum.at(strongest, which, packets.rssi_dbm.astype(np.int64))
        mean = np.bincount(which, packets.rssi_dbm, n) / np.maximum(count, 1)
        return replace(
            packets.take(first),
            observer=np.full(n, self.person, np.int32),
            rssi_dbm=np.round(mean).astype(np.int16),
            packets=count.astype(np.int32),
            rssi_max_dbm=strongest.astype(np.int16),
        )

    def _scan_at(self, time_ms: NDArray[np.int64]) -> NDArray[np.int64]:
        """``int64[n]``: number of the scan of the person's phone that each time falls into, or -1."""
        app, streams = self.desk.radio.app, self.desk.radio.streams
        period, on, jitter = (
            int(x[0]) for x in (app.scan_period_ms, app.scan_on_ms, app.scan_jitter_ms)
        )
        phase = int(scan_phase_ms(app, streams, 0, self.person))
        out = np.full(len(time_ms), -1, np.int64)
        for back in (0, 1):  # a scan that starts late reaches into the next period
            scan = (time_ms - phase) // period - back
            begins = phase + scan * period
            if jitter:
                key = int(rng.draws(int(streams.scan_jitter), np.array([self.person]))[0])
                begins = begins + (rng.uniforms(key, scan) * jitter).astype(np.int64)
            out = np.where((time_ms >= begins) & (time_ms < begins + on), scan, out)
        return out


def make_plan(
    scenario: Scenario,
    seed: int,
    levels: list[float],
    *,
    person: int | None = None,
    hours: tuple[float, float] = (0.0, 24.0),
    speed: float = 60.0,
    distance_m: float = 0.5,
    iphones: str = "own",
) -> EncounterPlan:
    """Plans a run on the last day of the scenario's look-back.

    Args:
        scenario, seed: what is simulated.
        levels: adoption levels, shares of smartphone owners.
        person: whose phone is on the bench; None: of the first index cases who have the app at every
            level and an Android phone that is on, the one who meets most people with phones.
        hours: local hours of the day that are played.
        speed: simulated seconds a second.
        distance_m: between the adapters on the bench.
        iphones: "own": peers' iPhones are sent as they are, read over GATT; "android": as Android phones,
            of which one adapter sends many.

    Raises:
        InputError: a number is out of range, or the person has no contacts then.
    """
    if not levels or not all(0 <= level <= 1 for level in levels):
        raise InputError(f"--adoption: expected shares between 0 and 1, found {levels}")
    if not 0 <= hours[0] < hours[1] <= 24:
        raise InputError(
            f"--hours: expected 0 <= start < end <= 24, found {hours[0]:g}-{hours[1]:g}"
        )
    for option, value in (("--speed", speed), ("--distance", distance_m)):
        if not value > 0:
            raise InputError(f"{option} {value:g}: expected more than 0")
    if iphones not in ("own", "android"):
        raise InputError(f"--iphones {iphones}: expected own or android")
    world = build_world(scenario, seed)
    tracer = SimulationContext.build(scenario, world, available_threads(), StageTimer())
    if not tracer.keys.protocol.publishes_keys:
        raise InputError(
            f"protocol.name {scenario.protocol.name!r}: its server matches; a drive needs a protocol "
            "that publishes keys"
        )
    candidates = _candidates(tracer, person, min(levels))
    contacts = _clip(tracer, tracer.contacts(candidates), hours)
    phones = np.flatnonzero(world.rank[contacts.b] < max(levels))
    pairs = np.unique(np.stack([contacts.a[phones], contacts.b[phones]], axis=1), axis=0)
    met = np.array([np.count_nonzero(pairs[:, 0] == c) for c in candidates])
    if not met.any():
        who = "nobody" if person is None else f"person {person}"
        raise InputError(
            f"{who} has contacts with phones between {hours[0]:g} and {hours[1]:g} h on {scenario.date}; "
            "try other --hours, or another --person"
        )
    chosen = int(candidates[np.argmax(met)])
    desk_world = replace(world, ios=_desk_platforms(tracer, chosen, iphones))
    desk = replace(tracer, world=desk_world, radio=radio_model(desk_world, scenario))
    mine = contacts.take(np.flatnonzero(contacts.a == chosen)).reversed()
    mine = mine.take(np.flatnonzero(world.rank[mine.a] < max(levels)))
    peers = np.unique(mine.a)
    # By the phones that are on air, which need not be the scenario's.
    hearing = _hearing(desk, mine)
    return EncounterPlan(
        tracer=tracer,
        desk=desk,
        person=chosen,
        peers=peers,
        off=~np.isin(peers, mine.a[hearing != 0]),
        contacts=mine,
        hours=hearing,
        timeline=Timeline.of(mine, speed),
        distance_m=distance_m,
        iphones=iphones,
    )


def _hearing(tracer: SimulationContext, contacts: Contacts) -> NDArray[np.int64]:
    """``int64[n]``: bits of the hours in which ``a`` sends and ``b`` hears, by how their phones live."""
    radio, midnight_s = tracer.radio, tracer.days.start_s[-1]
    day = np.full(len(contacts), tracer.days.number[-1])
    begins = contacts.start_s - midnight_s
    ends = begins + contacts.duration_s - 1
    who = contacts.b, contacts.a
    hours = link_hours(radio.life, radio.phones, radio.streams, *who, day, begins, ends)
    return np.asarray(hours, np.int64)


def _desk_platforms(tracer: SimulationContext, person: int, iphones: str) -> NDArray[np.bool_]:
    """``bool[people]``: whose phone is an iPhone on air.

    What reads identifiers over GATT, a bench or an app, has to know the protocol's way.
    """
    forms = tracer.radio.app.form
    gatt = tracer.keys.protocol.wire.gatt
    readable = gatt is not None and gatt.build is not None
    as_they_are = readable or (forms[1] == air.IDENTIFIER).all()
    ios = tracer.world.ios & (as_they_are and iphones == "own")
    ios[person] = False
    return np.asarray(ios)


def _candidates(tracer: SimulationContext, person: int | None, level: float) -> NDArray[np.int32]:
    """People who may be on the bench, in order of preference."""
    world = tracer.world
    if person is not None and not 0 <= person < world.n_people:
        raise InputError(f"--person {person}: expected 0 to {world.n_people - 1}")
    if person is not None:
        found = np.array([person], np.int32)
    else:
        count = min(_CANDIDATES, tracer.scenario.index_cases.count, world.n_people)
        found = index_cases(world.seed, world.n_people, count, world.known_cases)
        found = found[(world.rank[found] < level) & ~world.ios[found]]
    radio, day = tracer.radio, np.full(len(found), tracer.days.number[-1])
    off = link_hours(radio.life, radio.phones, radio.streams, found, found, day) == 0
    if person is not None and off[0]:
        raise InputError(
            f"--person {person}: the phone is off on {tracer.scenario.date} in this simulation"
        )
    if not len(found[~off]):
        raise InputError(
            f"no index case runs the app on an Android phone at the lowest level, {level:g}, with the "
            "phone on; give --person or higher levels"
        )
    return np.asarray(found[~off], np.int32)


def _clip(tracer: SimulationContext, contacts: Contacts, hours: tuple[float, float]) -> Contacts:
    """The parts of segments that lie within some hours of the last day."""
    midnight = int(tracer.days.start_s[-1])
    low, high = (midnight + round(h * 3600) for h in hours)
    start = np.maximum(contacts.start_s, low)
    end = np.minimum(contacts.start_s + contacts.duration_s, high)
    inside = np.flatnonzero(end > start)
    return replace(contacts, start_s=start, duration_s=(end - start).astype(np.int32)).take(inside)
