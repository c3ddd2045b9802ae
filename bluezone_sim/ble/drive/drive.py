"""``bluezone-sim ble drive``: hardware in the loop, at one adoption level after another.

The contacts of one simulated person go on air through a real adapter, at the simulated times and with
their simulated identifiers; what a second adapter or a phone records is matched as in the simulation
and set beside what it predicted.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from ...captures.decode import concatenate_sightings, sightings_of
from ...tables.rows import Sightings
from ..listening.clock import SteadyClock
from ..listening.listener import Listener
from ..listening.recorder import packets_of
from ..listening.reports import AdvertisingReport
from ..sending.advertise import SlotScheduler
from ..sending.transmit import Transmitter, parallel, round_s, until
from .drive_result import Drive, Level, check_out, compare, summary, write_level, write_run
from .encounter_plan import EncounterPlan
from .schedule import LEAST_BURST_S, Programme, shortest_burst_s

#: Waited between levels, so that what is still on its way is not counted for the next.
_SETTLE_S = 0.3


#: Reports of one round, and the identifiers that were read over GATT by then.
_Round = tuple[list[AdvertisingReport], dict[int, bytes]]


class Collector:
    """A sink that keeps reports of one protocol."""

    def __init__(self, protocol: str) -> None:
        self._protocol = protocol
        self._rounds: deque[_Round] = deque()

    def take(self, heard: list[AdvertisingReport], identifiers: dict[int, bytes]) -> None:
        """Keeps reports whose identifier is known."""
        read = {h.address: i for h in heard if (i := identifiers.get(h.address)) is not None}
        mine = [
            h
            for h in heard
            if (found := h.decoded.found) is not None
            and self._protocol in found.protocols
            and (found.identifier or h.address in read)
        ]
        if mine:
            self._rounds.append((mine, read))

    def drain(self) -> list[_Round]:
        """Everything kept so far, once."""
        return [self._rounds.popleft() for _ in range(len(self._rounds))]


def warnings(plan: EncounterPlan, programme: Programme, transmit: Transmitter) -> list[str]:
    """What the adapter, the protocol and the speed make impossible."""
    most, iphones = programme.most_at_once()
    name = plan.keys.protocol.name
    out = transmit.limits(most, connectable=False, iphones=iphones) if most else []
    if plan.changed_phones:
        why = (
            "" if plan.iphones == "android" else f" (no bench can answer reads of {name}'s iPhones)"
        )
        out.append(f"{plan.changed_phones} iPhones are sent as Android phones{why}, and so at desk")
    speed, app = plan.timeline.speed, plan.desk.radio.app
    burst_s = shortest_burst_s(plan)
    cycle_s = round_s(transmit, most, iphones)
    if burst_s is not None and not programme.bursts:
        slower = _below(burst_s / max(LEAST_BURST_S, cycle_s))
        out.append(
            f"at speed {speed:g} bursts or pauses of {burst_s:g} s would last {burst_s / speed:.2f} s, "
            f"too short for this adapter: phones are sent without pauses; --speed {slower:g} or slower "
            "plays them"
        )
    on_s = int(app.scan_on_ms[0]) / 1000
    turns = max(1.0, most / max(1, parallel(transmit, most)))
    expected = on_s / speed / (float(app.event_ms[0, 0]) / 1000) / turns
    if expected < 3:
        out.append(
            f"at speed {speed:g} a scan of {on_s:g} s lasts {on_s / speed:.2f} s on air and holds about "
            f"{expected:.1f} packets of a phone: contacts will be missed; --speed "
            f"{_below(speed * expected / 3):g} or slower leaves three"
        )
    if on_s / speed < cycle_s:
        other = ", or --iphones android" if iphones else ""
        out.append(
            f"a scan of {on_s / speed:.2f} s on air is over before all have had their turns, which "
            f"take {cycle_s:g} s: some will be missed; --speed {_below(on_s / cycle_s):g} or slower "
            f"reaches all{other}"
        )
    return out


def _below(speed: float) -> float:
    """A round number not above, so that advice that is followed suffices."""
    return float(np.floor(speed)) if speed >= 2 else float(np.floor(10 * speed) / 10)


async def play(
    stop: asyncio.Event,
    programme: Programme,
    transmit: Transmitter,
    progress: Callable[[float], None],
    forget: Callable[[], None],
    clock: SteadyClock,
) -> float:
    """Plays a level; gives the unix time at which it began, by the clock of who listens.

    ``forget`` is called when other iPhones come on air under an address that others had.
    """
    timeline = programme.plan.timeline
    events = np.unique(timeline.played_at(programme.edges_s()))
    rota = SlotScheduler(transmit)
    most, iphones = programme.most_at_once()
    crowded = round_s(transmit, most, iphones) > 0
    answers: set[bytes] = set()
    began_s, began = clock.now_us() / 1e6, time.monotonic()
    while (played := time.monotonic() - began) < timeline.played_s and not stop.is_set():
        now_ms = int(timeline.simulated_ms(np.array([played]))[0])
        await rota.turn(int(played / transmit.slice_s), programme.wanted(now_ms))
        if transmit.readable == 1 and rota.answers() - answers:
            answers = rota.answers()
            forget()
        progress(played / timeline.played_s)
        later = events[events > played]
        pause = (later[0] if len(later) else timeline.played_s) - played
        if crowded:
            pause = min(pause, transmit.slice_s)
        await until(stop, min(pause, 1.0) + 0.001)
    await rota.turn(0, [])
    return began_s


async def drive(
    stop: asyncio.Event,
    plan: EncounterPlan,
    levels: list[float],
    transmit: Transmitter,
    *,
    listen: str | None,
    out: Path | None = None,
    say: Callable[[str], None] = lambda text: None,
    progress: Callable[[float, str], None] = lambda done, stage: None,
    finished: Callable[[Level], None] = lambda level: None,
) -> Drive:
    """Plays every level.

    Args:
        stop: ends the run; a level that is cut short is not counted.
        plan: what is played.
        levels: adoption levels.
        transmit: what sends.
        listen: adapter that listens as the person's phone, or None where a phone does.
        out: directory for keys, sightings and :data:`.judging.RUN_FILE`.
        say: told what limits apply.
        progress: told (share done, stage).
        finished: told each level when its files are written.
    """
    if out is not None:
        check_out(out, plan, levels)
    for line in warnings(plan, Programme.of(plan, max(levels), transmit), transmit):
        say(line)
    name = plan.keys.protocol.name
    rows: list[Level] = []
    played: list[dict[str, float]] = []
    for k, level in enumerate(levels):
        if stop.is_set():
            break
        collector = Collector(name)
        programme = Programme.of(plan, level, transmit)
        async with contextlib.AsyncExitStack() as stack:
            listener = None
            if listen is not None:
                listener = Listener(listen, [collector], read=plan.iphones_are_read, say=say)
                await stack.enter_async_context(listener)
            began = await play(
                stop,
                programme,
                transmit,
                lambda done, k=k, level=level: progress(  # type: ignore[misc]
                    (k + done) / len(levels), f"adoption {level:g}"
                ),
                _forgetter(listener),
                SteadyClock() if listener is None else listener.clock,
            )
            await asyncio.sleep(_SETTLE_S)
        if stop.is_set():
            say(f"adoption {level:g} was cut short and is not counted")
            break
        played.append({"level": level, "began_unix_s": began})
        rounds = collector.drain()
        n_heard = sum(len(heard) for heard, _ in rounds)
        air = None
        if listen is not None:
            sightings = _simulated(plan, began, rounds)
            air = plan.judge(sightings)
            if out is not None:
                write_level(out, level, sightings)
        rows.append(compare(plan, level, air, n_heard))
        if out is not None:
            write_run(out, plan, played, levels)
        finished(rows[-1])
    return summary(plan, rows)


def _forgetter(listener: Listener | None) -> Callable[[], None]:
    """Makes a listener forget what it has read."""
    if listener is None or not listener.reads:
        return lambda: None
    return listener.reader.forget


def _simulated(plan: EncounterPlan, began: float, rounds: list[_Round]) -> Sightings:
    """Reports as records of the person's phone, in simulated time."""
    name = plan.keys.protocol.name
    tables = []
    for heard, identifiers in rounds:
        packets = packets_of(heard)
        played = packets.time_us / 1e6 - began
        inside = np.flatnonzero((played >= 0) & (played < plan.timeline.played_s))
        at_us = plan.timeline.simulated_ms(played[inside]) * 1000
        packets = replace(packets.take(inside), time_us=at_us)
        found = [heard[k].decoded.found for k in inside]
        tables += sightings_of(packets, found, identifiers, name)
    return plan.records(concatenate_sightings(tables, name))
