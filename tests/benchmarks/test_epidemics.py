"""``bench epidemic``: what it measures, and the command."""

from __future__ import annotations

import json

import pytest

from bluezone_sim import cli
from bluezone_sim.benchmarks import epidemics, whole_runs


def test_an_epidemic_is_measured_by_part(monkeypatch):
    monkeypatch.setattr(epidemics, "_FEW", 1_500)
    monkeypatch.setattr(epidemics, "_FEW_DAYS", 5)
    figure = epidemics.measure_here(1_500, 20, 2)
    assert (figure.people, figure.days, figure.arms, figure.threads) == (1_500, 20, 7, 2)
    assert min(figure.parts_s.values()) > 0
    assert 0.8 * figure.seconds < sum(figure.parts_s.values()) <= figure.seconds * 1.001
    assert figure.person_days_per_s == pytest.approx(1_500 * 20 * 7 / figure.seconds)
    without, with_app = figure.attack_rate
    assert without >= with_app > 10 / 1_500


def test_the_command_measures_a_curve_beside_a_peer(monkeypatch, capsys):
    def apart(people, days, threads):
        parts = dict.fromkeys(epidemics.PARTS, 2.0)
        return epidemics.EpidemicFigure(
            people, days, 7, 2, 0.5, 6.0, people * 3.0, parts, 1_057.0, (0.4, 0.3)
        )

    def peer(people, days, python):
        return whole_runs.PeerFigure("Covasim 4", people, days, 1.0, 99.0, people * 1.5, 1_500.0)

    monkeypatch.setattr(epidemics, "measure_apart", apart)
    monkeypatch.setattr(whole_runs, "measure_peer", peer)
    assert cli.main(["bench", "epidemic", "--curve", "--peer", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [f["people"] for f in found["epidemics"]] == list(epidemics.CURVE)
    assert (found["peer"]["people"], found["peer"]["days"]) == (1_000_000, epidemics.DAYS)
    assert cli.main(["bench", "epidemic", "--people", "1000000", "--peer"]) == 0
    shown = capsys.readouterr().out
    assert "3.00" in shown
    assert "no phones" in shown
