"""A risk rule as a value: how much of an exposure counts, and from when on it warns."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from ...errors import TableError
from ...registry import code_of
from ..schema.rules import RuleTable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class RiskRule:
    """One rule.

    Attributes:
        name: what a scenario calls it.
        title: what it is, in words.
        source: where its numbers are from.
        parameters: keys that ``[rule]`` may have with it.
        weigh: ``(parameters, records) -> float64[n]``, how much the time of each record counts, of a
            :class:`bluezone_sim.matching.pairs.MatchedRecords`.
        enough: ``(parameters, days) -> bool[n]``, the days that warn, of a
            :class:`bluezone_sim.matching.pairs.PairDays`, whose ``near_s`` has the weighted seconds. It
            is given all days of the published keys together.
        needs: what of a record it weighs.
        version, date: of the app that it is the rule of, and since when.
    """

    name: str
    title: str
    source: str
    parameters: type[RuleTable]
    weigh: str | Callable[..., Any]
    enough: str | Callable[..., Any]
    needs: Literal["nothing", "rssi", "attenuation"] = "nothing"
    version: str = ""
    date: dt.date | None = None

    @property
    def about(self) -> str:
        """Title, version, date and source in one line."""
        which = [self.version, self.date.isoformat() if self.date else "", self.source]
        told = ", ".join(part for part in which if part)
        return f"{self.title} ({told})" if told else self.title

    @property
    def by_default(self) -> AppliedRule | None:
        """The rule with its parameters' defaults; None where one of them has none."""
        fields = self.parameters.model_fields
        if any(field.is_required() for key, field in fields.items() if key != "name"):
            return None
        return AppliedRule(self, self.parameters(name=self.name))


@dataclass(frozen=True)
class AppliedRule:
    """A rule with its parameters."""

    rule: RiskRule
    parameters: RuleTable

    def weigh(self, records: Any) -> NDArray[np.float64]:
        """``float64[n]``: how much the time of each record counts.

        Raises:
            TableError: the rule weighs attenuations, which the records do not tell.
        """
        if self.rule.needs == "attenuation" and records.attenuation_db is None:
            raise TableError(f"matches: no attenuation, which the rule {self.rule.name} weighs")
        weights: NDArray[np.float64] = code_of(self.rule.weigh)(self.parameters, records)
        return weights

    def enough(self, days: Any) -> NDArray[np.bool_]:
        """``bool[n]``: the days that warn."""
        warns: NDArray[np.bool_] = code_of(self.rule.enough)(self.parameters, days)
        return warns
