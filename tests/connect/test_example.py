"""The example of a disease of one's own: what the warnings change in it."""

from __future__ import annotations

import runpy

import numpy as np
import pytest

import bluezone_sim as bz
from bluezone_sim.connect import Arm, Town
from helpers.paths import ROOT

EXAMPLE = ROOT / "examples" / "own_disease.py"
APP = Arm(name="app", level=1.0, manual=False)


@pytest.fixture(scope="module")
def example() -> dict:
    return runpy.run_path(str(EXAMPLE))


@pytest.fixture(scope="module")
def town(example) -> Town:
    small = example["SMALL_TOWN"].replace("3_000", "1_000").replace("2_400", "800")
    return Town.build(bz.parse(small), days=45, threads=1)


def test_warnings_that_are_heeded_avert_infections(example, town):
    spread = example["spread"]
    ignored, heeded = spread(town, APP, 0.0), spread(town, APP, 1.0)
    without = spread(town, Arm(name="none", level=0.0, manual=False), 1.0)
    assert ignored == without  # the same draws, and nobody stays at home
    assert ignored > 400
    assert heeded < 0.5 * ignored


def test_the_docs_show_the_example_as_it_is():
    text = EXAMPLE.read_text(encoding="utf-8")
    code = text[text.index("def spread") : text.index("SMALL_TOWN")].rstrip()
    assert f"```python\n{code}\n```" in (ROOT / "docs" / "epidemics.md").read_text(encoding="utf-8")


def test_the_example_is_as_long_as_it_says():
    lines = EXAMPLE.read_text(encoding="utf-8").split("def spread")[1].split("\n\n\n")[0]
    assert len(lines.splitlines()) <= 30


def test_whole_days_have_the_pairs_of_everybodys_contacts(town):
    everybody = town.exposure(town.contacts(np.arange(town.world.n_people), 2))
    half = everybody.a < everybody.b
    pieces = town.whole_day(2, town.exposure)
    once = {}
    for piece in pieces:
        for a, b, minutes in zip(
            piece.a.tolist(), piece.b.tolist(), piece.minutes.tolist(), strict=True
        ):
            key = (min(a, b), max(a, b))
            once[key] = once.get(key, 0.0) + minutes
    rows = zip(
        everybody.a[half].tolist(),
        everybody.b[half].tolist(),
        everybody.minutes[half].tolist(),
        strict=True,
    )
    assert once == pytest.approx({(a, b): minutes for a, b, minutes in rows})
