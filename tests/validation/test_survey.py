"""The generated contacts as a diary, beside the survey's numbers."""

from __future__ import annotations

import json
from collections import Counter, defaultdict

import numpy as np
import pytest

import bluezone_sim as bz
from bluezone_sim.cli import main
from bluezone_sim.errors import InputError
from bluezone_sim.validation.contacts.diary import AGE_GROUPS, PLACES, keep_diary
from bluezone_sim.validation.contacts.survey import survey
from bluezone_sim.world import SETTINGS, Days, build_world, contact_model
from helpers.small import scenario


def test_the_diary_equals_counting_by_hand():
    s = scenario()
    world = build_world(s, 3)
    days = Days.look_back(s.date, 14, s.timezone)
    diary = keep_diary(world, s.contacts, days, world.n_people)
    rooms = ("school", "work", "transport", "leisure", "other")
    talking = s.contacts.model_copy(
        update={
            name: getattr(s.contacts, name).model_copy(update={"session_h": [0.0, 0.0]})
            for name in rooms
        }
    )
    c = contact_model(world, talking).contacts_of(np.arange(world.n_people, dtype=np.int32), days)
    time_s, met, pairs = Counter(), defaultdict(set), defaultdict(set)
    for a, b, start, length, setting in zip(
        *(x.tolist() for x in (c.a, c.b, c.start_s, c.duration_s, c.setting)), strict=True
    ):
        day = int(np.searchsorted(days.start_s, start, side="right")) - 1
        time_s[a, b, day, setting] += length
        met[a, day].add(b)
        pairs[a, b].add(day)
    for a in range(world.n_people):
        assert diary.people_met[a].tolist() == [len(met[a, d]) for d in range(14)]
    place = {"household": "home", "neighbours": "home"}
    counts, durations = Counter(), Counter()
    for (_, _, _, setting), length in time_s.items():
        where = place.get(SETTINGS[setting], SETTINGS[setting])
        counts[where] += 1
        durations[where, sum(length >= edge for edge in (300, 900, 3600, 14400))] += 1
    for k, where in enumerate(PLACES):
        assert diary.by_place[k] == pytest.approx(counts[where] / world.n_people / 14)
        for j in range(5):
            share = durations[where, j] / max(1, counts[where])
            assert diary.durations[k, j] == pytest.approx(share)
    often = sum(len(d) for d in pairs.values() if len(d) >= 9)
    assert diary.almost_daily == pytest.approx(often / sum(len(d) for d in pairs.values()))
    group = np.searchsorted(AGE_GROUPS, world.age, side="right") - 1
    want = np.zeros((7, 7))
    for (a, b), on in pairs.items():
        want[group[a], group[b]] += len(on) / 14
    want /= np.bincount(group, minlength=7)[:, None]
    assert np.allclose(diary.ages, want)


def town(**changes):
    return bz.load(
        "yen-bai-2020",
        {
            "population.people": 40_000,
            "population.smartphones": 20_000,
            "adoption.levels": [0.5],
            "population.districts": [{"name": "A", "people": 40_000, "urban_share": 0.2}],
            **changes,
        },
    )


def test_generated_contacts_pass():
    result = survey(town(), 1, threads=2)
    assert result.passed, [c for c in result.checks if not c.passed]
    assert result.diary.assortativity > 1.2
    # Sundays have no school and no work.
    sundays = result.diary.by_day[[3, 10]]
    assert sundays.max() < np.delete(result.diary.by_day, [3, 10]).min()


@pytest.mark.slow
def test_other_contacts_fail():
    off = survey(town(**{"contacts.school.tie": 0.9}), 1)
    assert not off.passed
    assert "contacts a day, school" in [c.name for c in off.checks if not c.passed]
    with pytest.raises(InputError, match="read from a trace"):
        survey(bz.load("workplace-trace"), 1)


def test_the_command(tmp_path, capsys):
    path = tmp_path / "town.toml"
    path.write_text(bz.scenario.resolved_toml(town()), encoding="utf-8")
    out = tmp_path / "out"
    assert main(["validate", "contacts", str(path), "--json", "--out", str(out)]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["passed"]
    assert json.loads((out / "contacts.json").read_text()) == document
    assert (out / "contacts.png").read_bytes()[:4] == b"\x89PNG"
    assert main(["validate", "contacts", str(path), "--out", str(out)]) == 2
    assert "exists already" in capsys.readouterr().err
    few = ["--set", "contacts.household.meet=0.4"]
    assert main(["validate", "contacts", str(path), *few]) == 1
    said = capsys.readouterr()
    assert "off" in said.out
    assert "contacts a day, home is" in said.err
