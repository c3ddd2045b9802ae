"""What a package outside may bring: a rule, two sources of contacts, an intervention."""

from __future__ import annotations

import datetime as dt

import numpy as np
from pydantic import Field

from bluezone_sim.scenario.values import (
    ContactSource,
    Intervention,
    MeasureTable,
    RiskRule,
    RuleTable,
    TomlTable,
)
from bluezone_sim.tables.metrics import Metric
from bluezone_sim.tables.words import SHARE

DAY_0 = dt.date(1970, 1, 1)


class RecordsADay(RuleTable):
    """So many strong records on one day warn."""

    records: int = Field(2, ge=1, description="records on one local day")
    at_least_dbm: float = Field(-90.0, description="weaker ones do not count")


def strong(p, records):
    return (records.rssi_dbm >= p.at_least_dbm).astype(np.float64)


def enough(p, days):
    return (days.records >= p.records) & (days.near_s > 0)


RECORDS_A_DAY = RiskRule(
    "records-a-day",
    "strong records of a day",
    "the pond",
    RecordsADay,
    weigh=strong,
    enough=enough,
    needs="rssi",
    version="1.0",
    date=dt.date(2020, 6, 1),
)


class Ring(TomlTable):
    """Everybody meets both neighbours in a ring."""

    minutes: int = Field(ge=1, le=600, description="a day with each")
    distance_m: float = Field(1.0, gt=0)


def ring(world, contacts):
    return pond_contacts().RingModel(world.n_people, contacts.parameters)


RING = ContactSource("ring", "neighbours in a ring", "the pond", bind=ring, parameters=Ring)


class Seats(TomlTable):
    """People who sit side by side."""

    people: int = Field(ge=2, description="how many")


def seats(world, contacts):
    return pond_contacts().RingModel(world.n_people, Ring(minutes=120))


def people(contacts, timezone, seed):
    return pond_contacts().people(contacts.parameters.people)


TABLES = ContactSource(
    "tables", "people at tables of four", "the pond", bind=seats, parameters=Seats, people=people
)


class OneDay(MeasureTable):
    """Everybody of the target installs on one day, and all leave on another."""

    on: dt.date = Field(description="day on which they install")
    off: dt.date | None = Field(None, description="day on which they leave; by default they stay")
    one_in: int = Field(1, ge=1, description="one in so many smartphone owners")


def one_day(p, world, runs, occasion):
    install, leave = runs.install_day.copy(), runs.leave_day.copy()
    who = np.flatnonzero(world.owner & (runs.by < -1))[:: p.one_in]
    install[who] = (p.on - DAY_0).days
    if p.off is not None:
        leave[who] = (p.off - DAY_0).days
    return install, leave


ONE_DAY = Intervention("one-day", "all on one day", "the pond", OneDay, apply=one_day)


def f_score(found):
    precision, recall = found.level.precision, found.level.recall
    return None if not precision or not recall else 2 / (1 / precision + 1 / recall)


F_SCORE = Metric("f_score", "F score", "F\nscore", SHARE, "higher", measure=f_score)


def pond_contacts():
    """What needs the simulator's own code, which a scenario is read without."""
    import pond_contacts

    return pond_contacts
