"""Sampling errors of numbers over pairs of people, which share people.

A person with or without the app is in many pairs: as a case, and as an other of several cases. Pairs
that share a person are not independent, so that to resample cases alone leaves something out. The
variance here counts every two pairs with a person in common (Fafchamps and Gubert 2007; Aronow, Samii
and Assenova 2015). But a scenario fixes how many people own a smartphone, run the app and are cases:
what those numbers explain of a person's part does not vary between the worlds of the scenario, and is
taken out by a regression (Deville and Tillé 2005, balanced samples). Without that an interval is too
wide, the more so the more of a town are cases.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ..tables.words import Interval
from .statistics import LEAST_CASES, interval, t_quantile, wilson


class Fixed:
    """Kinds of people whose numbers the scenario fixes.

    Args:
        kinds: ``bool[people]`` each: smartphone owners, users, cases.
    """

    def __init__(self, *kinds: NDArray[np.bool_]):
        every = (np.ones_like(kinds[0]), *kinds)
        self._inverse = np.linalg.pinv(
            [[np.count_nonzero(a & b) for b in every] for a in every], hermitian=True
        )
        # Rows are gathered in a tenth of the time that a mask takes.
        self._rows = [np.flatnonzero(kind) for kind in kinds]

    def rest(self, parts: NDArray[np.float64]) -> float:
        """Sum of squares of what a regression on the kinds leaves of ``float64[people]``."""
        by_kind = np.array([parts.sum(), *(parts[rows].sum() for rows in self._rows)])
        explained = (by_kind[:, None] * self._inverse * by_kind).sum()
        return float(_squares(parts) - explained)


def _squares(x: NDArray[np.float64]) -> float:
    """Sum of squares. Not by ``@``: the last bits of a BLAS depend on how many threads it has."""
    return float((x * x).sum())


@dataclass(frozen=True)
class Dyads:
    """Ordered pairs of people over which numbers are taken.

    Attributes:
        case, other: ``int[n]``, people; an ordered pair stands once.
        n_people: of the town.
    """

    case: NDArray[np.integer]
    other: NDArray[np.integer]
    n_people: int

    @cached_property
    def n_cases(self) -> int:
        """Cases that have a pair."""
        return len(np.unique(self.case))

    def share(self, hit: NDArray[np.bool_], fixed: Fixed) -> Interval | None:
        """95 % interval of the share of pairs that are hit; None with too few cases for one.

        Args:
            hit: ``bool[n]``.
            fixed: of the town.
        """
        if self.n_cases < LEAST_CASES:
            return None
        share, df = float(hit.mean()), self.n_cases - 1
        if not 0 < share < 1:  # no spread to go by: as if all pairs of a case were one
            return wilson(share, self.n_cases, t_quantile(df))
        return interval(
            share,
            self._error(hit.astype(np.float64) - share, fixed) / len(hit),
            df,
            "share",
        )

    def difference(self, gain: NDArray[np.float64], fixed: Fixed) -> Interval | None:
        """95 % interval of the mean of ``float64[n]``, -1 to 1 each; None with too few cases for one."""
        if self.n_cases < LEAST_CASES:
            return None
        mean = float(gain.mean())
        error = self._error(gain - mean, fixed) / len(gain)
        return interval(mean, error, self.n_cases - 1, "difference")

    def per_case(self, cases: NDArray[np.integer], fixed: Fixed) -> Interval | None:
        """95 % interval of the number of pairs a case; None with too few cases that have one.

        Args:
            cases: ``int[c]``, those with no pair among them.
            fixed: of the town.
        """
        if self.n_cases < LEAST_CASES:
            return None
        mean = len(self.case) / len(cases)
        own = np.zeros(self.n_people)
        own[cases] = -mean
        error = self._error(np.ones(len(self.case)), fixed, own) / len(cases)
        return interval(mean, error, self.n_cases - 1, "positive")

    def _error(
        self, rest: NDArray[np.float64], fixed: Fixed, own: NDArray[np.float64] | None = None
    ) -> float:
        """Standard error of a sum over pairs.

        Args:
            rest: ``float64[n]``, what each pair adds over its mean.
            fixed: of the town.
            own: ``float64[people]``, what each person adds alone; by default nothing.
        """
        parts = np.bincount(self.case, rest, minlength=self.n_people).astype(np.float64, copy=False)
        if own is not None:
            parts += own
        parts += np.bincount(self.other, rest, minlength=self.n_people)
        # Two people who are a pair are in the sum over people once for each of them.
        together = np.bincount(self._dyad, rest).astype(np.float64)
        twice = _squares(together)
        return float(max(fixed.rest(parts) - twice, twice) ** 0.5)

    @cached_property
    def _dyad(self) -> NDArray[np.int64]:
        """``int64[n]``: number of the unordered pair."""
        low, high = np.minimum(self.case, self.other), np.maximum(self.case, self.other)
        return np.unique(low.astype(np.int64) * self.n_people + high, return_inverse=True)[1]
