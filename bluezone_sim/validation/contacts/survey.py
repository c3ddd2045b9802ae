"""Generated contacts beside the diary survey of rural north Vietnam (Horby et al. 2011)."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from ..._version import NUMERIC_VERSION, SCHEMA_VERSION
from ...errors import InputError
from ...files import write_folder
from ...report.figures import BLUE, GREEN, canvas
from ...scenario.model import Scenario
from ...tables.table import Table
from ...world import Days, build_world
from .diary import AGE_GROUPS, FORTNIGHT, PLACES, Diary, keep_diary

#: The survey: 865 people, 6,675 contacts, each of one day.
MEAN, VARIANCE = 7.72, 14.9
QUANTILES = {5: 4, 25: 5, 50: 7, 75: 9, 95: 14}
#: Contacts by place over the 865 people; those outside are 2.68 a day, and a contact may have two.
_CONTACTS = {
    "home": 4358,
    "school": 848,
    "work": 666,
    "transport": 240,
    "leisure": 111,
    "other": 309,
}
_OUTSIDE = 2.68
#: Shares of < 5 min, 5-15 min, 15 min-1 h, 1-4 h, > 4 h, rounded in the source: normalised.
DURATIONS = {
    "home": (0.14, 0.12, 0.07, 0.05, 0.62),
    "school": (0.02, 0.05, 0.15, 0.20, 0.58),
    "work": (0.07, 0.11, 0.26, 0.25, 0.31),
    "transport": (0.43, 0.35, 0.16, 0.04, 0.02),
    "leisure": (0.04, 0.30, 0.42, 0.22, 0.02),
    "other": (0.05, 0.18, 0.59, 0.17, 0.02),
}
DURATION_NAMES = ("< 5 min", "5-15 min", "15 min-1 h", "1-4 h", "> 4 h")
ALMOST_DAILY = 0.79
#: How far generated may be from measured: means and the variance relatively, shares in points.
TOLERANCE = {"mean": 0.05, "variance": 0.25, "quantile": 1.0, "place": 0.15, "duration": 0.05,
             "repeated": 0.05}  # fmt: skip
#: Participants of the generated survey: their number makes its own error small beside the tolerance.
PARTICIPANTS = 8000


@dataclass(frozen=True)
class Check:
    """One number of the survey.

    Attributes:
        name: what.
        measured, generated: the survey's and ours.
        low, high: what ours may be.
    """

    name: str
    measured: float
    generated: float
    low: float
    high: float

    @property
    def passed(self) -> bool:
        """Ours is within the tolerance."""
        return self.low <= self.generated <= self.high


@dataclass(frozen=True, eq=False)
class Survey:
    """Generated contacts beside the survey's."""

    scenario: str
    seed: int
    participants: int
    diary: Diary
    checks: tuple[Check, ...]

    @property
    def passed(self) -> bool:
        """Every number is within its tolerance."""
        return all(check.passed for check in self.checks)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types."""
        return {
            "schema_version": SCHEMA_VERSION,
            "numeric_version": NUMERIC_VERSION,
            "scenario": self.scenario,
            "seed": self.seed,
            "participants": self.participants,
            "passed": self.passed,
            "tolerance": TOLERANCE,
            "checks": [
                {**asdict(c), "high": None if np.isinf(c.high) else c.high, "passed": c.passed}
                for c in self.checks
            ],
            "age_groups_from": list(AGE_GROUPS),
            "people_met_by_age": self.diary.ages.round(4).tolist(),
            "people_met_by_day": self.diary.by_day.round(4).tolist(),
        }


def survey(scenario: Scenario, seed: int, *, threads: int = 1) -> Survey:
    """Sets a scenario's contacts beside the survey's.

    Raises:
        InputError: the scenario reads its contacts from a trace, or has fewer people than are asked.
    """
    if scenario.trace is not None:
        raise InputError(
            f"{scenario.name}: its contacts are read from a trace; what is compared here is generated"
        )
    world = build_world(scenario, seed)
    days = Days.look_back(scenario.date, FORTNIGHT, scenario.timezone)
    n = min(PARTICIPANTS, world.n_people)
    diary = keep_diary(world, scenario.contacts, days, n, threads=threads)
    return Survey(scenario.name, seed, n, diary, tuple(_checks(diary)))


def _checks(diary: Diary) -> Iterator[Check]:
    counts = diary.people_met.ravel()
    yield _relative("people met a day, mean", MEAN, float(counts.mean()), "mean")
    yield _relative("people met a day, variance", VARIANCE, float(counts.var()), "variance")
    for q, value in QUANTILES.items():
        got = float(np.percentile(counts, q, method="inverted_cdf"))
        name = f"people met a day, {q} % quantile"
        yield Check(name, value, got, value - TOLERANCE["quantile"], value + TOLERANCE["quantile"])
    outside = sum(n for place, n in _CONTACTS.items() if place != "home")
    for k, place in enumerate(PLACES):
        scale = 1 / 865 if place == "home" else _OUTSIDE / outside
        measured = _CONTACTS[place] * scale
        yield _relative(f"contacts a day, {place}", measured, float(diary.by_place[k]), "place")
    for k, place in enumerate(PLACES):
        shares = np.array(DURATIONS[place]) / sum(DURATIONS[place])
        for name, share, got in zip(DURATION_NAMES, shares, diary.durations[k], strict=True):
            yield _share(f"duration, {place}, {name}", float(share), float(got), "duration")
    yield _share("met daily or almost", ALMOST_DAILY, diary.almost_daily, "repeated")
    # The survey calls mixing assortative by age; no number of it is at hand, so only the sense counts.
    yield Check("within the own age group, over chance", 1.0, diary.assortativity, 1.0, np.inf)


def _relative(name: str, measured: float, generated: float, kind: str) -> Check:
    t = TOLERANCE[kind]
    return Check(name, measured, generated, measured * (1 - t), measured * (1 + t))


def _share(name: str, measured: float, generated: float, kind: str) -> Check:
    t = TOLERANCE[kind]
    return Check(name, measured, generated, measured - t, measured + t)


# -- output ------------------------------------------------------------------------------------------


def table(result: Survey) -> Table:
    """Every number."""
    rows = [
        [
            c.name,
            f"> {c.measured:g}" if np.isinf(c.high) else f"{c.measured:.3g}",
            f"{c.generated:.3g}",
            f"{c.low:.3g} up" if np.isinf(c.high) else f"{c.low:.3g} to {c.high:.3g}",
            "" if c.passed else "off",
        ]
        for c in result.checks
    ]
    heads = ["", "measured", "generated", "may be", ""]
    return Table.of_text("Generated contacts beside the diary survey", heads, rows, 1)


def figure_png(result: Survey) -> bytes:
    """Numbers of contacts, durations by place, ages of those who meet."""
    out = io.BytesIO()
    with canvas("#222222", 12.0, 4.0, panels=3) as (figure, (left, middle, right)):
        counts = result.diary.people_met.ravel()
        share = 100 * np.bincount(np.minimum(counts, 25), minlength=26) / len(counts)
        left.bar(range(26), share, color=GREEN, label="generated")
        for q, value in QUANTILES.items():
            left.axvline(value, color=BLUE, lw=1, label="survey's quantiles" if q == 5 else None)
        left.set_xlabel("people met a day")
        left.set_ylabel("person-days (%)")
        left.legend(fontsize=8)
        names, low = [], np.zeros(2 * len(PLACES))
        both = []
        for k, place in enumerate(PLACES):
            both += [np.array(DURATIONS[place]) / sum(DURATIONS[place]), result.diary.durations[k]]
            names += [f"{place}, survey", "generated"]
        shades = ("#deebf7", "#9ecae1", "#6baed6", "#3182bd", "#08519c")
        for j, (name, colour) in enumerate(zip(DURATION_NAMES, shades, strict=True)):
            width = 100 * np.array([row[j] for row in both])
            middle.barh(range(len(names)), width, left=low, color=colour, label=name)
            low += width
        middle.set_yticks(range(len(names)), names, fontsize=7)
        middle.invert_yaxis()
        middle.set_xlabel("contacts by duration (%)")
        middle.legend(fontsize=7, ncols=3, loc="lower center", bbox_to_anchor=(0.5, 1.0))
        shown = right.imshow(result.diary.ages, origin="lower", cmap="viridis")
        labels = [f"{a}–{b - 1}" for a, b in pairwise(AGE_GROUPS)]
        labels.append(f"{AGE_GROUPS[-1]}+")
        right.set_xticks(range(len(labels)), labels, fontsize=7)
        right.set_yticks(range(len(labels)), labels, fontsize=7)
        right.set_xlabel("age of those met")
        right.set_ylabel("age")
        right.grid(visible=False)
        figure.colorbar(shown, ax=right, label="people met a day", shrink=0.8)
        figure.savefig(out, format="png", dpi=130, metadata={"Software": None})
    return out.getvalue()


def save(result: Survey, out: Path) -> Path:
    """Writes ``contacts.json`` and ``contacts.png`` to a folder that appears whole or not at all.

    Raises:
        InputError: the folder exists, or cannot be made.
    """
    text = json.dumps(result.to_dict(), indent=2, allow_nan=False) + "\n"
    files = {"contacts.json": text.encode(), "contacts.png": figure_png(result)}
    return write_folder(out, files, "validation of contacts")
