"""The vectorised radio agrees with the event engine in distribution.

Two samples of contacts, one an engine, with seeds of their own; ``verification.py`` draws the same
comparison over the whole grid. With Bonferroni's correction over all tests of all cells the chance that
an honest pair of engines fails anywhere is below 1 %; the seeds are fixed.
"""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from bluezone_sim.radio.parameters import app_of
from bluezone_sim.scenario.profiles import load_profile
from bluezone_sim.scenario.schema.phones import Phones as PhonesTable
from verification.radio_cells import CELLS, by_events, by_vectors, compare

FAMILY_ALPHA = 0.01
#: Cells of the default suite: each protocol, both platforms, strong and weak, short and long.
PICKED = (
    "bluezone, 2 m, 1 min",
    "bluezone, 8 m, 15 min",
    "bluezone, Android hears iOS",
    "gaen, 2 m, 3 min",
    "gaen, iOS hears Android",
    "dp3t, 15 m, 4 min",
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


@pytest.mark.slow
def test_a_room_of_iphones_waits_for_its_reads():
    """The queue in a crowd is an approximation: shares within 0.04, records within 8 %."""
    cell = next(c for c in CELLS if c.name == "bluezone, 20 iPhones")
    a, b = by_events(cell, 120, 5), by_vectors(cell, 10_000, 6)
    assert abs((a.records > 0).mean() - (b.records > 0).mean()) < 0.04
    assert a.records.mean() == pytest.approx(b.records.mean(), rel=0.08)


def test_pauses_without_memory_are_as_good_as_gaens():
    """Scans that start at k periods plus a uniform, beside pauses that are each a uniform: the number of
    scans that a contact meets and the time to the first; 100,000 drawn contacts leave 0.007."""
    rng = np.random.default_rng(3)
    does = load_profile("gaen").android.background
    table = PhonesTable()
    app = app_of(load_profile("gaen"), table)
    period, jitter = app.scan_period_ms[0] / 1000, app.scan_jitter_ms[0] / 1000
    factor = does.pause_factor(table.screen_on_share, table.audio_share)
    n = 100_000
    for duration in (60, 180, 900):
        k = np.arange(-2, int(duration / period) + 2)
        phase = rng.random((n, 1)) * period
        without = phase + k * period + rng.random((n, len(k))) * jitter
        pauses = (
            does.scan_pause_s - rng.random((n, len(k) + 12)) * does.scan_pause_jitter_s
        ) * factor
        walk = -(5 + rng.random((n, 1))) * period + np.cumsum(does.scan_on_s + pauses, axis=1)
        counts, firsts = [], []
        for start in (without, walk):
            meets = (start < duration) & (start + does.scan_on_s > 0)
            counts.append(np.bincount(meets.sum(axis=1), minlength=8)[:8] / n)
            firsts.append(np.where(meets, np.maximum(start, 0), np.inf).min(axis=1))
        assert np.abs(counts[0] - counts[1]).sum() / 2 < 0.012
        assert stats.ks_2samp(*firsts).statistic < 0.012
