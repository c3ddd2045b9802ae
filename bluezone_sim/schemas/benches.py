"""Documents of ``bench``."""

from __future__ import annotations

from ..benchmarks.epidemics import EpidemicFigure
from ..benchmarks.limit import LimitFigure
from ..benchmarks.whole_runs import EngineFigure, PeerFigure
from .document import Document, Version


class Figure(Document):
    """A figure of the core beside its baseline.

    Attributes:
        name, unit, value, range, extra: as github-action-benchmark's ``customBiggerIsBetter`` reads them;
            the value is the ratio to the baseline.
        baseline: what it is a ratio to, in words.
        rate, rate_unit: what the core did.
        processor, units: what it was measured on.
    """

    name: str
    unit: str
    value: float
    range: str
    extra: str
    baseline: str
    rate: float
    rate_unit: str
    processor: str
    units: str


class BenchEngine(Document):
    """What ``bluezone-sim bench engine --json`` prints; ``peer`` is null without ``--peer``."""

    schema_version: Version
    runs: list[EngineFigure]
    peer: PeerFigure | None


class BenchEpidemic(Document):
    """What ``bluezone-sim bench epidemic --json`` prints; ``peer`` is null without ``--peer``."""

    schema_version: Version
    epidemics: list[EpidemicFigure]
    peer: PeerFigure | None


class BenchLimit(Document):
    """What ``bluezone-sim bench limit --json`` prints."""

    schema_version: Version
    processor: str
    units: str
    figures: list[LimitFigure]
