"""Documents of runs, sweeps, comparisons and folders."""

from __future__ import annotations

from typing import Any

from pydantic import ConfigDict, Field

from ..analysis.adopters import AdopterRow
from ..analysis.arms import Difference
from ..analysis.campaign import CampaignPart
from ..analysis.campaign_arms import CampaignDifference
from ..analysis.criteria import Verdict
from ..analysis.result import SensitivityRow
from ..analysis.statistics import Mean
from ..tables.levels import CampaignDay, LevelMetrics
from ..world.trace_summary import TraceInfo
from .document import Document, NumericVersion, Version


class RiskRule(Document):
    """The rule that decides who is warned.

    Attributes:
        name, title, version, date, source: which, of which app, and where that is written.
        parameters: its values, by key of a scenario's ``[rule]``.
    """

    name: str
    title: str
    version: str
    date: str | None
    source: str
    parameters: dict[str, Any]


class Campaign(Document):
    """A campaign day by day.

    Attributes:
        cases: index cases, the same on every day.
        brought: users that the first day and each measure brought.
        days, parts: by arm and day; the same by district and group.
    """

    cases: int
    brought: dict[str, int]
    days: list[CampaignDay]
    parts: list[CampaignPart]


class Run(Document):
    """What ``bluezone-sim run --json`` prints.

    Attributes:
        scenario, seed, protocol, rule: what was run.
        confirmation: whether a person stands between a match and a warning, by key of a scenario.
        index_cases, f2_cases: people whose keys are published, and those followed to the second ring.
        everyone_is_a_case: nobody was left to chance.
        risky_pairs: index cases with people who were in risky contact with them.
        levels: by adoption.
        sensitivity: the scenario as it is, then one assumption changed at a time.
        trace: what was in the contact trace; null without one.
        adopters: over draws of who adopts; empty without them.
        campaign: null without one.
        epidemic: null without one.
        seconds, stages_s: the whole run's, and by stage.
        peak_memory_mib: of the process.
        expect: the scenario's criteria.
    """

    schema_version: Version
    numeric_version: NumericVersion
    scenario: str
    seed: int
    protocol: str
    rule: RiskRule
    confirmation: dict[str, Any]
    index_cases: int
    f2_cases: int
    everyone_is_a_case: bool
    risky_pairs: int
    levels: list[LevelMetrics]
    sensitivity: list[SensitivityRow]
    trace: TraceInfo | None
    adopters: list[AdopterRow]
    campaign: Campaign | None
    epidemic: dict[str, Any] | None = None
    seconds: float
    stages_s: dict[str, float]
    peak_memory_mib: float
    expect: list[Verdict]


class SweepArm(Document):
    """One point of the grid over its seeds.

    Attributes:
        label, values, rule: its axes and their values in words and by dotted key; the risk rule.
        seeds: ascending.
        levels: means over seeds; intervals are over seeds.
        seeds_needed: for the half width that the scenario asks for; null where seeds do not tell.
    """

    label: str
    values: dict[str, Any]
    rule: str
    seeds: list[int]
    levels: list[LevelMetrics]
    seeds_needed: int | None


class SweepDay(Document):
    """A day of an arm of the campaign: every number of a day as a mean over seeds.

    Attributes:
        measures: arm of the campaign.
        date: local day.
    """

    __pydantic_extra__: dict[str, Mean] = Field(init=False)
    model_config = ConfigDict(extra="allow")

    measures: str
    date: str


class SweepCampaignArm(Document):
    """One point of the grid, day by day."""

    label: str
    values: dict[str, Any]
    seeds: list[int]
    days: list[SweepDay]


class SweepCampaign(Document):
    """Campaigns of a sweep."""

    arms: list[SweepCampaignArm]
    differences: list[CampaignDifference]


class Sweep(Document):
    """What ``bluezone-sim sweep --json`` prints.

    Attributes:
        bluezone_sim: version of the program.
        simulations, core_hours, peak_memory_mib, hosts: what it took, the memory of one process.
        finished: when the last simulation was; null where none is known.
        scenario, axes: what was run, and the values of the grid by dotted key.
        tasks: results, one a point, level and seed.
        half_width: how far the interval of mean recall may reach, as a share of it.
        arms: points of the grid.
        differences: every arm less the first, paired by seed.
        campaign: null without one.
        epidemic: its points and their arms over seeds; null without one.
        expect: the scenario's criteria.
        out: folder of the sweep.
    """

    schema_version: Version
    numeric_version: NumericVersion
    bluezone_sim: str
    simulations: int
    core_hours: float
    peak_memory_mib: float
    hosts: int
    finished: str | None
    scenario: str
    axes: dict[str, list[Any]]
    tasks: int
    half_width: float
    arms: list[SweepArm]
    differences: list[Difference]
    campaign: SweepCampaign | None
    epidemic: dict[str, Any] | None
    expect: list[Verdict]
    out: str


class Sides(Document):
    """Of A and of B."""

    a: str
    b: str


class LevelOfBoth(Document):
    """An adoption level of A and of B."""

    a: LevelMetrics
    b: LevelMetrics


class ArmOfBoth(Document):
    """An arm of A and the one of B that belongs to it.

    Attributes:
        a, b: values of the axes, by dotted key.
        rules: of both.
        levels: those that both have.
    """

    a: dict[str, Any]
    b: dict[str, Any]
    rules: Sides
    levels: list[LevelOfBoth]


class Comparison(Document):
    """What ``bluezone-sim compare --json`` prints.

    Attributes:
        arms: those that belong together.
        differences: B less A, by arm, level and metric.
        campaign: B less A by day; empty where one of both has no campaign.
        expect: the criteria of B, or of A where B has none.
    """

    schema_version: Version
    arms: list[ArmOfBoth]
    differences: list[Difference]
    campaign: list[CampaignDifference]
    expect: list[Verdict]
