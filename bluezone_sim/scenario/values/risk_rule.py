"""A risk rule as a value: how much of an exposure counts, and from when on it warns."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from ..schema.rules import RuleTable


@dataclass(frozen=True)
class PublishedDays:
    """Which days an app publishes of somebody: from a first one to the upload.

    Attributes:
        before_onset: UTC days before that of the onset, the first that is published; None: the whole
            look-back.
        before_test: the same before the day of the test, of somebody without symptoms.
        source: where that is from.
    """

    before_onset: int | None = None
    before_test: int | None = None
    source: str = "the whole look-back"


@dataclass(frozen=True)
class RiskRule:
    """One rule.

    Attributes:
        name: what a scenario calls it.
        title: what it is, in words.
        source: where its numbers are from.
        parameters: keys that ``[rule]`` may have with it.
        weigh: ``(parameters, records) -> float64[n]``, how much the time of each record counts, of a
            :class:`bluezone_sim.matching.exposures.MatchedRecords` that holds every record of a pair.
        enough: ``(parameters, days) -> bool[n]``, the days that warn, of a
            :class:`bluezone_sim.matching.exposures.ExposureDays`, whose ``near_s`` has the weighted
            seconds. It is given all days of a pair together.
        needs: what of a record it weighs; a "distance" is told by attenuation where the protocol tells
            that, else by RSSI.
        version, date: of the app that it is the rule of, and since when.
        days: the days by which ``enough`` counts, local ones or, as Exposure Notification does, UTC.
        publishes: the days that the app publishes.
    """

    name: str
    title: str
    source: str
    parameters: type[RuleTable]
    weigh: str | Callable[..., Any]
    enough: str | Callable[..., Any]
    needs: Literal["nothing", "rssi", "attenuation", "distance"] = "nothing"
    version: str = ""
    date: dt.date | None = None
    days: Literal["local", "utc"] = "local"
    publishes: PublishedDays = PublishedDays()

    @property
    def about(self) -> str:
        """Title, version, date and source in one line."""
        which = [self.version, self.date.isoformat() if self.date else "", self.source]
        told = ", ".join(part for part in which if part)
        return f"{self.title} ({told})" if told else self.title

    @property
    def since(self) -> str:
        """Version and date, as far as they are known: ``10 Dec 2020``."""
        day = f"{self.date.day} {self.date:%b %Y}" if self.date else ""
        return ", ".join(part for part in (self.version, day) if part)

    def read_attenuations(self, told: bool) -> bool:
        """Whether it weighs attenuations, where the protocol tells them or not."""
        return self.needs == "attenuation" or (self.needs == "distance" and told)
