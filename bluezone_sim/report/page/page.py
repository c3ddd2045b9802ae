"""The report: one HTML file with its figures in it, which needs no network."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

from ...analysis.compare import arm_of, campaigns_in
from ...analysis.criteria import judge
from ...analysis.words import interval, number, percent
from ...scenario import resolved_toml
from ...tables.stages import OUTCOMES, STAGES
from ..campaign_sweep import answer as campaign_answer
from ..charts import histogram_chart
from ..figures import sensitivity_svg
from ..findings import (
    adoption_chart,
    answer,
    at_level,
    difference_bars,
    excess,
    fall,
    focus_of,
    legend,
    levels_of,
    tiles,
)
from ..panels import Panel, panels, sweep_panels
from ..text import (
    COLUMNS,
    DIFFERENCE_COLUMNS,
    NOTES,
    SWEEP_COLUMNS,
    cells,
    difference_rows,
    sweep_rows,
    waterfall_rows,
)

if TYPE_CHECKING:
    from ...analysis.arms import Arm, Difference
    from ...analysis.campaign_arms import CampaignArm
    from ...analysis.result import Histogram, Result
    from ...analysis.sweep import Sweep
    from ...scenario.model import Scenario
    from ...tables.metrics import LevelMetrics


@cache
def _template() -> Any:
    from jinja2 import Environment, StrictUndefined

    return Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    ).from_string(_file("report.html.j2"))


def _file(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")


def render(result: Result, about: dict[str, Any]) -> str:
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
    note = f"The band is the 95 % interval of recall, by bootstrap over the {result.n_f0:,} cases."
    return _render(
        result.scenario,
        result.headline(),
        [arm_of(result)],
        [],
        result.histograms,
        made=made,
        versions=about,
        interval_note=note,
        numbers=(COLUMNS, [cells(m) for m in result.metrics], 0),
        notes=NOTES + _f2_note(result.n_f2_cases),
        sensitivity=_sensitivity(result),
        stages=[[k, f"{round(v, 3):.2f}"] for k, v in result.stages_s.items()],
        sections=panels(result),
        campaigns=campaigns_in(result),
    )


def render_sweep(sweep: Sweep) -> str:
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
        interval_note=f"Bands are 95 % intervals of the mean over {n} seeds (Student's t).",
        numbers=(SWEEP_COLUMNS, sweep_rows(sweep), 1),
        notes=f"{NOTES} Seeds needed: for an interval of recall {100 * sweep.width:g} points wide.",
        histograms_of=first if len(sweep.stationary) > 1 else "",
        sections=sweep_panels(sweep),
        campaigns=sweep.campaigns,
        judged=sweep.arms,
    )


def _f2_note(n: int) -> str:
    return f" F2 per case: the first {n:,} cases." if n else ""


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
    numbers: tuple[Sequence[str], Sequence[Sequence[str]], int],
    notes: str,
    histograms_of: str = "",
    sensitivity: dict[str, Any] | None = None,
    stages: Sequence[Sequence[str]] = (),
    sections: Sequence[Panel] = (),
    campaigns: Sequence[CampaignArm] = (),
    judged: Sequence[Arm] | None = None,
) -> str:
    from markupsafe import Markup  # jinja2's own; figures are markup that we made

    levels = levels_of(arms)
    focus = focus_of(levels)
    first = at_level(arms[0], levels[focus]) or arms[0].metrics[-1]
    bars = [difference_bars(differences, level) for level in levels]
    data = {
        "levels": [percent(level) for level in levels],
        "arms": [
            {"label": arm.label, "rows": [_numbers(at_level(arm, level)) for level in levels]}
            for arm in arms
        ],
        "none": {
            "text": {t.key + k: "–" for t in tiles(first) for k in ("", "2")},
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
                    campaign_answer(campaigns),
                    answer(arms, differences, levels[focus]),
                )
                if text
            ),
            arms=arms,
            levels=data["levels"],
            focus=focus,
            tiles=tiles(first),
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
            numbers=numbers,
            notes=notes,
            waterfalls=[
                (
                    arm.label,
                    ["of risky pairs", *(percent(m.adoption_smartphones) for m in arm.metrics)],
                    waterfall_rows(arm.metrics),
                )
                for arm in arms
            ],
            differences=(DIFFERENCE_COLUMNS, difference_rows(differences), 1)
            if differences
            else None,
            excess=[(arm.label, excess(arm.metrics)) for arm in arms],
            sensitivity=sensitivity,
            histograms=[_histogram(h) for h in histograms],
            histograms_of=histograms_of,
            verdicts=judge(scenario, judged or arms, campaigns=campaigns),
            made=[
                *made,
                ["bluezone-sim", str(versions["bluezone_sim"])],
                ["numeric version", str(versions["numeric_version"])],
                ["schema version", str(versions["schema_version"])],
            ],
            stages=stages,
            panels=[(panel.title, Markup(panel.html)) for panel in sections],
            toml=resolved_toml(scenario),
            css=Markup(_file("report.css")),
            js=Markup(_file("report.js")),
            # No text of a scenario may end the script.
            data=Markup(json.dumps(data, ensure_ascii=False).replace("<", "\\u003c")),
        )
    )


def _numbers(m: LevelMetrics | None) -> dict[str, Any] | None:
    """What the page's script puts where a level is chosen."""
    if m is None:
        return None
    text: dict[str, str] = {}
    for tile in tiles(m):
        text |= {tile.key: tile.value, f"{tile.key}2": tile.note}
    return {"text": text, **fall(m)}


def _histogram(h: Histogram) -> dict[str, Any]:
    from markupsafe import Markup

    names = list(h.counts)
    total = {name: int(counts.sum()) for name, counts in h.counts.items()}
    rows = [
        [
            f"{low:g} to {high:g}",
            *(f"{100 * h.counts[n][i] / max(1, total[n]):.1f}" for n in names),
        ]
        for i, (low, high) in enumerate(zip(h.edges[:-1], h.edges[1:], strict=True))
    ]
    alt = f"Shares of {' and '.join(names)} by {h.name}, {h.unit}"
    return {
        "title": h.name[:1].upper() + h.name[1:],
        "svg": Markup(histogram_chart(h, alt)),
        "legend": [(k, f"{name} (n = {total[name]:,})") for k, name in enumerate(names)],
        "table": ([h.unit, *(f"{n} %" for n in names)], rows),
    }


def _sensitivity(result: Result) -> dict[str, Any] | None:
    from markupsafe import Markup

    if not result.sensitivity or result.scenario.sensitivity is None:
        return None
    asked = result.scenario.sensitivity
    rows = [
        [
            row.label,
            ", ".join(f"{k} = {v}" for k, v in row.changes.items()) or "–",
            percent(row.recall),
            interval(row.recall_ci95),
            percent(row.precision),
            number(row.n_warned_f1, 2),
        ]
        for row in result.sensitivity
    ]
    return {
        "svg": Markup(sensitivity_svg(result.sensitivity)),
        "table": (["assumption", "change", "recall", "95 %", "precision", "F1 / case"], rows, 2),
        "caption": f"At {percent(asked.level)} of smartphones, first {asked.cases:,} cases, the same "
        "draws in each.",
    }
