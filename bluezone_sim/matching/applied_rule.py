"""A risk rule with its parameters, as matching applies it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..errors import TableError
from ..registry import code_of
from ..scenario.schema.rules import RuleTable
from ..scenario.values.registries import RULES
from ..scenario.values.risk_rule import RiskRule
from ..tables.rows import Matches
from . import weights
from .exposures import ExposureDays, MatchedRecords

#: Code of the rules that ship.
_SHIPPED = {
    function.__name__: function
    for function in (
        weights.whole,
        weights.at_rssi,
        weights.within,
        weights.at_most,
        weights.up_to_edges,
        weights.below_edges,
        weights.inverse_square,
        weights.any_day,
        weights.enough_minutes,
    )
}


@dataclass(frozen=True)
class AppliedRule:
    """A rule with its parameters."""

    rule: RiskRule
    parameters: RuleTable

    def weigh(self, records: MatchedRecords) -> NDArray[np.float64]:
        """``float64[n]``: how much the time of each record counts.

        Raises:
            TableError: the rule weighs attenuations, which the records do not tell.
        """
        self.check(records)
        weigh = code_of(self.rule.weigh, _SHIPPED)
        found: NDArray[np.float64] = weigh(self.parameters, records)
        return found

    def check(self, told: MatchedRecords | Matches) -> None:
        """Raises TableError where the rule weighs attenuations and none are told."""
        if self.rule.needs == "attenuation" and told.attenuation_db is None:
            others = ", ".join(r.name for r in RULES.all() if r.needs != "attenuation")
            raise TableError(
                f"matches: no attenuation, which the rule {self.rule.name} weighs; add what GAEN sends "
                "behind its identifiers (to a CSV a column payload with the 4 encrypted bytes), or take "
                f"a rule that needs none: {others}"
            )

    def enough(self, days: ExposureDays) -> NDArray[np.bool_]:
        """``bool[n]``: the days that warn."""
        enough = code_of(self.rule.enough, _SHIPPED)
        found: NDArray[np.bool_] = enough(self.parameters, days)
        return found


def applied(table: RuleTable) -> AppliedRule:
    """The rule that a scenario names."""
    return AppliedRule(RULES.get(table.name), table)
