"""Figures of an epidemic: what they say, where nothing is drawn, and that no label covers another."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest

import bluezone_sim as bz
from bluezone_sim.analysis.epidemic.result import DAILY, ArmTally, Epidemic, Fitted
from bluezone_sim.analysis.epidemic.summary import ArmSummary, EpidemicResult
from bluezone_sim.epidemiology.ferretti import growth
from bluezone_sim.report.epidemic.arms import shown_arms
from bluezone_sim.report.epidemic.curves import week_mean
from bluezone_sim.report.epidemic.drawing import Drawing
from bluezone_sim.report.epidemic.effects import lines_of, pareto, side_by_side, square_law
from bluezone_sim.report.epidemic.figures import drawings
from bluezone_sim.report.epidemic.labels import spread
from bluezone_sim.report.epidemic.plane import place_of
from bluezone_sim.report.export import paper_figures, reports
from bluezone_sim.report.figures import canvas
from bluezone_sim.report.page.page import render
from bluezone_sim.simulation.epidemic.arms import arms_of
from bluezone_sim.storage.run_load import manifest_of
from helpers.page import Page
from helpers.small import scenario

FITTED = Fitted(2.87, 6.5, 0.4, 0.2, 0.4, 1e-3)
PEOPLE, DAYS = 1000, 20
#: name, level, finds, what else; then share averted, interval, days in quarantine, infected by the end.
ARMS = (
    ({"name": "by hand"}, None, None, 1.0, 400),
    ({"name": "app 40", "level": 0.4}, 0.1, (0.05, 0.15), 1.5, 360),
    ({"name": "app 80", "level": 0.8}, 0.4, (0.3, 0.5), 2.5, 240),
    (
        {"name": "random 80", "level": 0.8, "finds": "random", "as_many": "app 80"},
        *(0.15, (0.1, 0.2), 2.8, 340),
    ),
    ({"name": "risky", "level": 0.8, "finds": "risky"}, 0.35, (0.3, 0.4), 1.6, 260),
    ({"name": "F1 & <F2> $x$", "level": 0.8, "f2": True}, 0.42, (0.3, 0.5), 4.0, 232),
    (
        {"name": "all heed", "level": 0.4, "set": {"epidemic.behaviour.compliance": 1.0}},
        *(0.2, (0.1, 0.3), 2.0, 320),
    ),
    ({"name": "untraced", "manual": False}, -0.5, (-0.7, -0.3), 0.0, 600),
)
TOWN = scenario(
    epidemic={
        "days": DAYS,
        "behaviour": {"compliance": 0.5, "confirmed_isolate": 0.9},
        "arms": [arm for arm, *_ in ARMS],
    }
)


def summary(arm, averted=None, ends=None, days=0.0, over=0, n=2) -> ArmSummary:
    given = dict.fromkeys(ArmSummary.__dataclass_fields__)
    given |= {"name": arm.name, "level": arm.level, "finds": arm.finds, "day": DAYS, "over": over}
    given |= {"averted": averted, "averted_ci95": ends, "quarantine_days_per_person": days}
    return ArmSummary(**{**given, "extinct": 0, "attack_rate": 0.0, "warned_per_person": 0.0})


def tally(infected, by_case=20) -> ArmTally:
    """``infected`` people by the last day, ten of them elsewhere on the first; a quarter is known."""
    days = np.zeros((DAYS, len(DAILY)), np.int64)
    at = np.linspace(10, max(10, infected), DAYS).astype(np.int64) if infected else np.zeros(DAYS)
    days[:, 0] = np.diff(at, prepend=0)
    days[0, 1] = min(10, infected)
    days[-1, DAILY.index("known")] = infected // 4
    return ArmTally(days, False, 0, 0, None, 0, 0, 0, 0.0, 0, by_case)


def made(n_seeds=2, over=0) -> EpidemicResult:
    """All of :data:`ARMS`; seed by seed 40 people more are infected in every arm."""
    seeds = tuple(
        Epidemic(seed, PEOPLE, FITTED, tuple(tally(infected + 40 * seed) for *_, infected in ARMS))
        for seed in range(n_seeds)
    )
    arms = [
        summary(arm, averted, ends if n_seeds > 1 else None, days, over)
        for arm, (_, averted, ends, days, _) in zip(arms_of(TOWN), ARMS, strict=True)
    ]
    return EpidemicResult(seeds, tuple(arms))


def drawn(result=None, town=TOWN) -> dict[str, Drawing]:
    return {d.stem: d for d in drawings(made() if result is None else result, town)}


def texts(svg: str) -> list[str]:
    return [t.strip() for t in re.findall(r"<text[^>]*>([^<]*)</text>", svg)]


def test_the_mean_of_a_week_is_of_the_days_there_are():
    peak = np.zeros(9)
    peak[3] = 7
    assert week_mean(peak) == pytest.approx([7 / 4, 7 / 5, 7 / 6, 1, 1, 1, 7 / 6, 0, 0])
    assert week_mean(np.full(3, 2.0)) == pytest.approx([2, 2, 2])


def test_labels_in_a_column_move_as_little_as_they_can(rng):
    assert spread([10, 10], [4, 4], 0, 100).tolist() == [8, 12]
    assert spread([50, 10], [4, 4], 0, 100).tolist() == [50, 10]
    assert spread([0, 0], [4, 6], 0, 100).tolist() == [2, 7]
    assert spread([100, 99], [4, 4], 0, 100).tolist() == [98, 94]
    for _ in range(50):
        n = int(rng.integers(1, 12))
        wanted, heights = rng.uniform(0, 100, n), rng.uniform(2, 8, n)
        found = spread(wanted, heights, 0, 100)
        order = np.argsort(wanted)
        low, high = (found - heights / 2)[order], (found + heights / 2)[order]
        assert np.all(low[1:] >= high[:-1] - 1e-9)
        assert low[0] >= -1e-9
        assert high[-1] <= 100 + 1e-9


def test_the_front_is_those_that_no_other_point_beats(rng):
    cost, worth = [3, 1, 2, 2, 4, 5], [5, 1, 2, 3, 5, 6]
    assert pareto(cost, worth).tolist() == [1, 3, 0, 5]
    assert pareto([1, 2], [np.nan, -1]).tolist() == [1]
    assert pareto([], []).tolist() == []
    for _ in range(50):
        x, y = rng.integers(0, 6, (2, 12)).astype(float)
        naive = [
            k
            for k in range(12)
            if not any(
                x[j] <= x[k] and y[j] >= y[k] and (x[j] < x[k] or y[j] > y[k] or j < k)
                for j in range(12)
            )
        ]
        assert pareto(x, y).tolist() == sorted(naive, key=lambda k: x[k])


def test_the_curves_say_who_is_infected_by_the_end():
    figure = drawn()["epidemic-curves"]
    shown = texts(figure.svg())
    # 400 and 440 of 1,000.
    assert "by hand  42.0 %" in shown
    assert "app 80  26.0 %" in shown
    assert "untraced  62.0 %" in shown
    assert "by hand 42.0 %" in figure.alt
    last = [r for r in figure.records if r["day"] == DAYS]
    assert [r["arm"] for r in last] == [arm["name"] for arm, *_ in ARMS]
    assert (last[0]["infected_share_least"], last[0]["infected_share_most"]) == (0.4, 0.44)
    assert last[0]["infected_share"] == pytest.approx(0.42)
    # Ten were infected elsewhere.
    new = sum(r["newly_infected_share"] for r in figure.records if r["arm"] == "by hand")
    assert new == pytest.approx(0.41)
    assert figure.table.cells()[-1][:3] == ["20", "42.0", "38.0"]


def test_curves_say_what_is_not_over_and_of_how_many_seeds_they_are():
    assert "an arrow: it goes on" in drawn()["epidemic-curves"].caption
    assert "all of them are over" in drawn(made(over=2))["epidemic-curves"].caption
    one, two = (drawn(made(n))["epidemic-curves"] for n in (1, 2))
    assert "(one seed)" in one.caption
    assert "all seeds of by hand and app 80" in two.caption

    def bands(figure):
        with canvas("#000000", 7.2, figure.height, rows=figure.rows) as (_, axes):
            figure.draw(*axes)
            return [len(a.collections) for a in axes]

    assert (bands(one), bands(two)) == ([0, 0], [2, 0])


def test_arms_are_told_apart_by_more_than_colour():
    arms = {arm.summary.name: arm for arm in shown_arms(made(), TOWN)}
    assert [arm.kind for arm in arms.values()] == [
        *("no app", "app", "app", "placebo", "assumption", "changed", "changed", "no app")
    ]
    assert arms["random 80"].mark["markerfacecolor"] == "none"
    assert arms["app 80"].mark["markerfacecolor"] == arms["app 80"].colour
    ways = [(arm.dash, arm.marker, arm.colour) for arm in arms.values()]
    assert len(set(ways)) == len(ways)
    assert {arms["by hand"].dash, arms["untraced"].dash} == {"-", ":"}
    low, high = (int(arms[name].colour[1:], 16) for name in ("app 40", "app 80"))
    assert low > high  # darker with adoption


def test_a_rule_at_several_levels_looks_the_same_and_is_a_line():
    rule = {"epidemic.behaviour.quarantine_days": 7}
    table = [
        {"name": "hand"},
        *({"name": f"a {level}", "level": level, "set": rule} for level in (0.8, 0.3)),
        {"name": "b", "level": 0.3, "f2": True},
    ]
    town = scenario(epidemic={"days": DAYS, "arms": table})
    result = EpidemicResult((), tuple(summary(arm, 0.1) for arm in arms_of(town)))
    arms = shown_arms(result, town)
    assert arms[1].mark == arms[2].mark
    assert arms[1].mark != arms[3].mark
    assert [[a.summary.name for a in line] for line in lines_of(arms)] == [
        ["a 0.3", "a 0.8"],
        ["b"],
    ]


def test_arms_that_differ_in_their_level_are_a_line_with_its_square_law():
    lines = lines_of(shown_arms(made(), TOWN))
    names = [[arm.summary.name for arm in line] for line in lines]
    assert names == [
        ["app 40", "app 80"],
        ["random 80"],
        ["risky"],
        ["F1 & <F2> $x$"],
        ["all heed"],
    ]
    law = square_law(lines[0], np.array([0, 0.4, 0.8]))
    assert law == pytest.approx([0, 0.1, 0.4])
    figure = drawn()["epidemic-adoption"]
    assert "By the square law 10.0 % at 40.0 %." in figure.alt
    shown = texts(figure.svg())
    assert {"app 80  40.0 %", "random 80  15.0 %", "risky  35.0 %"} <= set(shown)
    assert "F1 &amp; &lt;F2&gt; $x$  42.0 %" in shown
    rows = {r["arm"]: (r["level"], r["averted"], r["averted_lo"]) for r in figure.records}
    assert rows["app 80"] == (0.8, 0.4, 0.3)
    assert "untraced" not in rows


def test_arms_of_one_level_do_not_hide_each_other():
    places = side_by_side(lines_of(shown_arms(made(), TOWN)))
    assert (places["app 40"], places["app 80"]) == (40, 80)
    assert len(set(places.values())) == len(places)
    assert all(74 <= places[name] < 80 for name in ("random 80", "risky", "F1 & <F2> $x$"))


def test_the_front_joins_what_can_be_chosen():
    figure = drawn()["epidemic-costs"]
    front = [r["arm"] for r in figure.records if r["on_the_front"]]
    # "risky" beats some of them and "random 80" none, but they are no choices.
    assert front == ["by hand", "app 40", "app 80", "F1 & <F2> $x$", "all heed", "untraced"]
    told = "untraced; by hand; app 40; all heed; app 80; F1 & <F2> $x$"
    assert f"Beaten by no other one: {told}." in figure.alt
    assert "Below the picture: untraced (0.00 days" in figure.caption
    shown = texts(figure.svg())
    assert {"by hand", "app 40", "app 80", "risky", "random 80"} <= set(shown)
    assert "untraced" not in shown
    with canvas("#000000", 7.2, figure.height) as (_, (axes,)):
        figure.draw(axes)
        steps = [line for line in axes.lines if line.get_drawstyle() == "steps-post"]
        assert [len(line.get_xdata()) for line in steps] == [5]
        assert steps[0].get_ydata() == pytest.approx([0, 10, 20, 40, 42])
        assert (axes.get_xlim()[0], axes.get_ylim()[0]) == (0, 0)


def test_less_than_nothing_averted_is_seen_below_a_line():
    worse = made()
    arms = (*worse.arms[:2], replace(worse.arms[2], averted=-0.2), *worse.arms[3:])
    for stem in ("epidemic-costs", "epidemic-adoption"):
        figure = drawn(replace(worse, arms=arms))[stem]
        with canvas("#000000", 7.2, figure.height) as (_, (axes,)):
            figure.draw(axes)
            assert axes.get_ylim()[0] < -20


def test_an_arm_stands_on_the_plane_where_its_counts_put_it():
    result, arms = made(1), shown_arms(made(1), TOWN)
    place = place_of(result, 2, arms[2], TOWN)
    # 60 of 240 known, of whom .9 isolate; 20 warned of their source, of whom .5 comply.
    assert (place.isolated, place.quarantined) == pytest.approx((0.25 * 0.9, 20 / 240 * 0.5))
    heeding = place_of(result, 6, arms[6], TOWN)
    assert heeding.quarantined == pytest.approx(20 / 320)
    figure = drawn(result)["epidemic-plane"]
    row = figure.records[2]
    assert (row["isolated"], row["quarantined"]) == (place.isolated, place.quarantined)
    # Two days to the test and one and a half to the result.
    want = growth(place.isolated, place.quarantined, 2.87, 84.0)
    assert (row["growth_per_day"], row["r"]) == pytest.approx((float(want.per_day), float(want.r)))
    assert f"app 80  R {want.r:.2f}" in texts(figure.svg())
    assert "R is above 1 everywhere; dash-dotted" in figure.caption


@pytest.mark.parametrize(
    ("r0", "delay_days", "words", "contours"),
    [
        (2.0, 0.0, "Thick: R = 1; below and left of it the epidemic grows.", ["R 1"]),
        (2.0, 1.0, "grows; dash-dotted: R = 1 without a delay.", ["R 1", "R 1"]),
        (0.9, 1.0, "R is below 1 without any measure.", []),
    ],
)
def test_the_plane_says_where_r_is_one(r0, delay_days, words, contours):
    tests = {"seek_after_days": delay_days, "result_after_days": 0.0}
    town = scenario(epidemic={"days": DAYS, "arms": [{"name": "none"}], "tests": tests})
    one = Epidemic(1, PEOPLE, replace(FITTED, r0=r0), (tally(200, 0),))
    result = EpidemicResult((one,), (summary(arms_of(town)[0]),))
    figure = drawn(result, town)["epidemic-plane"]
    assert words in figure.caption
    assert [t for t in texts(figure.svg()) if t == "R 1"] == contours


def test_nothing_is_drawn_of_what_is_not_defined():
    nobody = tuple(tally(0, 0) for _ in ARMS)
    arms = tuple(summary(arm) for arm in arms_of(TOWN))
    empty = EpidemicResult((Epidemic(1, PEOPLE, FITTED, nobody),), arms)
    found = drawn(empty)
    assert list(found) == ["epidemic-curves"]
    svg = found["epidemic-curves"].svg()
    assert "by hand  0.00 %" in texts(svg)
    assert "nan" not in svg.lower()
    assert drawn(EpidemicResult((), ())) == {}
    # One arm that is not known among others.
    some = made()
    arms = (some.arms[0], replace(some.arms[1], averted=None, averted_ci95=None), *some.arms[2:])
    for stem in ("epidemic-adoption", "epidemic-costs"):
        figure = drawn(replace(some, arms=arms))[stem]
        assert "app 40" not in [r["arm"] for r in figure.records]
        svg = figure.svg()
        assert "app 40" not in " ".join(texts(svg))
        assert "nan" not in svg.lower()


@pytest.mark.parametrize("n", [1, 2])
def test_an_epidemic_of_one_day_and_one_arm_is_drawn(n):
    town = scenario(epidemic={"days": 1, "arms": [{"name": "alone"}]})
    days = np.zeros((1, len(DAILY)), np.int64)
    days[0, :2] = 10
    one = ArmTally(days, True, 0, 0, None, 0, 0, 0, 0.0, 0, 0)
    seeds = tuple(Epidemic(k, PEOPLE, FITTED, (one,)) for k in range(n))
    found = drawn(EpidemicResult(seeds, (summary(arms_of(town)[0], over=n),)), town)
    assert list(found) == ["epidemic-curves", "epidemic-plane"]
    assert "alone  1.00 %" in texts(found["epidemic-curves"].svg())


def crowded() -> tuple[EpidemicResult, object]:
    """Twelve rules whose numbers hardly differ, some with long names."""
    table = [
        {
            "name": f"rule number {k} of twelve" + " and how it came about" * (k % 3 == 0),
            "level": 0.6,
            "set": {"epidemic.behaviour.quarantine_days": 3 + k},
        }
        for k in range(12)
    ]
    town = scenario(epidemic={"days": DAYS, "arms": [{"name": "by hand"}, *table]})
    arms = [
        summary(arm, None if k == 0 else 0.3 + 0.004 * (k % 5), None, 2 + 0.02 * (k % 7))
        for k, arm in enumerate(arms_of(town))
    ]
    one = Epidemic(1, PEOPLE, FITTED, tuple(tally(300 + k) for k in range(13)))
    return EpidemicResult((one,), tuple(arms)), town


@pytest.mark.parametrize("place", [0, 1, 2, 3])
def test_no_label_covers_another(place):
    from matplotlib.text import Annotation, Text

    figure = list(drawn(*crowded()).values())[place]
    with canvas("#000000", 7.2, figure.height, rows=figure.rows) as (whole, axes):
        figure.draw(*axes)
        whole.draw_without_rendering()
        labels = [t for a in axes for t in a.texts if isinstance(t, Annotation)]
        boxes = [Text.get_window_extent(t) for t in labels]
        assert len(labels) >= 12
        for (a, one), (b, other) in combinations(zip(labels, boxes, strict=True), 2):
            apart = (
                one.x1 <= other.x0 or other.x1 <= one.x0 or one.y1 <= other.y0 or other.y1 <= one.y0
            )
            assert apart, (a.get_text(), b.get_text())
        assert all(box.x1 <= whole.bbox.x1 + 1 and box.y0 >= 0 for box in boxes)


def test_of_many_arms_those_of_the_front_have_names():
    table = [
        {"name": f"arm {k}", "level": 0.6, "set": {"epidemic.behaviour.quarantine_days": 1 + k}}
        for k in range(40)
    ]
    town = scenario(epidemic={"days": DAYS, "arms": [{"name": "hand"}, *table]})
    arms = [
        summary(arm, None if k == 0 else (0.1 + 0.01 * k if k % 8 == 0 else 0.05), None, k)
        for k, arm in enumerate(arms_of(town))
    ]
    one = Epidemic(1, PEOPLE, FITTED, tuple(tally(300) for _ in arms))
    figure = drawn(EpidemicResult((one,), tuple(arms)), town)["epidemic-costs"]
    named = {t for t in texts(figure.svg()) if t.startswith(("arm ", "hand"))}
    # Of every eighth one more is averted; the first averts more than nothing.
    assert {"hand", "arm 0", *(f"arm {k - 1}" for k in range(8, 41, 8))} <= named
    assert len(named) == 18
    assert "Names of the others are in the table." in figure.caption
    assert len(figure.table.rows) == len(figure.records) == 41


# -- in a report ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """A run without an epidemic, its manifest, and its page."""
    result = bz.run(scenario(), 3)
    where = result.save(tmp_path_factory.mktemp("run") / "run")
    return result, manifest_of(where), (where / "report.html").read_text(encoding="utf-8")


def test_the_page_has_the_figures_only_where_there_is_an_epidemic(plain):
    result, about, before = plain
    after = render(replace(result, scenario=TOWN, epidemic=made()), about)
    titles = [figure.title for figure in drawn().values()]
    assert len(titles) == 4
    assert not any(title in before for title in titles)
    assert all(f"<h2>{title}</h2>" in after for title in titles)
    page = Page(after)
    assert page.open == []
    alts = [attrs["aria-label"] for tag, attrs in page.tags if tag == "svg"]
    assert all(figure.alt in alts for figure in drawn().values())
    ids = [attrs["id"] for _, attrs in page.tags if "id" in attrs]
    assert len(ids) == len(set(ids))
    assert after.count("<table") >= after.count("<svg")


def test_figures_and_their_numbers_are_files(plain):
    result, about, _ = plain
    stems = set(drawn())
    found = replace(result, scenario=TOWN, epidemic=made())
    svg = paper_figures(found, "svg")
    assert stems == {name for name in svg if name.startswith("epidemic-")}
    assert "by hand  42.0 %" in texts(svg["epidemic-curves"].decode())
    written = reports(found, about, ["csv"])
    assert stems <= {name.removeprefix("figures/").removesuffix(".csv") for name in written}
    rows = list(csv.DictReader(io.StringIO(written["figures/epidemic-costs.csv"].decode())))
    assert [(r["arm"], float(r["quarantine_days_per_person"])) for r in rows][:2] == [
        ("by hand", 1.0),
        ("app 40", 1.5),
    ]
    assert not any("epidemic" in name for name in reports(result, about, ["csv"]))
