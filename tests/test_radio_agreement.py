"""The vectorised radio agrees with the event engine in distribution.

Two samples of contacts, one an engine, with seeds of their own; ``verification.py`` draws the same
comparison over the whole grid. With Bonferroni's correction over all tests of all cells the chance that
an honest pair of engines fails anywhere is below 1 %; the seeds are fixed.
"""

from __future__ import annotations

import pytest
from radio_cells import CELLS, by_events, by_vectors, compare

FAMILY_ALPHA = 0.01
#: Cells of the default suite: each protocol, both platforms, strong and weak, short and long, a crowd.
PICKED = (
    "bluezone, 2 m, 1 min",
    "bluezone, 8 m, 15 min",
    "bluezone, Android hears iOS",
    "gaen, 2 m, 3 min",
    "gaen, iOS hears Android",
    "dp3t, 15 m, 4 min",
    "bluezone, 40 phones",
    "bluezone, phones come and go, 1 h",
)
CONTACTS = 80
_TESTS = 5 * len(PICKED)


@pytest.mark.parametrize("cell", [c for c in CELLS if c.name in PICKED], ids=lambda c: c.name)
def test_engines_agree(cell):
    found = compare(by_events(cell, CONTACTS, 5), by_vectors(cell, 10_000, 6))
    assert min(found.values()) > FAMILY_ALPHA / _TESTS, found


def test_engines_that_differ_are_told_apart():
    """The comparison has the power to fail: 3 dB, or a scan of 30 s in place of 40 s."""
    cell = next(c for c in CELLS if c.name == "bluezone, 2 m, 1 min")
    other = type(cell)(cell.name, duration_s=60, radio={"scan_on_s": 10.0, "scan_period_s": 300.0})
    found = compare(by_vectors(other, 400, 5), by_vectors(cell, 10_000, 6))
    assert min(found.values()) < FAMILY_ALPHA / _TESTS
    weaker = type(cell)(cell.name, duration_s=900, radio={"attenuation_1m_db": 59.2})
    usual = type(cell)(cell.name, duration_s=900)
    found = compare(by_vectors(weaker, 400, 5), by_vectors(usual, 10_000, 6))
    assert found["rssi"] < FAMILY_ALPHA / _TESTS


def test_a_room_of_iphones_waits_for_its_reads():
    """The queue in a crowd is an approximation: shares within 0.04, records within 8 %."""
    cell = next(c for c in CELLS if c.name == "bluezone, 20 iPhones")
    a, b = by_events(cell, 120, 5), by_vectors(cell, 10_000, 6)
    assert abs((a.records > 0).mean() - (b.records > 0).mean()) < 0.04
    assert a.records.mean() == pytest.approx(b.records.mean(), rel=0.08)
