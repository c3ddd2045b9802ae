"""The model of Ferretti et al. 2020: R by route, and growth with isolation and contact tracing.

Science 368:eabb6936, doi:10.1126/science.abb6936, and its supplement; the plane of two efficacies is that
of Fraser et al. 2004 (PNAS 101:6146). Written from their equations.

With the infector infected ``b`` days before, and the infected ``a`` days ago::

    Y(a) = R0 w(a) [1 - i s(a)] ∫ [1 - q (s(a + b) - s(b)) / (1 - s(b))] exp(-r b) Y(b) db

where ``w`` is the distribution of generation times, ``s(a)`` the share of infectiousness whose source has
had symptoms for longer than the delay after ``a`` days, ``i`` the share of those who then isolate, and
``q`` the share of their contacts who then go into quarantine; infections through the environment cannot
be traced. R is the largest eigenvalue at ``r = 0``; the growth rate is the ``r`` at which it is one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr

from ..errors import InputError
from .checks import number_in

#: Nodes of the quadrature over days since infection, and minus the logarithm of the tail of generation
#: times that it leaves out. Twice as many nodes change no growth rate or R of the paper by 1e-7.
_NODES, _TAIL = 48, 60.0
#: An eigenvalue is found when it changes by less than this, relatively; a growth rate, absolutely.
_CLOSE, _MOST_ROUNDS = 1e-12, 500


@dataclass(frozen=True)
class Disease:
    """The paper's parameters (its table 1), as its web application rounds them.

    Attributes:
        incubation_log_mean, incubation_log_sd: of the lognormal incubation, days.
        generation_shape, generation_scale_days: of the Weibull distribution of generation times; the
            shape is 1 at least.
        doubling_days: of the epidemic without measures.
        asymptomatic_share: share of infections that never show symptoms.
        asymptomatic_infectiousness: of one of these, relative to one with symptoms.
        environmental_share: share of infections through the environment.
        environment_decay_per_day: of what is left in the environment.

    Raises:
        InputError: one of them is out of its range.
    """

    incubation_log_mean: float = 1.64
    incubation_log_sd: float = 0.36
    generation_shape: float = 2.83
    generation_scale_days: float = 5.67
    doubling_days: float = 5.0
    asymptomatic_share: float = 0.4
    asymptomatic_infectiousness: float = 0.1
    environmental_share: float = 0.1
    environment_decay_per_day: float = 2.3

    def __post_init__(self) -> None:
        for name, low, high in (
            ("incubation_log_mean", -5.0, 5.0),
            ("incubation_log_sd", 0.01, 5.0),
            ("generation_shape", 1.0, 20.0),
            ("generation_scale_days", 0.1, 100.0),
            ("doubling_days", 0.1, 1000.0),
            ("asymptomatic_share", 0.0, 0.99),
            ("asymptomatic_infectiousness", 0.0, 10.0),
            ("environmental_share", 0.0, 0.99),
            ("environment_decay_per_day", 0.01, 1000.0),
        ):
            number_in(name, getattr(self, name), low, high)

    @property
    def asymptomatic_transmissions(self) -> float:
        """Share of the transmissions from person to person whose source never shows symptoms."""
        ratio = self.asymptomatic_infectiousness * self.asymptomatic_share
        ratio /= 1 - self.asymptomatic_share
        return ratio / (1 + ratio)

    def generation_density(self, days: NDArray[np.float64]) -> NDArray[np.float64]:
        """Density of generation times, a day, at positive ``days`` since infection."""
        x = days / self.generation_scale_days
        k = self.generation_shape
        return k / self.generation_scale_days * x ** (k - 1) * np.exp(-(x**k))

    def with_symptoms(self, days: NDArray[np.float64]) -> NDArray[np.float64]:
        """Share, of those who ever show symptoms, who have them after ``days``; 0 before infection."""
        positive = np.maximum(days, 1e-300)
        return np.asarray(
            ndtr((np.log(positive) - self.incubation_log_mean) / self.incubation_log_sd)
        )


FERRETTI = Disease()


class Routes(NamedTuple):
    """R by the route of infection; their sum is R0."""

    presymptomatic: float
    symptomatic: float
    environmental: float
    asymptomatic: float


class Growth(NamedTuple):
    """What comes of isolation and tracing.

    Attributes:
        per_day: ``float64``, exponential growth rate; the epidemic declines where it is below 0.
        r: ``float64``, reproduction number.
    """

    per_day: NDArray[np.float64]
    r: NDArray[np.float64]


def routes(disease: Disease = FERRETTI) -> Routes:
    """R by route, of an epidemic without measures that doubles as the disease says."""
    days, weight = _quadrature(disease)
    w = weight * disease.generation_density(days)
    rate = np.log(2) / disease.doubling_days
    symptomatic = float(w @ disease.with_symptoms(days))
    fraction = disease.asymptomatic_transmissions
    asymptomatic = fraction / (1 - fraction)
    # Through the environment: what the others shed, later by an exponential of the decay.
    decay, share = disease.environment_decay_per_day, disease.environmental_share
    beside = share / (1 - share)
    laplace = (1 + asymptomatic) * float(w @ np.exp(-rate * days))
    scale = 1 / (laplace * (1 + beside * decay / (decay + rate)))
    return Routes(
        presymptomatic=float(scale * (1 - symptomatic)),
        symptomatic=float(scale * symptomatic),
        environmental=float(scale * beside * (1 + asymptomatic)),
        asymptomatic=float(scale * asymptomatic),
    )


def growth(
    isolated: ArrayLike,
    quarantined: ArrayLike,
    r0: ArrayLike,
    delay_h: ArrayLike = 0.0,
    disease: Disease = FERRETTI,
) -> Growth:
    """Growth rate and R, for every element of arguments that are broadcast against each other.

    The plane of a figure, with a point on it::

        share = np.linspace(0, 1, 41)
        plane = growth(share, share[:, None], r0=2.0, delay_h=24.0)  # row: quarantined
        axes.contourf(share, share, plane.per_day)
        axes.contour(share, share, plane.per_day, levels=[0])        # below: the epidemic is controlled
        point = growth(0.6, 0.35, 2.0, 24.0)                         # arrays of shape ()

    Args:
        isolated: share of the cases with symptoms who isolate when these begin and the delay is over,
            0 .. 1.
        quarantined: share of their contacts who go into quarantine at the same time, 0 .. 1; both ends
            running the app, being found, told and compliant are factors of it. Infections through the
            environment are left out here and must not be taken off it.
        r0: R without measures, 0.01 .. 50.
        delay_h: hours from symptoms to isolation and quarantine, 0 .. 500; one plane each is made for
            every different delay.
        disease: of what is spread.

    Raises:
        InputError: an argument is out of its range, or their shapes do not go together.
    """
    given = (
        number_in("isolated", isolated, 0.0, 1.0),
        number_in("quarantined", quarantined, 0.0, 1.0),
        number_in("r0", r0, 0.01, 50.0),
        number_in("delay_h", delay_h, 0.0, 500.0),
    )
    try:
        i, q, reproduction, delay = np.broadcast_arrays(*given)
    except ValueError:
        shapes = ", ".join(str(a.shape) for a in given)
        raise InputError(
            f"isolated, quarantined, r0 and delay_h: shapes {shapes} do not go together"
        ) from None
    per_day, r = np.empty(i.size), np.empty(i.size)
    for hours in np.unique(delay):
        at = np.flatnonzero(delay.ravel() == hours)
        plane = _Plane(i.ravel()[at], q.ravel()[at], float(hours) / 24, disease)
        scale = reproduction.ravel()[at]
        r[at] = scale * plane.eigenvalue(np.zeros(len(at)))[0]
        per_day[at] = plane.root(scale)
    return Growth(per_day.reshape(i.shape), r.reshape(i.shape))


class _Plane:
    """The next-generation operator of points that share a delay, for R0 = 1, at nodes."""

    def __init__(
        self,
        isolated: NDArray[np.float64],
        quarantined: NDArray[np.float64],
        delay_days: float,
        disease: Disease,
    ):
        self.days, weight = _quadrature(disease)
        symptoms = 1 - disease.asymptomatic_transmissions
        left = 1 - symptoms * disease.with_symptoms(self.days - delay_days)
        later = self.days[:, None] + self.days[None, :] - delay_days
        #: Of infectors who infect on day ``b`` (column) and are not found by then, the share that is not
        #: found ``a`` (row) days later.
        self.unfound = np.zeros_like(later)
        np.divide(
            1 - symptoms * disease.with_symptoms(later), left, out=self.unfound, where=left > 0
        )
        self.traced = (quarantined * (1 - disease.environmental_share))[:, None]
        infects = 1 - isolated[:, None] * (1 - left[None, :])
        self.infects = weight * disease.generation_density(self.days) * infects
        self.right = np.ones_like(self.infects)
        self.left = np.ones_like(self.infects)

    def eigenvalue(
        self, per_day: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Largest eigenvalue at growth rates, and its logarithm's slope; by power iteration.

        The operator is positive and hardly more than of rank one, so that few rounds do.
        """
        infects = self.infects * np.exp(-per_day[:, None] * self.days)
        before = np.zeros(len(per_day))
        for _ in range(_MOST_ROUNDS):
            right = infects * self._seen(self.right, self.unfound)
            left = self._seen(infects * self.left, self.unfound.T)
            # Rayleigh's quotient of both vectors: its error is the product of theirs.
            both = (self.left * self.right).sum(axis=1)
            value = (self.left * right).sum(axis=1) / both
            self.right = right / right.sum(axis=1, keepdims=True)
            self.left = left / left.sum(axis=1, keepdims=True)
            if np.all(np.abs(value - before) <= _CLOSE * value):
                break
            before = value
        else:
            raise AssertionError("the power iteration did not converge")
        weight = self.left * self.right
        return value, -(weight @ self.days) / weight.sum(axis=1)

    def _seen(
        self, vector: NDArray[np.float64], unfound: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        total = vector.sum(axis=1, keepdims=True)
        return np.asarray((1 - self.traced) * total + self.traced * (vector @ unfound.T))

    def root(self, r0: NDArray[np.float64]) -> NDArray[np.float64]:
        """Growth rates at which R0 times the eigenvalue is one.

        By Newton's method on the logarithm, which is convex in the growth rate and falls: from the second
        round on it comes from below and cannot miss.
        """
        rate = np.zeros(len(r0))
        for _ in range(_MOST_ROUNDS):
            value, slope = self.eigenvalue(rate)
            step = np.log(r0 * value) / slope
            rate = rate - step
            if np.abs(step).max(initial=0.0) < _CLOSE:
                return rate
        raise AssertionError("Newton's method did not converge")


def _quadrature(disease: Disease) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Gauss and Legendre's nodes and weights over days since infection."""
    x, weight = np.polynomial.legendre.leggauss(_NODES)
    half = disease.generation_scale_days * _TAIL ** (1 / disease.generation_shape) / 2
    return (x + 1) * half, weight * half
