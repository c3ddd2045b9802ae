"""Distributions are drawn as densities: bars as high as values are dense."""

from __future__ import annotations

import re

import numpy as np
import pytest
from matplotlib.figure import Figure

from bluezone_sim.report.charts import histogram_chart
from bluezone_sim.report.figures import draw_histogram
from bluezone_sim.tables.rows import Histogram

UNEVEN = np.array([0, 0.5, 1, 2, 3, 4, 6, 8, 12, 18, 24, 36, 48, 72], np.float64)


def exponential(edges, mean=8.0, n=1e6):
    """Expected counts of an exponential."""
    counts = np.round(-n * np.diff(np.exp(-edges / mean))).astype(np.int64)
    return Histogram("waiting", "h", edges, {"all": counts})


def test_density_is_share_per_unit():
    h = Histogram(
        "x", "min", np.array([0.0, 1.0, 4.0]), {"a": np.array([1, 3]), "b": np.zeros(2, int)}
    )
    assert h.density("a").tolist() == [0.25, 0.25]
    assert (h.density("a") * np.diff(h.edges)).sum() == 1
    assert (h.shares("b"), h.density("b")) == (None, None)
    assert not h.even
    assert Histogram("x", "dBm", np.arange(-110, -24, 5.0), {}).even


def chart_heights(h):
    """Heights of the steps of the first line, bottom of the chart less their y."""
    svg = histogram_chart(h, "")
    path = re.search(r'class="line c0" d="M([\d.]+) ([\d.]+)((?:V[\d.]+H[\d.]+)+)', svg)
    steps = [tuple(map(float, s)) for s in re.findall(r"V([\d.]+)H([\d.]+)", path[3])]
    return np.array([float(path[2]) - y for y, _ in steps]), np.array([x for _, x in steps])


@pytest.mark.parametrize("edges", [UNEVEN, UNEVEN[1:], np.linspace(0, 40, 21)])
def test_an_exponential_falls_all_the_way(edges):
    h = exponential(edges)
    if edges is UNEVEN:  # its shares have more than one peak
        assert (np.diff(np.sign(np.diff(h.shares("all")))) != 0).sum() > 1
    heights, right = chart_heights(h)
    assert len(heights) == len(edges) - 1
    assert np.all(np.diff(heights) <= 0.051)  # rounded to 0.1
    assert heights[0] > 3 * heights[-1]
    assert np.all(np.diff(right) > 0)
    axes = Figure().subplots()
    draw_histogram(axes, h)
    values, places, _ = axes.patches[0].get_data()
    assert np.all(np.diff(values) < 0)
    assert places.tolist() == edges.tolist()


def test_an_even_density_is_flat():
    edges = np.array([0, 1, 5, 20, 100.0])
    heights, _ = chart_heights(Histogram("x", "min", edges, {"a": np.diff(edges).astype(int)}))
    assert np.ptp(heights) == 0


def test_an_empty_series_has_a_dash():
    h = Histogram(
        "x", "min", np.array([1.0, 2.0, 4.0]), {"a": np.array([1, 2]), "b": np.zeros(2, int)}
    )
    svg = histogram_chart(h, "")
    assert "– (0)" in svg
    assert 'class="line c1"' not in svg
