"""The report: one HTML file with its figures in it, which needs no network."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

from ...analysis.compare import arm_of, campaigns_in
from ...analysis.criteria import judge
from ...scenario import resolved_toml
from ...showing.visible import shown, visible_json
from ...tables.level_tables import NOTES, waterfall_table
from ...tables.stages import OUTCOMES, STAGES
from ...tables.table import Column, Table
from ...tables.words import DASH, hundredths, interval, percent
from ..campaign_sweep import answer as campaign_answer
from ..charts import histogram_chart
from ..epidemic.answer import answer as epidemic_answer
from ..figures import sensitivity_svg
from ..findings import (
    adoption_chart,
    answer,
    at_level,
    difference_bars,
    fall,
    focus_of,
    legend,
    levels_of,
    tiles,
)
from ..panels import Panel, panels, sweep_panels
from ..text import (
    differences_table,
    excess_table,
    interval_words,
    main_table,
    seeds_words,
    sweep_table,
)

if TYPE_CHECKING:
    from ...analysis.arms import Arm, Difference
    from ...analysis.campaign_arms import CampaignArm
    from ...analysis.result import RunResult
    from ...analysis.sweep import SweepResult
    from ...scenario.model import Scenario
    from ...tables.levels import LevelMetrics
    from ...tables.rows import Histogram


@cache
def _template() -> Any:
    from jinja2 import Environment, StrictUndefined

    return Environment(
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=shown,
    ).from_string(_file("report.html.j2"))


def _file(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")


def render(result: RunResult, about: dict[str, Any]) -> str:
    """The report of a run as HTML text.

    Args:
        result: the run.
        about: its manifest.
    """
    platform = about["platform"]
    made = [
        ["seed", str(result.seed)],
        ["time", f"{round(result.seconds, 3):.1f} s on {result.threads} threads"],
        ["peak memory", f"{round(result.peak_memory_mib, 1):,.0f} MiB"],
        ["machine", f"{platform['cpu']}, {platform['system']}"],
        ["made", about["created"]],
        ["commit", about["git_commit"] or "–"],
        ["packages", ", ".join(f"{k} {v}" for k, v in about["packages"].items())],
    ]
    note = f"Band: recall of {result.n_f0:,} cases. {interval_words(result)}"
    return _render(
        result.scenario,
        result.headline(),
        [arm_of(result)],
        [],
        result.histograms,
        made=made,
        versions=about,
        interval_note=note,
        numbers=main_table(result),
        sensitivity=_sensitivity(result),
        stages=Table(
            "Where the time went",
            (Column("stage", left=True), Column("seconds", hundredths)),
            tuple((k, round(v, 3)) for k, v in result.stages_s.items()),
        ),
        sections=panels(result),
        campaigns=campaigns_in(result),
        finding="" if result.epidemic is None else epidemic_answer(result.epidemic),
    )


def render_sweep(sweep: SweepResult) -> str:
    """The report of a sweep as HTML text."""
    about = sweep.about
    n = max(len(arm.seeds) for arm in sweep.arms)
    made = [
        ["simulations", f"{about['simulations']:,}"],
        ["seeds", f"{n:,}"],
        ["core-hours", f"{about['core_hours']:.2g}"],
        ["peak memory of a process", f"{about['peak_memory_mib']:,.0f} MiB"],
        ["machines", f"{about['hosts']:,}"],
        ["finished", about["finished"] or "–"],
    ]
    first = sweep.arms[0].label
    return _render(
        sweep.scenario,
        sweep.headline(),
        sweep.stationary,
        sweep.differences,
        sweep.histograms.get(first, ()),
        made=made,
        versions=about,
        interval_note=f"Bands are 95 % intervals of the mean over {n} seeds.",
        numbers=sweep_table(sweep).noted(f"{NOTES} {seeds_words(sweep).capitalize()}."),
        histograms_of=first if len(sweep.stationary) > 1 else "",
        sections=sweep_panels(sweep),
        campaigns=sweep.campaigns,
        judged=sweep.arms,
    )


#: As ``CITATION.cff`` has it.
_TITLE = "bluezone_sim, a simulator and test harness for Bluetooth contact tracing"


def _markup(table: Table | None, caption: str | None = None) -> Any:
    from markupsafe import Markup  # jinja2's own; a table escapes its cells

    return table and Markup(table.html(caption))


def _render(
    scenario: Scenario,
    headline: str,
    arms: Sequence[Arm],
    differences: Sequence[Difference],
    histograms: Sequence[Histogram],
    *,
    made: list[list[str]],
    versions: Any,
    interval_note: str,
    numbers: Table,
    histograms_of: str = "",
    sensitivity: dict[str, Any] | None = None,
    stages: Table | None = None,
    sections: Sequence[Panel] = (),
    campaigns: Sequence[CampaignArm] = (),
    judged: Sequence[Arm] | None = None,
    finding: str = "",
) -> str:
    from markupsafe import Markup  # jinja2's own; figures are markup that we made

    levels = levels_of(arms)
    focus = focus_of(levels)
    first = at_level(arms[0], levels[focus]) or arms[0].metrics[-1]
    bars = [difference_bars(differences, level) for level in levels]
    data = {
        "levels": [percent(level) for level in levels]
        if scenario.population.smartphones
        else [DASH],
        "arms": [
            {
                "label": arm.label,
                "rows": [_numbers(at_level(arm, level), scenario) for level in levels],
            }
            for arm in arms
        ],
        "none": {
            "text": {t.key + k: DASH for t in tiles(first, scenario) for k in ("", "2")},
            "fall": [[0, 0, "–"]] * len(OUTCOMES),
            "alt": "not run at this level",
        },
        "differences": bars,
    }
    return str(
        _template().render(
            scenario=scenario,
            headline=headline,
            answer=" ".join(
                text
                for text in (
                    finding,
                    campaign_answer(campaigns),
                    answer(arms, differences, levels[focus]),
                )
                if text
            ),
            arms=arms,
            levels=data["levels"],
            focus=focus,
            tiles=tiles(first, scenario),
            fall=list(
                zip(OUTCOMES, [STAGES[s] for s in OUTCOMES], fall(first)["fall"], strict=True)
            ),
            fall_alt=fall(first)["alt"],
            bars=list(zip([a.label for a in arms[1:]], bars[focus], strict=True))
            if differences
            else [],
            adoption=Markup(adoption_chart(arms)),
            legend=legend(arms),
            interval_note=interval_note,
            numbers=_markup(numbers),
            notes=numbers.note,
            waterfalls=[
                _markup(
                    waterfall_table(arm.metrics),
                    (f"{arm.label}: " if len(arms) > 1 else "")
                    + "percent, by share of smartphones; each column adds up to 100.",
                )
                for arm in arms
            ],
            differences=_markup(differences_table(differences)) if differences else None,
            excess=_markup(excess_table(arms[0].metrics)),
            sensitivity=sensitivity,
            histograms=[_histogram(h) for h in histograms],
            histograms_of=histograms_of,
            verdicts=judge(scenario, judged or arms, campaigns=campaigns),
            made=[
                *made,
                ["bluezone-sim", str(versions["bluezone_sim"])],
                ["numeric version", str(versions["numeric_version"])],
                ["schema version", str(versions["schema_version"])],
                ["to cite", f"The bluezone_sim developers: {_TITLE}, {versions['bluezone_sim']}"],
            ],
            stages=_markup(stages),
            panels=[(panel.title, Markup(panel.html)) for panel in sections],
            toml=resolved_toml(scenario),
            css=Markup(_file("report.css")),
            js=Markup(_file("report.js")),
            # No text of a scenario may end the script.
            data=Markup(visible_json(data).replace("<", "\\u003c")),
        )
    )


def _numbers(m: LevelMetrics | None, scenario: Scenario) -> dict[str, Any] | None:
    """What the page's script puts where a level is chosen."""
    if m is None:
        return None
    text: dict[str, str] = {}
    for tile in tiles(m, scenario):
        text |= {tile.key: tile.value, f"{tile.key}2": tile.note}
    return {"text": text, **fall(m)}


def _histogram(h: Histogram) -> dict[str, Any]:
    from markupsafe import Markup

    names = list(h.counts)
    total = {name: int(counts.sum()) for name, counts in h.counts.items()}
    shares = [h.shares(n) for n in names]
    rows = tuple(
        (
            f"{low:g} to {high:g}",
            *(DASH if s is None else f"{100 * s[i]:.1f}" for s in shares),
        )
        for i, (low, high) in enumerate(zip(h.edges[:-1], h.edges[1:], strict=True))
    )
    alt = f"Density of {' and '.join(names)} by {h.name}, percent per {h.each}"
    return {
        "title": h.name[:1].upper() + h.name[1:],
        "svg": Markup(histogram_chart(h, alt)),
        "legend": [(k, f"{name} (n = {total[name]:,})") for k, name in enumerate(names)],
        "table": _markup(Table.of_text(h.name, [h.unit, *(f"{n} %" for n in names)], rows, 1)),
    }


def _sensitivity(result: RunResult) -> dict[str, Any] | None:
    from markupsafe import Markup

    if not result.sensitivity or result.scenario.sensitivity is None:
        return None
    asked = result.scenario.sensitivity
    heads = (
        Column("assumption", left=True),
        Column("change", left=True),
        Column("recall", percent),
        Column("95 %", interval),
        Column("precision", percent),
        Column("F1 / case", hundredths),
    )
    rows = tuple(
        (
            row.label,
            ", ".join(f"{k} = {v}" for k, v in row.changes.items()) or "–",
            row.recall,
            row.recall_ci95,
            row.precision,
            row.n_warned_f1,
        )
        for row in result.sensitivity
        if row.left_out is None
    )
    why = [f"{row.label} ({row.left_out})" for row in result.sensitivity if row.left_out]
    left = f" Left out: {'; '.join(why)}." if why else ""
    at = f"At {percent(asked.level)} of smartphones, first {min(asked.cases, result.n_f0):,} cases"
    return {
        "svg": Markup(sensitivity_svg([r for r in result.sensitivity if r.left_out is None])),
        "table": _markup(Table("Sensitivity", heads, rows), f"{at}, the same draws in each.{left}"),
    }
