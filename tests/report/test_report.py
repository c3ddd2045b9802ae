"""Reports: what they say, what a browser makes of them, and the files for papers."""

from __future__ import annotations

import csv
import json
import re
from dataclasses import replace
from itertools import product

import numpy as np
import pytest

import bluezone_sim as bz
from bluezone_sim import cli
from bluezone_sim.analysis.arms import Arm
from bluezone_sim.analysis.compare import arm_of
from bluezone_sim.analysis.result import Metrics
from bluezone_sim.api import open_any
from bluezone_sim.report.charts import nice_ceiling
from bluezone_sim.report.figures import canvas, draw_adoption, draw_arms, draw_stages
from bluezone_sim.report.findings import adoption_chart, answer, fall, legend
from bluezone_sim.report.line_styles import STYLES, kinds_of
from bluezone_sim.report.page.page import render, render_sweep
from bluezone_sim.storage.run_load import manifest_of
from bluezone_sim.tables.levels import LevelMetrics
from bluezone_sim.tables.stages import OUTCOMES
from bluezone_sim.tables.words import percent
from helpers.browser import CHROMIUM, DRIVER, Browser
from helpers.page import Page
from helpers.paths import ROOT
from helpers.results import saved
from helpers.small import scenario, smaller

EXPECT = [{"metric": "recall", "at_least": 0.0}, {"metric": "recall", "at_most": 0.0}]
ARMS = {
    "label": "everybody consents",
    "set": {"publication.consent": 1.0},
}


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory):
    s = scenario(
        title="A town <b>&</b> its phones",
        sensitivity={"cases": 30, "arms": [ARMS]},
        expect=EXPECT,
    )
    return bz.run(s, 3).save(tmp_path_factory.mktemp("run") / "run")


@pytest.fixture(scope="module")
def sweep_dir(tmp_path_factory):
    out = tmp_path_factory.mktemp("sweep") / "sweep"
    grid = {"phones.off_share": [0.1, 0.5, 0.9], "adoption": [0.3, 0.6, 1.0]}
    bz.sweep(scenario(), grid, 3, workers=1, out=out)
    return out


def test_a_run_read_back_is_the_run(run_dir):
    made = bz.run(open_any(run_dir).scenario, 3)
    read = open_any(run_dir)
    assert read.metrics == made.metrics
    assert repr(read.metrics) == repr(made.metrics)
    assert read.scenario == made.scenario
    for a, b in ((read.outcomes, made.outcomes), (read.warnings, made.warnings)):
        for name, column in a._columns().items():
            assert column.dtype == b._columns()[name].dtype
            assert column.tolist() == b._columns()[name].tolist()
    for a, b in zip(read.histograms, made.histograms, strict=True):
        assert (a.name, a.unit, a.edges.tolist()) == (b.name, b.unit, b.edges.tolist())
        assert {k: v.tolist() for k, v in a.counts.items()} == {
            k: v.tolist() for k, v in b.counts.items()
        }
    assert read.sensitivity == made.sensitivity


def test_the_report_of_a_run_can_be_written_again(run_dir, tmp_path):
    assert cli.main(["report", str(run_dir), "--out", str(tmp_path)]) == 0
    assert (tmp_path / "report.html").read_bytes() == (run_dir / "report.html").read_bytes()


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(n, marks=[pytest.mark.slow] if n == "yen-bai-outbreak" else [])
        for n in sorted(bz.shipped())
    ],
)
def test_a_shipped_scenario_is_reported_the_same_when_read_back(name, tmp_path):
    made = bz.run(smaller(name), 1)
    saved(made, tmp_path / "run")
    read = open_any(tmp_path / "run")
    assert read.to_dict() == json.loads(json.dumps(made.to_dict()))
    assert (read.adopters, read.campaign) == (made.adopters, made.campaign)
    page = Page(render(read, manifest_of(tmp_path / "run")))
    assert page.open == []


@pytest.mark.parametrize("kind", ["run", "sweep"])
def test_the_page_is_whole_alone_and_readable_without_eyes(kind, run_dir, sweep_dir):
    if kind == "run":
        html = (run_dir / "report.html").read_text(encoding="utf-8")
    else:
        html = render_sweep(bz.open_sweep(sweep_dir))
    page = Page(html)
    assert page.open == []
    assert not {"link", "img", "iframe"} & {tag for tag, _ in page.tags}
    for tag, attrs in page.tags:
        assert not {"src", "href", "onclick"} & attrs.keys() or attrs.get("href", "#")[0] == "#"
        if tag == "svg":
            assert attrs["role"] == "img"
            assert len(attrs["aria-label"]) > 15
    assert "@import" not in html
    assert "url(" not in html.replace("url(#", "")
    assert html.count("<table") >= html.count("<svg")
    ids = [attrs["id"] for _, attrs in page.tags if "id" in attrs]
    assert len(ids) == len(set(ids))
    if kind == "run":
        assert "A town &lt;b&gt;&amp;&lt;/b&gt; its phones" in html


def test_the_answer_has_the_numbers_of_the_tables(run_dir, sweep_dir):
    result = open_any(run_dir)
    m = next(x for x in result.metrics if x.users == 132)
    text = answer([arm_of(result)], [], 0.6)
    assert f"60.0 % of smartphones (132 users), {percent(m.recall)}" in text
    assert f"(recall), and {percent(m.precision)} of those warned had one (precision)." in text
    largest = max(m.lost, key=lambda k: m.lost[k])
    assert percent(m.lost[largest]) in text
    sweep = bz.open_sweep(sweep_dir)
    text = answer(sweep.arms, sweep.differences, 0.6)
    assert f"{percent(sweep.arms[0].metrics[1].recall)} (" in text
    assert "off_share = 0.1, the most of 3 arms (precision" in text
    d = next(
        d
        for d in sweep.differences
        if d.arm == "off_share = 0.9" and d.metric == "recall" and d.users == 132
    )
    assert f"The difference is {-100 * d.difference.mean:.2f} points" in text
    nobody = bz.run(scenario(index_cases__near_duration_s=1e9, adoption__levels=[0.5]), 3)
    assert "nothing to find" in answer([arm_of(nobody)], [], 0.5)


def arm(label, recall, precision, **values):
    """An arm of one level at 60 % of smartphones."""
    level = replace(
        _LEVEL,
        recall=recall,
        recall_ci95=(recall - 0.01, recall + 0.01),
        precision=precision,
        adoption_smartphones=0.6,
        lost={**dict.fromkeys(OUTCOMES[:-1], 0.0), "no_app": 1 - recall},
    )
    by_seed = {"recall": np.array([[recall]])}
    return Arm(label, "any-match", values, (1,), Metrics([level]), (None,), by_seed)


_LEVEL = LevelMetrics(
    *(600, 0.36, 0.6, 0.1, None, 0.1296, 0.2, None, None, None, None),
    *(1.0, 0.0, None, None, 0.3, 2.0, 1.0, {}),
)


def test_the_answer_ranks_by_recall_with_precision_beside_it():
    arms = [arm("a", 0.1, 0.5), arm("b", 0.3, 0.2), arm("c", 0.2, 0.9)]
    text = answer(arms, [], 0.6)
    assert "30.0 % (29.0 to 31.0 %) of the risky" in text.replace("–", " to ")
    assert "with b, the most of 3 arms (precision 20.0 %)" in text
    assert "with a, the fewest (precision 50.0 %)" in text
    assert "Right most often is c: precision 90.0 %, with 20.0 % warned." in text
    # Where all warn as many there is no first one.
    text = answer([arm("a", 0.1, 0.5), arm("b", 0.1, 0.2)], [], 0.6)
    assert "with each of 2 arms (precision 20.0 % to 50.0 %)" in text
    assert "most" not in text


def test_a_protocol_has_a_dash_and_a_mark_of_its_own():
    grid = [
        arm(f"{p}, {d}", 0.1 * k, 0.5, **{"protocol.name": p, "radio.density": d})
        for k, (p, d) in enumerate(product(("gaen", "tcn", "robert"), ("on", "off")), 1)
    ]
    assert kinds_of(grid) == [0, 0, 1, 1, 2, 2]
    assert kinds_of([arm(x, 0.1, 0.5, seedless=x) for x in "abc"]) == [0, 1, 2]
    two = [
        replace(a, metrics=Metrics([*a.metrics, replace(a.metrics[0], adoption_smartphones=1.0)]))
        for a in grid
    ]
    dashes = re.findall(
        r'class="line c(\d)"(?: stroke-dasharray="([^"]+)")? d=', adoption_chart(two)
    )
    assert [dash for _, dash in dashes] == ["", "", "10 4", "10 4", "2 4", "2 4"]
    assert len({colour for colour, _ in dashes}) == 6
    svg = adoption_chart(two)
    assert svg.count("<circle") == 4
    for style in STYLES[1:3]:
        assert svg.count(f'd="{style.path}"') == 4
    shown = legend(two)
    assert [(dash, mark) for _, _, dash, mark in shown[1::2]] == [
        ("k0", "●"),
        ("k1", "■"),
        ("k2", "◆"),
    ]
    with canvas("#000000", 7, 4) as (_, (axes,)):
        draw_arms(axes, two)
        assert [line.get_marker() for line in axes.lines] == ["o", "o", "s", "s", "D", "D"]
        assert len({line.get_linestyle() for line in axes.lines}) >= 2
        assert len({str(line._dash_pattern[1]) for line in axes.lines}) == 3


def test_one_level_has_error_bars_side_by_side():
    arms = [arm("a", 0.1, 0.5), arm("b", 0.1, 0.2)]
    svg = adoption_chart(arms)
    bars = re.findall(r'class="line bar-of c\d" d="M([\d.]+) ([\d.]+)V([\d.]+)M', svg)
    assert len(bars) == 2
    (x, low, high), (other, *_) = [tuple(map(float, bar)) for bar in bars]
    assert low > high
    assert other - x > 8  # wider apart than their caps
    with canvas("#000000", 7, 4) as (_, (axes,)):
        draw_arms(axes, arms)
        assert axes.get_ylim()[0] == 0
        (first, second) = (c.get_segments()[0] for c in axes.collections)
        assert first[:, 1].tolist() == pytest.approx([9, 11])
        assert first[0, 0] < 60 < second[0, 0]


def test_nothing_is_drawn_for_0_00_and_axes_start_at_0():
    rows = fall(
        replace(
            arm("a", 0.00004, None).metrics[0],
            lost={**dict.fromkeys(OUTCOMES[:-1], 0.0), "no_app": 0.9999, "radio_missed": 0.00006},
        )
    )["fall"]
    by_stage = dict(zip(OUTCOMES, rows, strict=True))
    assert by_stage["warned"] == [0, 0.0, "0.00 %"]
    assert by_stage["radio_missed"][1:] == [0.006, "0.01 %"]
    assert by_stage["no_smartphone"][1] == 0
    with canvas("#000000", 7, 4) as (_, (axes,)):
        draw_adoption(axes, [replace(arm("a", 0.0, None).metrics[0], recall_ci95=(0.0, 0.01))])
        assert axes.get_ylim()[0] == 0
        assert axes.get_xlim()[0] == 0
        assert list(axes.texts) == []
    with canvas("#000000", 7, 4) as (_, (axes,)):
        draw_stages(
            axes, [("one", {**dict.fromkeys(OUTCOMES, 0.0), "no_app": 0.99996, "warned": 0.00004})]
        )
        assert [len(c) for c in axes.containers] == [1]


def test_the_page_hides_empty_bars_and_keeps_a_figure_with_its_table(run_dir):
    html = (run_dir / "report.html").read_text(encoding="utf-8")
    bars = re.findall(r'<i style="left:[\d.]+%;width:([\d.]+)%"( hidden)?>', html)
    assert len(bars) == len(OUTCOMES)
    assert all(bool(hidden) == (float(width) == 0) for width, hidden in bars)
    assert any(hidden for _, hidden in bars)
    paper = html[html.index("@media print") :]
    assert "figure + details[open], figure + .wide { break-before: avoid; }" in paper
    assert "summary, caption { break-after: avoid; }" in paper
    assert ".wide.more::before" in html


@pytest.mark.slow
def test_nobody_and_nothing_still_make_a_report(tmp_path):
    for i, changes in enumerate(
        (
            {"population__smartphones": 0, "adoption__levels": [0.5]},
            {"index_cases__near_duration_s": 1e9, "adoption__levels": [0.5]},
            {"adoption__levels": [0.0]},
        )
    ):
        out = bz.run(scenario(**changes), 3).save(tmp_path / str(i))
        assert Page((out / "report.html").read_text(encoding="utf-8")).open == []
        assert cli.main(["report", str(out), "--format", ("svg", "pdf", "csv")[i]]) == 0
    assert (tmp_path / "1" / "figures" / "recall.pdf").read_bytes().startswith(b"%PDF")


def test_a_scale_ends_at_a_round_number_that_has_quarters():
    assert [nice_ceiling(v) for v in (0, 0.9, 1, 1.01, 3.3, 7, 8.2, 43, 99)] == [
        *(1.0, 1.0, 1.0, 2.0, 4.0, 8.0, 10.0, 60.0, 100.0)
    ]


# -- for papers ---------------------------------------------------------------------------------------


def test_figures_and_tables_for_papers(run_dir, sweep_dir, tmp_path, capsys):
    assert cli.main(["report", str(run_dir), "--format", "png,csv", "--out", str(tmp_path)]) == 0
    written = {p.name for p in (tmp_path / "figures").iterdir()}
    assert {"recall.png", "waterfall.png", "metrics.csv", "histograms.csv"} <= written
    for path in (tmp_path / "figures").glob("*.png"):
        data = path.read_bytes()
        assert data.startswith(b"\x89PNG")
        assert int.from_bytes(data[16:20], "big") == pytest.approx(2160, abs=2)  # 7.2 in, 300 dpi
    out = tmp_path / "sweep"
    assert cli.main(["report", str(sweep_dir), "--format", "svg,csv", "--out", str(out)]) == 0
    drawn = list((out / "figures").iterdir())
    assert capsys.readouterr().out.count("Written: ") == len(drawn) + len(written)
    svg = (out / "figures" / "recall.svg").read_text(encoding="utf-8")
    assert "off_share = 0.5" in svg  # text stays text
    with (out / "figures" / "tasks.csv").open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    whole = bz.open_sweep(sweep_dir).table.to_pylist()
    assert [float(r["recall"]) for r in rows] == [r["recall"] for r in whole]
    with (out / "figures" / "differences.csv").open(encoding="utf-8") as stream:
        assert len(list(csv.DictReader(stream))) == 2 * 3 * 5


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nothing"], "no such directory"),
        (["."], "holds no run and no sweep"),
        ([".", "--format", "gif"], "html, png, svg, pdf, csv"),
    ],
    ids=str,
)
def test_what_cannot_be_reported_is_bad_input(arguments, words, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["report", *arguments]) == 2
    assert words in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["manifest.json", "outcomes.parquet", "histograms.parquet"])
def test_a_damaged_run_is_named(run_dir, tmp_path, name, capsys):
    import shutil

    shutil.copytree(run_dir, tmp_path / "run")
    (tmp_path / "run" / name).write_bytes(b"{}")
    assert cli.main(["report", str(tmp_path / "run")]) == 2
    assert name in capsys.readouterr().err


# -- in a browser -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def browser():
    if not (CHROMIUM and DRIVER):
        pytest.skip("needs Chromium and its driver: apt-get install chromium chromium-driver")
    with Browser() as made:
        yield made


def test_a_table_that_is_too_wide_for_its_page_says_so(browser, run_dir):
    ask = (
        "return [...document.querySelectorAll('.wide')].filter(t => t.clientWidth).map(t => "
        "[t.scrollWidth > t.clientWidth + 1, t.classList.contains('more'), t.tabIndex === 0, "
        "getComputedStyle(t, '::before').content.includes('scroll')])"
    )
    wide = []
    for width in (380, 1400):
        browser.open((run_dir / "report.html").as_uri(), width=width)
        tables = browser.ask(ask)
        assert all(len(set(told)) == 1 for told in tables)
        wide.append(sum(told[0] for told in tables))
        assert browser.log() == []
    assert wide[0] > wide[1]
    assert wide[1] < len(tables)


WIDER = "return document.documentElement.scrollWidth > document.documentElement.clientWidth"


@pytest.mark.parametrize("kind", ["run", "sweep"])
def test_a_browser_shows_the_report_on_desk_phone_and_paper(
    kind, browser, run_dir, sweep_dir, tmp_path
):
    source = {"run": run_dir, "sweep": sweep_dir}[kind]
    assert cli.main(["report", str(source), "--out", str(tmp_path)]) == 0
    url = (tmp_path / "report.html").as_uri()
    inks = set()
    for width, dark in ((1100, False), (1100, True), (380, False), (380, True)):
        browser.open(url, width=width, dark=dark)
        assert browser.log() == []
        assert not browser.ask(WIDER)
        sizes = browser.ask(
            "return [...document.querySelectorAll('svg, #fall')].map(e => "
            "[e.getBoundingClientRect().width, e.getBoundingClientRect().height])"
        )
        assert len(sizes) == {"run": 8, "sweep": 6}[kind]
        assert all(w > min(width, 700) * 0.8 and h > 60 for w, h in sizes)
        inks.add(browser.ask("return getComputedStyle(document.body).color"))
        assert len(browser.picture()) > 20_000
        # Text of a chart stays legible: 11 px or more.
        assert (
            browser.ask(
                "const s = document.querySelector('#adoption svg'), t = s.querySelector('text');"
                "return parseFloat(getComputedStyle(t).fontSize) * s.getBoundingClientRect().width / 720"
            )
            >= 11
        )
    assert len(inks) == 2
    assert browser.paper().startswith(b"%PDF")
    assert browser.log() == []


def test_the_level_and_the_arm_can_be_chosen(browser, sweep_dir, tmp_path):
    assert cli.main(["report", str(sweep_dir), "--out", str(tmp_path)]) == 0
    browser.open((tmp_path / "report.html").as_uri(), width=1000)
    sweep = bz.open_sweep(sweep_dir)

    def shown():
        return browser.ask(
            "return [document.querySelector('[data-put=recall]').textContent,"
            "[...document.querySelectorAll('#fall .num')].map(e => e.textContent),"
            "[...document.querySelectorAll('#arms .num')].map(e => e.textContent),"
            "document.querySelector('#fall').getAttribute('aria-label')]"
        )

    def told(arm, level):
        m = sweep.arms[arm].metrics[level]
        lost = [m.recall if s == "warned" else m.lost[s] for s in OUTCOMES]
        return percent(m.recall), ["100 %", *map(percent, lost)]

    assert shown()[:2] == list(told(0, 1))
    browser.ask("document.querySelectorAll('input[name=level]')[2].click()")
    assert shown()[:2] == list(told(0, 2))
    browser.ask(
        "const s = document.getElementById('arm'); s.value = '2';"
        "s.dispatchEvent(new Event('change'))"
    )
    recall, fall, arms, alt = shown()
    assert (recall, fall) == told(2, 2)
    assert recall in alt
    found = [d for d in sweep.differences if d.metric == "recall" and d.users == 220]
    assert [a.split(" ")[0] for a in arms] == [f"{100 * d.difference.mean:+.2f}" for d in found]
    widths = browser.ask(
        "return [...document.querySelectorAll('#fall i')].map(e => e.getBoundingClientRect().width)"
    )
    assert widths[0] > max(widths[1:])
    assert browser.log() == []


def test_hovering_and_arrow_keys_show_the_numbers(browser, run_dir):
    browser.open((run_dir / "report.html").as_uri(), width=1000)
    text = browser.ask(
        "const svg = document.querySelector('#adoption svg'), box = svg.getBoundingClientRect();"
        "svg.dispatchEvent(new PointerEvent('pointermove',"
        " {clientX: box.right - 20, clientY: box.top + 50, bubbles: true}));"
        "return document.getElementById('tip').innerText"
    )
    top = open_any(run_dir).metrics[-1]
    assert f"{percent(top.adoption_smartphones)} of phones, {top.users:,} users" in text
    assert percent(top.recall) in re.sub(r"\s+", " ", text)
    hidden = browser.ask(
        "document.querySelector('#adoption svg').dispatchEvent(new PointerEvent('pointerleave'));"
        "return document.getElementById('tip').hidden"
    )
    assert hidden
    text = browser.ask(
        "const svg = document.querySelector('#adoption svg'); svg.focus();"
        "svg.dispatchEvent(new KeyboardEvent('keydown', {key: 'ArrowRight'}));"
        "return document.getElementById('tip').innerText"
    )
    low = open_any(run_dir).metrics[0]
    assert f"{percent(low.adoption_smartphones)} of phones" in text
    assert browser.log() == []


def test_the_data_in_the_page_is_json_that_ends_no_script(run_dir):
    html = (run_dir / "report.html").read_text(encoding="utf-8")
    text = re.search(r'id="data">(.*?)</script>', html, re.DOTALL).group(1)
    data = json.loads(text)
    assert len(data["levels"]) == len(data["arms"][0]["rows"]) == 3


def test_the_page_says_how_to_cite_as_the_citation_file_does(run_dir):
    page = (run_dir / "report.html").read_text(encoding="utf-8")
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    authors, title = (
        next(x for x in citation.splitlines() if key in x) for key in ("name:", "title:")
    )
    assert f"{authors.partition('name: ')[2]}: {title.partition(': ')[2]}, " in page
    assert bz.__version__ in page
