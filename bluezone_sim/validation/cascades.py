"""Cascades of warnings that were measured in the field, and the same steps of a scenario beside them.

Each app is followed with its own protocol and rule in one scenario's population, at the share of people
who used it where it was measured. Nothing is fitted, and nothing judged: people meet others more or less
often elsewhere, so that the steps compare and no single number does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

from .._version import NUMERIC_VERSION, SCHEMA_VERSION
from ..errors import InputError
from ..matching.warnings import consents
from ..scenario.loading import point_scenario
from ..scenario.model import Scenario
from ..simulation.engine import run
from ..simulation.evaluating import index_cases
from ..tables.table import Column, Table
from ..tables.words import percent
from ..world import build_world


@dataclass(frozen=True)
class Steps:
    """Steps of a cascade; None where one is not known.

    Attributes:
        with_app: share of cases who run the app.
        published: share of those of which something is published.
        notified: people notified for each case of which something is published.
        sensitivity: share of close contacts who run the app, of cases who do, that are notified.
        precision: share of those notified who are close contacts.
    """

    with_app: float | None = None
    published: float | None = None
    notified: float | None = None
    sensitivity: float | None = None
    precision: float | None = None


@dataclass(frozen=True)
class FieldCascade:
    """What was measured of one app.

    Attributes:
        name: the app, and where.
        changes: dotted keys of a scenario that follow it.
        users: share of people who used it.
        measured: its steps.
        source: of all that.
    """

    name: str
    changes: dict[str, Any]
    users: float
    measured: Steps
    source: str


#: In the order in which they are told.
FIELD = (
    FieldCascade(
        "NHS COVID-19, England and Wales",
        {"protocol.name": "gaen", "rule.name": "nhs-covid-19"},
        0.28,
        Steps(published=3.2 / 4.4, notified=4.2),
        "Wymant et al. 2021: users are 28 % of people, 4.2 notifications a case that consents; its "
        "preprint has 3.2 a case and 4.4 a consenting one",
    ),
    FieldCascade(
        "Radar COVID, La Gomera",
        {"protocol.name": "gaen", "rule.name": "swisscovid"},
        0.33,
        Steps(published=0.64, notified=6.3),
        "Rodríguez et al. 2021: simulated infections, all of users; adoption 33 %, 213 of 349 and 38 of "
        "43 declare themselves, 64 % over all; its rule is not published, SwissCovid's stands in "
        "(assumed)",
    ),
    FieldCascade(
        "COVIDSafe, New South Wales",
        {
            "protocol.name": "bluetrace",
            "publication.upload": "history",
            "rule.name": "covidsafe",
        },
        0.22,
        Steps(with_app=137 / 619, notified=205 / 137, sensitivity=35 / 236, precision=79 / 205),
        "Vogt et al. 2022: 137 of 619 cases used it, 205 contacts suggested, 79 of them close; 35 of 236 "
        "close contacts with the app found; people who used it taken as its share of cases",
    ),
    FieldCascade(
        "SwissCovid, Zurich",
        {"protocol.name": "gaen", "rule.name": "swisscovid"},
        0.189,
        Steps(published=324 / 537, notified=1374 / 324),
        "Menges et al. 2021: September 2020, 537 users tested positive, 324 entered a code, 1,374 were "
        "notified and 30 of them tested positive; 18.9 % of people used it on 10 September "
        "(Salathé et al. 2020)",
    ),
    FieldCascade(
        "TousAntiCovid, France",
        {
            "protocol.name": "robert",
            "publication.upload": "history",
            "rule.name": "tousanticovid",
        },
        0.11,
        Steps(notified=15_306 / 52_350),
        "counts that the app published in November 2020: 52,350 declared themselves, 15,306 were "
        "notified; 7.3 million activations, of 67 million people, on the 3rd, more than used it",
    ),
)


@dataclass(frozen=True)
class CascadePair:
    """A cascade of the field and ours."""

    field: FieldCascade
    ours: Steps
    users: int
    cases: int


@dataclass(frozen=True)
class Cascades:
    """All of them, in one scenario's population."""

    scenario: str
    seed: int
    pairs: tuple[CascadePair, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types."""
        return {
            "schema_version": SCHEMA_VERSION,
            "numeric_version": NUMERIC_VERSION,
            "scenario": self.scenario,
            "seed": self.seed,
            "cascades": [
                {
                    "name": p.field.name,
                    "changes": p.field.changes,
                    "users": p.users,
                    "cases": p.cases,
                    "measured": asdict(p.field.measured),
                    "ours": asdict(p.ours),
                    "source": p.field.source,
                }
                for p in self.pairs
            ],
        }


def cascades(
    scenario: Scenario,
    seed: int,
    *,
    cases: int = 1000,
    threads: int | None = None,
    progress: Callable[[float, str], None] | None = None,
) -> Cascades:
    """Follows every app in a scenario's population.

    Args:
        scenario: its people, contacts, phones and radio; its course of cases.
        seed: of all draws.
        cases: index cases, at most as many as people.
        threads: threads to use.
        progress: called with the share done and the app that is next.

    Raises:
        InputError: the scenario has too few smartphones for one of the apps.
    """
    pairs = []
    for k, app in enumerate(FIELD):
        if progress is not None:
            progress(k / len(FIELD), app.name)
        pairs.append(_followed(scenario, app, seed, cases, threads))
    return Cascades(scenario.name, seed, tuple(pairs))


def _followed(
    scenario: Scenario, app: FieldCascade, seed: int, cases: int, threads: int | None
) -> CascadePair:
    people, owners = scenario.population.people, scenario.population.smartphones
    users, count = round(app.users * people), min(cases, people)
    if users > owners:
        raise InputError(
            f"{scenario.name}: {app.name} has {users:,} users, more than its {owners:,} smartphones; "
            "expected a scenario with more of them"
        )
    changes = {
        **app.changes,
        "adoption.levels": [{"users": users}],
        "adoption.draws": 0,
        "index_cases.count": count,
        "index_cases.f2_count": 0,
    }
    chosen = point_scenario(scenario.model_copy(update={"campaign": None}), changes)
    result = run(chosen, seed, threads=threads)
    world = build_world(chosen, seed)
    drawn = index_cases(seed, people, count)
    runs = world.rank[drawn] < users / owners
    publish = runs & consents(seed, drawn, chosen.publication)
    level = result.metrics[0]
    return CascadePair(
        field=app,
        ours=Steps(
            with_app=float(runs.mean()),
            published=_ratio(publish.sum(), runs.sum()),
            notified=_ratio(len(result.warnings), publish.sum()),
            sensitivity=_ratio(level.recall, level.share_both_have_app),
            precision=level.precision,
        ),
        users=users,
        cases=count,
    )


def _ratio(part: Any, whole: Any) -> float | None:
    return float(part / whole) if part is not None and whole else None


#: What each step is called, and how it is told.
_WORDS: dict[str, tuple[str, Callable[[Any], str]]] = {
    "with_app": ("cases who run the app", percent),
    "published": ("of those, published", percent),
    "notified": ("notified a published case", lambda v: "–" if v is None else f"{v:.2f}"),
    "sensitivity": ("of their close contacts with the app, notified", percent),
    "precision": ("of the notified, close contacts", percent),
}


def table(found: Cascades) -> Table:
    """A row a step: measured, and ours."""
    columns = (
        Column("app", left=True, wrap=True),
        Column("step", left=True, wrap=True),
        Column("measured"),
        Column("ours"),
    )
    return Table(
        f"Cascades of warnings in the field, and in the population of {found.scenario}",
        columns,
        tuple(_rows(found)),
        "Not fitted. Each app with its own protocol and rule, at the share of people who used it; people "
        "elsewhere meet others more or less often: compare the steps, not one number.",
    )


def _rows(found: Cascades) -> Iterator[tuple[str, ...]]:
    for pair in found.pairs:
        name = f"{pair.field.name} ({percent(pair.field.users)} of people)"
        for step, (words, told) in _WORDS.items():
            measured, ours = getattr(pair.field.measured, step), getattr(pair.ours, step)
            yield name, words, told(measured), told(ours)
            name = ""


def sources(found: Cascades) -> list[str]:
    """A line an app."""
    return [f"{pair.field.name}: {pair.field.source}." for pair in found.pairs]
