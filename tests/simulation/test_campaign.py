"""Campaigns: who installs when, and what is found day by day, against a naive twin."""

from __future__ import annotations

import datetime as dt
import itertools
import json
import math
from collections import defaultdict
from dataclasses import replace

import numpy as np
import pytest

import bluezone_sim as bz
from bluezone_sim.cli import main
from bluezone_sim.errors import ScenarioError
from bluezone_sim.kernels.rng import key
from bluezone_sim.report.panels import panels, tables
from bluezone_sim.scenario.loading import validate
from bluezone_sim.simulation.campaign import ALL, NONE, SCATTERED, campaign_window, notified_on
from bluezone_sim.simulation.context import StageTimer
from bluezone_sim.tables.days import EPOCH
from bluezone_sim.world import build_world
from bluezone_sim.world.installs import installs, scattered
from bluezone_sim.world.runs import FIRST_USERS, NEVER, NOTHING, occupation_names, occupations
from helpers.campaigns import DATE, raw_campaign
from helpers.small import raw_scenario
from twins.day_loop import GOLDEN, MASK, Twin, draw, mix, unit

SEED = 5


@pytest.fixture(scope="module")
def base():
    s = validate(raw_campaign())
    return s, build_world(s, SEED)


# -- who installs when ---------------------------------------------------------------------------------


def naive_key(seed, purpose, *coordinates):
    """The stream's key, coordinate by coordinate."""
    h = key(seed, purpose)
    for c in coordinates:
        h = mix((h + (c & MASK) * GOLDEN) & MASK)
    return h


def naive_installs(s, world, without=()):
    """Person by person: {person: (install day, first day without, measure)}."""
    seed, today = world.seed, (s.date - EPOCH).days
    groups, out = world.groups.of, {}
    names = occupation_names(s.population)

    def occupation(p):
        team = int(groups[3, p])
        if team < 0:
            return "pupils" if groups[2, p] >= 0 else "others"
        u, edge = unit(draw(naive_key(seed, "occupation"), team)), 0.0
        for o in s.population.occupations:
            edge += o.team_share
            if u < edge:
                return o.name
        return "employees"

    owners = [p for p in range(world.n_people) if np.isfinite(world.rank[p])]
    for p in owners:
        if world.rank[p] < s.campaign.users / len(owners):
            u = unit(draw(naive_key(seed, "install"), p))
            points = [*sorted((-d, x) for d, x in s.campaign.history), (0, 1.0)]
            day = points[0][0]
            for (d0, x0), (d1, x1) in itertools.pairwise(points):
                if x0 < u <= x1:
                    day = math.ceil(d0 + (u - x0) / (x1 - x0) * (d1 - d0))
            out[p] = (today + day, FIRST_USERS)
    for m, measure in enumerate(s.campaign.measures):
        if m in without:
            continue
        queue = []
        for p in owners:
            if p in out:
                continue
            if measure.occupations is not None and occupation(p) not in measure.occupations:
                continue
            district = s.population.districts[world.zone[p]].name
            if measure.districts is not None and district not in measure.districts:
                continue
            if measure.ages and not measure.ages[0] <= world.age[p] < measure.ages[1]:
                continue
            if measure.urban is not None and world.urban[p] != measure.urban:
                continue
            own = draw(naive_key(seed, "install", m + 1), p)
            score, coin, low = own, unit(draw(naive_key(seed, "together", -1, m), p)), 0.0
            for k, (name, group) in enumerate(
                (("household", groups[0, p]), ("school", groups[2, p]), ("work", groups[3, p]),
                 ("district", world.zone[p]))
            ):  # fmt: skip
                share = getattr(measure.together, name)
                if low <= coin < low + share and group >= 0:
                    score = draw(naive_key(seed, "together", -1, m, k), int(group))
                low += share
            queue.append((score, own, p))
        n = round(measure.share * len(queue))
        start = (measure.start - EPOCH).days
        days = ((measure.end or measure.start) - measure.start).days + 1
        for k, (_, _, p) in enumerate(sorted(queue)[:n]):
            x = (k + 0.5) / n
            if measure.curve == "event":
                at = 0.0
            elif measure.curve == "linear":
                at = x
            elif measure.curve == "decay":
                at = -math.log(1 - x * (1 - math.exp(-3))) / 3
            else:
                at = 0.5 + math.log(x / (1 - x)) / (2 * math.log(0.98 / 0.02))
            out[p] = (start + min(max(math.floor(at * days), 0), days - 1), m)
    whole = {}
    for p, (day, m) in out.items():
        q = s.campaign.drop_out_per_day
        if m >= 0 and s.campaign.measures[m].drop_out_per_day is not None:
            q = s.campaign.measures[m].drop_out_per_day
        leave = int(NEVER)
        if q > 0:
            u = unit(draw(naive_key(seed, "drop_out"), p))
            leave = max(day, today) + 1
            while u >= 1 - (1 - q) ** (leave - max(day, today)):  # stays another day
                leave += 1
        whole[p] = (day, leave, m)
    assert names
    return whole


@pytest.mark.parametrize("without", [(), (0,), (1, 3), (0, 1, 2, 3)])
def test_installs_equal_those_of_the_twin(base, without):
    s, world = base
    plan = installs(s, world, without=frozenset(without))
    users = np.flatnonzero(plan.by != NOTHING)
    got = {
        p: (int(plan.install_day[p]), int(plan.leave_day[p]), int(plan.by[p]))
        for p in users.tolist()
    }
    assert got == naive_installs(s, world, without)
    nobody = plan.by == NOTHING
    assert (plan.install_day[nobody] == NEVER).all()
    if not without:
        assert set(plan.by.tolist()) == {NOTHING, FIRST_USERS, 0, 1, 2, 3}
        assert (plan.leave_day[users] < NEVER).any()


def test_measures_bring_who_they_say(base):
    s, world = base
    plan = installs(s, world)
    kind = np.array(occupation_names(s.population))[occupations(s.population, world)]
    day = {m.name: (plan.by == k) for k, m in enumerate(s.campaign.measures)}
    today = (DATE - EPOCH).days
    assert (plan.by == FIRST_USERS).sum() == 70
    # All officials with a smartphone have it at the end of the second day, and keep it.
    official = world.owner & (kind == "officials")
    had = plan.by == FIRST_USERS
    assert plan.users(today + 2)[official & ~had].all()
    assert plan.users(today + 4)[official & ~had].all()
    assert set(kind[day["orders"]]) == {"officials"}
    assert (world.zone[day["doors"]] == 0).all()
    assert world.age[day["doors"]].min() >= 18
    assert not world.urban[day["text"]].any()
    assert (plan.install_day[day["television"]] == today + 3).all()
    assert plan.users(today).sum() <= 70
    # Officials are whole work teams.
    team = world.groups.of[3]
    for t in np.unique(team[team >= 0]):
        assert len(set(kind[team == t])) == 1


def test_leaving_a_measure_out_leaves_the_others_their_draws(base):
    s, world = base
    whole, less = installs(s, world), installs(s, world, without=frozenset({3}))
    rest = whole.by != 3
    for a, b in ((whole.install_day, less.install_day), (whole.by, less.by)):
        assert np.array_equal(a[rest], b[rest])


def test_scattered_keeps_the_numbers_of_every_day(base):
    s, world = base
    plan = installs(s, world)
    other = scattered(plan, world)
    for day in range((DATE - EPOCH).days - 10, (DATE - EPOCH).days + 6):
        assert plan.users(day).sum() == other.users(day).sum()
    assert not np.array_equal(plan.install_day, other.install_day)
    assert world.owner[other.by != NOTHING].all()


# -- what is found ---------------------------------------------------------------------------------------


class CampaignTwin(Twin):
    """Histories that begin when a phone installs, keys that begin with it."""

    def plan_histories(self, plan, segments):
        out = defaultdict(list)
        for seg in segments:
            day = int(self.days.number[seg.day])
            if not all(plan.install_day[p] <= day < plan.leave_day[p] for p in (seg.a, seg.b)):
                continue
            for observer, emitter in ((seg.b, seg.a), (seg.a, seg.b)):
                for time_ms, _, rssi, _ in self.records(seg, observer, emitter):
                    utc, rest = divmod(time_ms, 86_400_000)
                    identifier = self.day_identifiers(emitter, utc)[rest // 900_000]
                    out[observer].append((identifier, time_ms, rssi))
        return out

    def told(self, plan, histories, cases, day):
        """{(case, person): told_s} of cases confirmed at the end of a day."""
        today, back = int(self.days.number[day]), self.back
        begin = int(self.days.start_s[day - back + 1])
        ends = [*self.days.start_s.tolist(), self.days.end_s]
        out = {}
        for case in cases:
            if not plan.install_day[case] <= today < plan.leave_day[case]:
                continue
            wanted = defaultdict(set)
            for utc in range(begin // 86_400, (ends[day + 1] - 1) // 86_400 + 1):
                for i, identifier in enumerate(self.day_identifiers(case, utc)):
                    wanted[identifier].add(utc * 86_400_000 + i * 900_000)
            found = defaultdict(list)
            for observer, rows in histories.items():
                if not plan.install_day[observer] <= today < plan.leave_day[observer]:
                    continue
                for identifier, time_ms, rssi in rows:
                    start = time_ms // 900_000 * 900_000
                    inside = begin * 1000 <= time_ms < ends[day + 1] * 1000
                    if inside and start in wanted.get(identifier, ()):
                        found[observer].append((time_ms, rssi))
            out.update({(case, p): t for p, t in self.warn(case, ends[day + 1], found).items()})
        return out


def hamlet(rule):
    """So few people that the twin follows them all."""
    return validate(
        raw_campaign(
            population={
                "people": 160, "smartphones": 130,
                "districts": [{"name": "A", "people": 90, "urban_share": 0.5},
                              {"name": "B", "people": 70}],
                "occupations": [{"name": "officials", "team_share": 0.4}],
            },
            campaign__users=40,
            campaign__until=DATE + dt.timedelta(days=3),
            index_cases={"count": 50, "f2_count": 0},
            rule={"name": rule},
        )
    )  # fmt: skip


def followed(rule):
    """(window, plan of installs, cases, twin) of the hamlet."""
    s = hamlet(rule)
    world = build_world(s, SEED)
    cases = np.arange(0, 160, 4, dtype=np.int32)
    span = campaign_window(s, world, cases, 2, StageTimer())
    plan = installs(s, world)
    twin = CampaignTwin(span.tracer.scenario, replace(world, install_day=plan.install_day))
    twin.back = s.look_back_days
    return span, plan, cases, twin


@pytest.fixture(scope="module")
def histories():
    """What the hamlet's phones hear, whatever the rule."""
    _, plan, _, twin = followed("any-match")
    return twin.plan_histories(plan, twin.segments())


@pytest.mark.parametrize("rule", ["any-match", "minutes-near"])
def test_warnings_of_a_campaign_equal_those_of_the_twin(rule, histories):
    span, plan, cases, twin = followed(rule)
    seen = set()
    for day in range(span.first, len(twin.days)):
        told = notified_on(span, plan, day)
        got = {
            (c, p): t
            for c, p, t in zip(
                told.index_case.tolist(), told.person.tolist(), told.told_s.tolist(), strict=True
            )
        }
        assert got == twin.told(plan, histories, cases.tolist(), day)
        seen |= set(got)
    assert len(seen) > 20


def test_a_campaign_from_end_to_end(base, tmp_path):
    s, world = base
    result = bz.run(s, SEED, threads=2)
    campaign = result.campaign
    assert campaign is not None
    names = [m.name for m in s.campaign.measures]
    assert campaign.arms == [ALL, SCATTERED, NONE, *(f"without {n}" for n in names)]
    everything, none = campaign.of(ALL), campaign.of(NONE)
    assert [row.date for row in everything] == [DATE + dt.timedelta(days=k) for k in range(5)]
    plan = installs(s, world)
    for row, base_row, random in zip(everything, none, campaign.of(SCATTERED), strict=True):
        assert row.users == plan.users((row.date - EPOCH).days).sum() == random.users
        assert row.users >= base_row.users
        assert row.recall <= row.share_both_have_app <= row.share_in_reach
        assert row.square_law == pytest.approx(row.users * (row.users - 1) / (300 * 299))
        assert row.recall_ci95[0] <= row.recall <= row.recall_ci95[1]
        # More users never lose a warning.
        assert row.recall >= base_row.recall
    for what in ("district", "group"):
        for row in everything:
            parts = [
                p for p in campaign.parts
                if (p.arm, p.what, p.date) == (ALL, what, row.date)
            ]  # fmt: skip
            assert sum(p.users for p in parts) == row.users
            found = sum(p.recall * p.n_risky_pairs for p in parts if p.n_risky_pairs)
            total = sum(p.n_risky_pairs for p in parts)
            assert found / total == pytest.approx(row.recall)
    assert dict(campaign.brought)["first users"] == 70
    assert len(list(tables(result))) >= 4
    assert "The campaign, day by day" in [p.title for p in panels(result)]
    assert json.loads(json.dumps(result.to_dict()))["campaign"]["cases"] == 120
    out = result.save(tmp_path / "run")
    assert (out / "campaign.parquet").exists()
    assert "With and without each measure" in (out / "report.html").read_text("utf-8")
    again = bz.run(s, SEED, threads=1)
    assert again.campaign == campaign


def test_levels_are_what_they_are_without_a_campaign(base):
    s, _ = base
    raw = raw_campaign()
    del raw["campaign"], raw["population"]["occupations"]
    assert repr(bz.run(validate(raw), SEED).metrics) == repr(bz.run(s, SEED).metrics)


def test_the_shipped_campaign_is_the_order_of_13_august():
    s = bz.load("yen-bai-campaign")
    assert s.campaign.users == 66_081
    officials = s.campaign.measures[0]
    assert officials.share == 1.0
    assert officials.end < dt.date(2020, 8, 16)
    world = build_world(s, s.seed)
    plan = installs(s, world)
    users = plan.users((dt.date(2020, 8, 20) - EPOCH).days).sum()
    assert users == pytest.approx(0.6 * 480_000, rel=0.005)
    assert plan.users((dt.date(2020, 8, 12) - EPOCH).days).sum() == 66_081
    assert bz.parse(bz.scenario.resolved_toml(s)) == s


def test_faults_of_a_campaign_are_found_at_once():
    raw = raw_campaign(
        campaign__users=500,
        campaign__history=[[2, 0.5], [9, 0.2]],
        campaign__drop_out=0.1,
        radio={"density": "on"},
    )
    one, two, three, four = raw["campaign"]["measures"]
    one |= {"occupations": ["oficials"], "start": DATE, "together": {"work": 0.7, "household": 0.5}}
    two |= {"ages": [70, 18], "end": DATE + dt.timedelta(days=1), "name": "orders"}
    three |= {"districts": ["C"], "start": DATE + dt.timedelta(days=9)}
    four |= {"end": DATE + dt.timedelta(days=3), "shre": 0.2}
    with pytest.raises(ScenarioError) as error:
        validate(raw)
    found = {f.path: str(f) for f in error.value.faults}
    assert "did you mean 'officials'" in found["campaign.measures[0].occupations"]
    assert "not after the scenario's date" in found["campaign.measures[0].start"]
    assert "add up to 1.2" in found["campaign.measures[0].together"]
    assert "from < up to" in found["campaign.measures[1].ages"]
    assert "is before the start" in found["campaign.measures[1].end"]
    assert "'orders' is there twice" in found["campaign.measures"]
    assert "there is no 'C'" in found["campaign.measures[2].districts"]
    assert "after campaign.until" in found["campaign.measures[2].start"]
    assert "has no effect" in found["campaign.measures[3].end"]
    assert "did you mean 'share'" in found["campaign.measures[3].shre"]
    assert "exceed the 220 smartphone owners" in found["campaign.users"]
    assert "drop_out_per_day" in found["campaign.drop_out"]
    assert "campaign.history" in found
    assert "crowds" in found["campaign"]
    raw = raw_scenario()
    raw["population"]["occupations"] = [
        {"name": "x", "team_share": 0.7},
        {"name": "y", "team_share": 0.7},
    ]
    with pytest.raises(ScenarioError, match=r"without a campaign(.|\n)*above 1"):
        validate(raw)


def test_the_command_prints_the_campaign(tmp_path, capsys):
    s = validate(raw_campaign())
    path = tmp_path / "c.toml"
    path.write_text(bz.scenario.resolved_toml(s), encoding="utf-8")
    assert main(["run", str(path), "--out", str(tmp_path / "run")]) == 0
    out = capsys.readouterr().out
    for part in (
        "The campaign, day by day",
        "without orders",
        "By district of the case",
        "officials",
    ):
        assert part in out
