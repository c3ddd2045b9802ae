"""A day's contacts as edges, and which a stay at home prevents."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from bluezone_sim.connect import Town
from bluezone_sim.connect.edges import Edges, edges_of, remaining
from bluezone_sim.scenario.schema.epidemic import Transmission
from helpers.small import scenario

COUNTS = Transmission()


@pytest.fixture(scope="module")
def town() -> Town:
    return Town.build(scenario(), days=5, threads=1)


def table(edges: Edges) -> dict[tuple[int, int, bool], float]:
    out: dict[tuple[int, int, bool], float] = {}
    for a, b, minutes, home in zip(*(column.tolist() for column in edges), strict=True):
        out[a, b, home] = out.get((a, b, home), 0.0) + minutes
    return out


def naive(
    town: Town, people: list[int], day: int, cap: float
) -> dict[tuple[int, int, bool], float]:
    """Segment by segment."""
    c = town.contacts(np.array(people), day)
    out: dict[tuple[int, int, bool], float] = {}
    so_far: dict[tuple[int, int], float] = {}
    for i in range(len(c)):
        a, b, home = int(c.a[i]), int(c.b[i]), int(c.setting[i]) == 0
        d = float(c.distance_m[i])
        minutes = float(c.duration_s[i]) / 60 / max(1.0, d * d)
        if home:
            contact = int(c.contact[i]), a
            minutes = min(minutes, cap - so_far.get(contact, 0.0))
            so_far[contact] = so_far.get(contact, 0.0) + minutes
        out[a, b, home] = out.get((a, b, home), 0.0) + minutes
    return out


def test_edges_are_the_minutes_of_contacts(town):
    people = [3, 8, 40, 41]
    got = table(edges_of(town, np.array(people[::-1]), 2, COUNTS))
    expected = naive(town, people, 2, COUNTS.household_cap_min)
    assert got == pytest.approx(expected)
    assert {home for _, _, home in got} == {True, False}
    assert max(m for (_, _, home), m in got.items() if home) == COUNTS.household_cap_min


def test_many_and_few_have_the_same_edges(town):
    """Beyond a sixth of the people, everybody's contacts are made instead of theirs."""
    many = np.arange(0, town.world.n_people, 2)
    few = [edges_of(town, part, 1, COUNTS) for part in np.array_split(many, 5)]
    apart = table(Edges(*(np.concatenate(column) for column in zip(*few, strict=True))))
    together = edges_of(town, many, 1, COUNTS)
    assert table(together) == pytest.approx(apart)
    assert len(together.a) == len(apart)  # one edge, however often two meet


def test_nobody_meets_nobody(town):
    assert all(len(column) == 0 for column in edges_of(town, np.empty(0, np.int64), 1, COUNTS))


def test_a_stay_at_home_leaves_the_household_alone():
    edges = Edges(
        a=np.array([0, 0, 1, 1, 2], np.int32),
        b=np.array([1, 2, 3, 0, 3], np.int32),
        minutes=np.ones(5),
        household=np.array([False, True, False, True, False]),
    )
    at_home = np.array([True, False, False, False])
    assert remaining(edges, at_home, 0.25).tolist() == [0.0, 0.25, 1.0, 0.25, 1.0]
    assert remaining(edges, np.ones(4, np.bool_), 0.5).tolist() == [0, 0.5, 0, 0.5, 0]
    assert remaining(edges, np.zeros(4, np.bool_), 0.5).tolist() == [1, 1, 1, 1, 1]


def test_without_covasim_the_extra_is_named():
    code = (
        "import sys; sys.modules['covasim'] = None\n"
        "try:\n    import bluezone_sim.connect.covasim\n"
        "except ImportError as error:\n    print(error)"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "pip install 'bluezone-sim[epidemic]'" in out.stdout
