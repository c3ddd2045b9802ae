"""What a run gives: metrics by adoption level, tables, and where the time went."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, overload

from .._version import NUMERIC_VERSION, SCHEMA_VERSION
from ..scenario.by_protocol import rule_document, rule_in_words
from ..scenario.model import Scenario
from ..tables.level_tables import levels_table
from ..tables.levels import LevelMetrics
from ..tables.metrics import to_json
from ..tables.rows import Histogram, Outcomes, Warnings
from ..tables.table import notebook
from ..tables.words import Interval
from ..world.trace_summary import TraceInfo
from .adopters import AdopterRow
from .campaign import CampaignResult
from .epidemic.summary import EpidemicResult


@dataclass(frozen=True)
class SensitivityRow:
    """One sensitivity run: what it changed, and what came out.

    Attributes:
        left_out: why it was not run, where what it changes has no effect in the scenario. Then nothing
            came out.
    """

    label: str
    changes: Mapping[str, Any]
    recall: float | None = None
    recall_ci95: Interval | None = None
    precision: float | None = None
    n_warned_f1: float | None = None
    left_out: str | None = None


class Metrics(Sequence[LevelMetrics]):
    """Metrics by adoption level, in the scenario's order."""

    def __init__(self, levels: Sequence[LevelMetrics]):
        self._levels = tuple(levels)

    @overload
    def __getitem__(self, index: int) -> LevelMetrics: ...
    @overload
    def __getitem__(self, index: slice) -> Metrics: ...
    def __getitem__(self, index: int | slice) -> LevelMetrics | Metrics:
        if isinstance(index, slice):
            return Metrics(self._levels[index])
        return self._levels[index]

    def __len__(self) -> int:
        return len(self._levels)

    def __iter__(self) -> Iterator[LevelMetrics]:
        return iter(self._levels)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Metrics) and self._levels == other._levels

    def __hash__(self) -> int:
        return hash(tuple((level.users, level.recall) for level in self._levels))

    def __repr__(self) -> str:
        return levels_table(self).text()

    def _repr_html_(self) -> str:
        return notebook(levels_table(self).html())

    def to_arrow(self) -> Any:
        """A ``pyarrow.Table``, a row a level; intervals and stages are columns of their own."""
        from .arrow import metrics_to_arrow

        return metrics_to_arrow(self)

    def to_pandas(self) -> Any:
        """A ``pandas.DataFrame`` of :meth:`to_arrow`; needs pandas."""
        return self.to_arrow().to_pandas()

    def to_polars(self) -> Any:
        """A ``polars.DataFrame`` of :meth:`to_arrow`; needs polars."""
        import polars

        return polars.from_arrow(self.to_arrow())


@dataclass(frozen=True, eq=False)
class RunResult:
    """A run.

    Attributes:
        scenario, seed: what was run.
        metrics: by adoption level.
        outcomes: one row per risky pair and level.
        warnings: one row per person warned, case and level.
        n_risky_pairs, n_f0, n_f2_cases: risky pairs, index cases, cases followed to F2.
        sensitivity: the scenario as it is, then one assumption changed at a time.
        histograms: distributions at the highest level.
        adopters: by adoption level over draws of who adopts; empty without ``adoption.draws``.
        campaign: day by day, where the scenario has a campaign.
        epidemic: by arm over its seeds, where the scenario has an epidemic.
        trace: what was in its contact trace, where it has one.
        stages_s: seconds by stage.
        seconds, peak_memory_mib: the whole run.
        threads: threads used; numbers do not depend on it.
    """

    scenario: Scenario
    seed: int
    metrics: Metrics
    outcomes: Outcomes
    warnings: Warnings
    n_risky_pairs: int
    n_f0: int
    n_f2_cases: int
    sensitivity: tuple[SensitivityRow, ...]
    histograms: tuple[Histogram, ...]
    stages_s: Mapping[str, float]
    seconds: float
    peak_memory_mib: float
    threads: int
    adopters: tuple[AdopterRow, ...] = ()
    campaign: CampaignResult | None = None
    trace: TraceInfo | None = None
    epidemic: EpidemicResult | None = None

    @property
    def system(self) -> str:
        """Protocol and rule."""
        return f"{self.scenario.protocol.name}, {rule_in_words(self.scenario)}"

    @property
    def everyone_is_a_case(self) -> bool:
        """Nobody was left to chance: the numbers of this population are certain."""
        return self.n_f0 == self.scenario.population.people

    def headline(self) -> str:
        """What was run, in one line."""
        return (
            f"{self.scenario.name} (seed {self.seed}, {self.system}): "
            f"{self.scenario.population.people:,} people, {self.n_f0:,} cases, "
            f"{self.n_risky_pairs:,} risky pairs"
        )

    def to_arrow(self) -> Any:
        """A ``pyarrow.Table`` of :attr:`outcomes`, a row per risky pair and level."""
        from .arrow import outcomes_to_arrow

        return outcomes_to_arrow(self.outcomes)

    def to_pandas(self) -> Any:
        """A ``pandas.DataFrame`` of :meth:`to_arrow`; needs pandas."""
        return self.to_arrow().to_pandas()

    def to_polars(self) -> Any:
        """A ``polars.DataFrame`` of :meth:`to_arrow`; needs polars."""
        import polars

        return polars.from_arrow(self.to_arrow())

    def to_dict(self) -> dict[str, Any]:
        """The document that ``bluezone-sim run --json`` prints: plain JSON types, None for null."""
        from .epidemic.stored import to_document

        return {
            "schema_version": SCHEMA_VERSION,
            "numeric_version": NUMERIC_VERSION,
            "scenario": self.scenario.name,
            "seed": self.seed,
            "protocol": self.scenario.protocol.name,
            "rule": rule_document(self.scenario),
            "confirmation": self.scenario.confirmation.model_dump(mode="json"),
            "index_cases": self.n_f0,
            "f2_cases": self.n_f2_cases,
            "everyone_is_a_case": self.everyone_is_a_case,
            "risky_pairs": self.n_risky_pairs,
            "levels": [_plain(to_json(level)) for level in self.metrics],
            "sensitivity": [_plain(asdict(row)) for row in self.sensitivity],
            "trace": None if self.trace is None else _plain(asdict(self.trace)),
            "adopters": [_plain(asdict(row)) for row in self.adopters],
            "campaign": None if self.campaign is None else self.campaign.to_dict(),
            "epidemic": None if self.epidemic is None else to_document(self.epidemic),
            "seconds": round(self.seconds, 3),
            "stages_s": {k: round(v, 3) for k, v in self.stages_s.items()},
            "peak_memory_mib": round(self.peak_memory_mib, 1),
        }


def _plain(value: Any) -> Any:
    """Tuples to lists and dates to text, all the way down."""
    if isinstance(value, Mapping):
        return {k: _plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    return value.isoformat() if isinstance(value, dt.date) else value
