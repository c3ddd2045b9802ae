"""``bluezone-sim ble drive``: hardware in the loop, at one adoption level after another.

The contacts of one simulated person go on air through a real adapter, at the simulated times and with
their simulated identifiers; what a second adapter or a phone records is matched as in the simulation
and set beside what it predicted.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections import deque
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._version import SCHEMA_VERSION
from ..captures.packets import WholeFile
from ..captures.sightings_file import write_sightings
from ..errors import FormatError, InputError
from ..protocols.base import DAY_S
from ..protocols.bluezone_files import parse_history
from ..scenario.model import Scenario
from ..tables import Sightings
from .advertise import STYLES, Rota
from .air import Heard
from .crowd import PUBLISHED, key_file_name
from .listen import Listener
from .plan import Plan, Seen, make_plan
from .transmit import Sending, Transmitter, parallel, until

#: Name of the file that says how a run went, for judging a phone's history afterwards.
RUN_FILE = "drive.json"
#: Waited between levels, so that what is still on its way is not counted for the next.
_SETTLE_S = 0.3


@dataclass(frozen=True)
class Level:
    """One level's result: counts of peers, on air beside the simulation.

    Attributes:
        level: adoption, share of smartphone owners.
        peers: people in contact who run the app.
        on_air: of these, phones that were sent (the others are off that day).
        recorded, warned: on air; None where nothing was listened to yet.
        desk_recorded, desk_warned: the simulation, with phones at the bench's distance.
        scenario_recorded, scenario_warned: the simulation, at the scenario's distances.
        packets: received on air.
        missed, extra: peers that the desk simulation has recorded and the air has not; the reverse.
    """

    level: float
    peers: int
    on_air: int
    recorded: int | None
    warned: int | None
    desk_recorded: int
    desk_warned: int
    scenario_recorded: int
    scenario_warned: int
    packets: int
    missed: list[int]
    extra: list[int]


@dataclass(frozen=True)
class Drive:
    """A whole run."""

    scenario: str
    seed: int
    person: int
    date: str
    speed: float
    distance_m: float
    played_s: float
    levels: list[Level]

    def to_dict(self) -> dict[str, Any]:
        """The document that ``--json`` prints."""
        return {"schema_version": SCHEMA_VERSION, **asdict(self)}


#: Unix microseconds, RSSI, identifier, payload.
_Row = tuple[int, int, bytes, bytes]


class Collector:
    """A sink that keeps packets of one protocol."""

    def __init__(self, protocol: str) -> None:
        self._protocol = protocol
        self._rows: deque[_Row] = deque()

    def take(self, heard: list[Heard], identifiers: dict[int, bytes]) -> None:
        """Keeps packets whose identifier is known."""
        for h in heard:
            found = h.known.found
            if found is None or self._protocol not in found.protocols:
                continue
            identifier = found.identifier or identifiers.get(h.address, b"")
            if identifier:
                self._rows.append((h.time_us, h.rssi_dbm, identifier, found.payload))

    def drain(self) -> list[_Row]:
        """Everything kept so far, once."""
        return [self._rows.popleft() for _ in range(len(self._rows))]


def warn_of_speed(plan: Plan, slots: int) -> str:
    """What the speed makes impossible, or nothing."""
    on_s = int(plan.desk.radio.app.scan_on_ms[0]) / 1000
    _, interval_ms = STYLES.get(plan.keys.protocol.name, (True, 250))
    scan_s = on_s / plan.timeline.speed
    turns = max(1.0, len(plan.peers) / max(1, slots))
    expected = scan_s / (interval_ms / 1000) / turns
    if expected >= 3:
        return ""
    return (
        f"at speed {plan.timeline.speed:g} a scan of {on_s:g} s lasts {scan_s:.2f} s on air "
        f"and holds about {expected:.1f} packets of a phone: contacts will be missed; "
        f"--speed {plan.timeline.speed * expected / 3:.0f} or slower leaves three"
    )


async def play(
    stop: asyncio.Event,
    plan: Plan,
    level: float,
    transmit: Transmitter,
    progress: Callable[[float], None],
) -> float:
    """Plays a level; gives the unix time at which it began."""
    keys, timeline = plan.keys, plan.timeline
    protocol = keys.protocol
    peers = np.flatnonzero(plan.on_air(level))
    first_day = int(timeline.start_s[0]) // DAY_S
    n_days = int(timeline.end_s[-1]) // DAY_S - first_day + 1
    table = keys.identifiers(plan.peers, first_day, n_days)
    _, interval_ms = STYLES.get(protocol.name, (True, 250))
    # Where somebody comes, goes, or changes the identifier.
    edges = [plan.contacts.start_s, plan.contacts.start_s + plan.contacts.duration_s]
    step = protocol.interval_s
    for start, end in zip(timeline.start_s.tolist(), timeline.end_s.tolist(), strict=True):
        edges.append(np.arange(start // step + 1, -(-end // step)) * step)
    events = np.unique(timeline.played_at(np.concatenate(edges)))
    rota = Rota(transmit, len(peers)) if len(peers) else None
    crowded = len(peers) > parallel(transmit, len(peers)) if len(peers) else False
    began, clock, turn = time.time(), time.monotonic(), 0
    while (played := time.monotonic() - clock) < timeline.played_s and not stop.is_set():
        now_s = int(timeline.simulated_ms(np.array([played]))[0]) // 1000
        if rota is not None:
            await rota.turn(turn, _wanted(plan, peers, now_s, table, first_day, interval_ms))
        turn += 1
        progress(played / timeline.played_s)
        later = events[events > played]
        pause = (later[0] if len(later) else timeline.played_s) - played
        if crowded:
            pause = min(pause, transmit.slice_s)
        await until(stop, min(pause, 1.0) + 0.001)
    if rota is not None:
        await rota.turn(turn, [None] * len(peers))
    return began


def _wanted(
    plan: Plan,
    peers: NDArray[np.int64],
    now_s: int,
    table: NDArray[np.uint8],
    first_day: int,
    interval_ms: int,
) -> list[Sending | None]:
    """What each of ``peers`` sends now: its identifier while it is in contact, else nothing."""
    c, protocol = plan.contacts, plan.keys.protocol
    here = np.unique(c.a[(c.start_s <= now_s) & (now_s < c.start_s + c.duration_s)])
    interval = (now_s - first_day * DAY_S) // protocol.interval_s
    ids = np.ascontiguousarray(table[peers, interval])
    time_ms = np.full(len(peers), now_s * 1000, np.int64)
    payload = plan.keys.payload_at(plan.peers, peers, time_ms, ids)
    return [
        Sending(
            protocol.advertisement(
                ids[k].tobytes(), b"" if payload is None else payload[k].tobytes()
            ),
            False,
            interval_ms,
        )
        if plan.peers[i] in here
        else None
        for k, i in enumerate(peers)
    ]


def compare(plan: Plan, level: float, air: Seen | None, packets: int) -> Level:
    """One level's row."""
    desk, scenario = plan.predicted_at_desk(level), plan.predicted(level)
    missed = extra = np.empty(0, np.int32)
    if air is not None:
        missed = np.setdiff1d(desk.recorded, air.recorded)
        extra = np.setdiff1d(air.recorded, desk.recorded)
    return Level(
        level=level,
        peers=int(plan.with_app(level).sum()),
        on_air=int(plan.on_air(level).sum()),
        recorded=None if air is None else len(air.recorded),
        warned=None if air is None else len(air.warned),
        desk_recorded=len(desk.recorded),
        desk_warned=len(desk.warned),
        scenario_recorded=len(scenario.recorded),
        scenario_warned=len(scenario.warned),
        packets=packets,
        missed=missed.tolist(),
        extra=extra.tolist(),
    )


def _summary(plan: Plan, rows: list[Level]) -> Drive:
    scenario = plan.tracer.scenario
    return Drive(
        scenario=scenario.name,
        seed=plan.tracer.world.seed,
        person=plan.person,
        date=str(scenario.date),
        speed=plan.timeline.speed,
        distance_m=plan.distance_m,
        played_s=round(plan.timeline.played_s, 2),
        levels=rows,
    )


async def drive(
    stop: asyncio.Event,
    plan: Plan,
    levels: list[float],
    transmit: Transmitter,
    *,
    listen: str | None,
    out: Path | None = None,
    say: Callable[[str], None] = lambda text: None,
    progress: Callable[[float, str], None] = lambda done, stage: None,
) -> Drive:
    """Plays every level.

    Args:
        stop: ends the run after what is on air.
        plan: what is played.
        levels: adoption levels.
        transmit: what sends.
        listen: adapter that listens as the person's phone, or None where a phone does.
        out: directory for keys, sightings and :data:`RUN_FILE`.
        say: told what limits apply.
        progress: told (share done, stage).
    """
    # Peers are sent as a crowd is, also where there is one.
    limits = transmit.limits(max(2, len(plan.peers)))
    for line in (*limits, warn_of_speed(plan, transmit.slots)):
        if line:
            say(line)
    name = plan.keys.protocol.name
    rows: list[Level] = []
    played: list[dict[str, float]] = []
    for k, level in enumerate(levels):
        if stop.is_set():
            break
        collector = Collector(name)
        async with contextlib.AsyncExitStack() as stack:
            if listen is not None:
                listener = Listener(listen, [collector], read=False, say=say)
                await stack.enter_async_context(listener)
            began = await play(
                stop,
                plan,
                level,
                transmit,
                lambda done, k=k, level=level: progress(  # type: ignore[misc]
                    (k + done) / len(levels), f"adoption {level:g}"
                ),
            )
            await asyncio.sleep(_SETTLE_S)
        played.append({"level": level, "began_unix_s": began})
        heard = collector.drain()
        air = None
        if listen is not None:
            sightings = _simulated(plan, began, heard)
            air = plan.judge(sightings)
            if out is not None:
                out.mkdir(parents=True, exist_ok=True)
                write_sightings(out / f"level-{level:g}.parquet", [sightings])
        rows.append(compare(plan, level, air, len(heard)))
        if out is not None:
            _write_run(out, plan, played, levels)
    return _summary(plan, rows)


def _simulated(plan: Plan, began: float, heard: list[_Row]) -> Sightings:
    """Packets as records of the person's phone, in simulated time."""
    n, size = len(heard), plan.keys.protocol.id_size
    time_us = np.fromiter((t for t, *_ in heard), np.int64, n)
    played = time_us / 1e6 - began
    inside = np.flatnonzero((played >= 0) & (played < plan.timeline.played_s))
    ids = np.frombuffer(b"".join(i for _, _, i, _ in heard), np.uint8).reshape(n, size)
    rssi = np.fromiter((r for _, r, *_ in heard), np.int16, n)
    payload = None
    if plan.keys.protocol.name == "gaen":
        payload = np.frombuffer(b"".join(p for *_, p in heard), np.uint8).reshape(n, 4)[inside]
    time_ms = plan.timeline.simulated_ms(played[inside])
    return plan.records(time_ms, ids[inside], rssi[inside], payload)


def _write_run(out: Path, plan: Plan, played: list[dict[str, float]], levels: list[float]) -> None:
    """What is needed to judge a phone's history later."""
    out.mkdir(parents=True, exist_ok=True)
    document = {
        "schema_version": SCHEMA_VERSION,
        "scenario": plan.tracer.scenario.name,
        "seed": plan.tracer.world.seed,
        "person": plan.person,
        "speed": plan.timeline.speed,
        "distance_m": plan.distance_m,
        "start_s": plan.timeline.start_s.tolist(),
        "end_s": plan.timeline.end_s.tolist(),
        "levels": levels,
        "played": played,
    }
    with WholeFile(out / RUN_FILE) as file:
        file.stream.write(json.dumps(document, indent=1).encode())
    name = plan.keys.protocol.name
    if name in PUBLISHED:
        with WholeFile(out / key_file_name(name)) as file:
            file.stream.write(PUBLISHED[name](plan.keys.published(plan.peers)))


def judge_history(
    scenario: Scenario, run: Path, history: bytes, source: str, hours: tuple[float, float]
) -> Drive:
    """Sets a phone's exported history beside the simulation, after a run that it listened to.

    Args:
        scenario: the one that was played, with the same settings.
        run: the run's directory.
        history: the phone's ``data_trace.txt``.
        source: its name, for errors.
        hours: as in the run.

    Raises:
        InputError: the directory is not of such a run.
        FormatError: the history is at fault.
    """
    try:
        document = json.loads((run / RUN_FILE).read_text(encoding="utf-8"))
        levels, played = document["levels"], document["played"]
        plan = make_plan(
            scenario,
            int(document["seed"]),
            [float(x) for x in levels],
            person=int(document["person"]),
            hours=hours,
            speed=float(document["speed"]),
            distance_m=float(document["distance_m"]),
        )
        same = plan.timeline.start_s.tolist() == document["start_s"]
    except OSError as error:
        raise InputError(f"{run / RUN_FILE}: cannot be read ({error.strerror})") from None
    except (KeyError, TypeError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise FormatError(f"{run / RUN_FILE}: not of a run ({error!r})") from None
    if document["scenario"] != scenario.name or not same:
        raise InputError(
            f"{run / RUN_FILE}: of scenario {document['scenario']!r} with other settings; give the same "
            "scenario, --set and --hours as in the run"
        )
    rows, _ = parse_history(history, source)
    out = []
    for entry in played:
        since = rows.time_ms / 1000 - float(entry["began_unix_s"])
        inside = np.flatnonzero((since >= 0) & (since < plan.timeline.played_s))
        sightings = Sightings(
            observer=np.full(len(inside), plan.person, np.int32),
            time_ms=plan.timeline.simulated_ms(since[inside]),
            identifier=rows.identifier[inside],
            rssi_dbm=rows.rssi_dbm[inside],
        )
        out.append(compare(plan, float(entry["level"]), plan.judge(sightings), len(inside)))
    return _summary(plan, out)
