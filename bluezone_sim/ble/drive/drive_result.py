"""What a drive found at each level, beside the simulation, and the file by which a phone's own history is
judged afterwards."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..._version import SCHEMA_VERSION
from ...captures.formats.parquet import write_sightings
from ...errors import InputError
from ...files import (
    DIGESTS,
    check_digests,
    check_growing,
    digest_of,
    list_files,
    make_folder,
    write_listed,
)
from ...protocols.bluezone.files import parse_history
from ...reading.bounded import reading_as
from ...reading.documents import read_json
from ...scenario.model import Scenario
from ...showing.visible import quoted
from ...tables.rows import Sightings
from ..sending.crowd import key_file, key_file_name
from .encounter_plan import EncounterPlan, Seen, make_plan

#: Name of the file that says how a run went, for judging a phone's history afterwards.
RUN_FILE = "drive.json"
#: What the digests of its folder call it.
HOLDS = "drive"


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


def compare(plan: EncounterPlan, level: float, air: Seen | None, packets: int) -> Level:
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


def summary(plan: EncounterPlan, rows: list[Level]) -> Drive:
    """A whole run of these levels."""
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


def check_out(out: Path, plan: EncounterPlan, levels: list[float]) -> None:
    """Raises InputError where a drive may not write to a directory; called before it begins."""
    system = plan.keys.protocol
    names = [RUN_FILE, *(level_file(level) for level in levels)]
    check_growing(out, HOLDS, [*names, key_file_name(system)] if system.files else names)


def level_file(level: float) -> str:
    """Name of the file of what was heard at an adoption level."""
    return f"level-{level:g}.parquet"


def write_run(
    out: Path, plan: EncounterPlan, played: list[dict[str, float]], levels: list[float]
) -> None:
    """What is needed to judge a phone's history later; the keys are the owner's alone."""
    document = {
        "schema_version": SCHEMA_VERSION,
        "digests": DIGESTS,
        "scenario": plan.tracer.scenario.name,
        "settings": _settings(plan.tracer.scenario),
        "seed": plan.tracer.world.seed,
        "person": plan.person,
        "speed": plan.timeline.speed,
        "distance_m": plan.distance_m,
        "iphones": plan.iphones,
        "start_s": plan.timeline.start_s.tolist(),
        "end_s": plan.timeline.end_s.tolist(),
        "levels": levels,
        "played": played,
    }
    files = {RUN_FILE: json.dumps(document, indent=1).encode()}
    system = plan.keys.protocol
    if system.files:
        files[key_file_name(system)] = key_file(system, plan.keys.published(plan.peers))
    write_listed(out, files, HOLDS, private=files.keys() - {RUN_FILE})


def write_level(out: Path, level: float, sightings: Sightings) -> None:
    """What was heard at a level; one of an earlier drive gives way."""
    name = level_file(level)
    make_folder(out)
    if (out / name).exists():
        list_files(out, {}, HOLDS, gone=[name])
    write_sightings(out / name, [sightings])
    list_files(out, {name: digest_of((out / name).read_bytes())}, HOLDS)


def _settings(scenario: Scenario) -> str:
    """A digest of all of a scenario's keys."""
    return hashlib.sha256(scenario.model_dump_json().encode()).hexdigest()


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
    again = "copy it again from where it came, or drive again"
    check_digests(run, HOLDS, RUN_FILE, lambda name: again)
    document = read_json(run / RUN_FILE)
    with reading_as("a run's", run / RUN_FILE):
        levels, played = document["levels"], document["played"]
        plan = make_plan(
            scenario,
            int(document["seed"]),
            [float(x) for x in levels],
            person=int(document["person"]),
            hours=hours,
            speed=float(document["speed"]),
            distance_m=float(document["distance_m"]),
            iphones=str(document["iphones"]),
        )
        same = document["settings"] == _settings(scenario)
        same &= plan.timeline.start_s.tolist() == document["start_s"]
        same &= document["scenario"] == scenario.name
        shifts = [(float(entry["level"]), float(entry["began_unix_s"])) for entry in played]
    if not same:
        raise InputError(
            f"{run / RUN_FILE}: of scenario {quoted(document['scenario'])} with other settings; give the "
            "same scenario, --set and --hours as in the run"
        )
    rows, _ = parse_history(history, source)
    out = []
    for level, began_s in shifts:
        since = rows.time_ms / 1000 - began_s
        inside = np.flatnonzero((since >= 0) & (since < plan.timeline.played_s))
        sightings = replace(
            rows.take(inside),
            observer=np.full(len(inside), plan.person, np.int32),
            time_ms=plan.timeline.simulated_ms(since[inside]),
        )
        out.append(compare(plan, level, plan.judge(sightings), len(inside)))
    return summary(plan, out)
