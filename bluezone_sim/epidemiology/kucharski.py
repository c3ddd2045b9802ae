"""What isolation and an app take off R in the model of Kucharski et al. 2020, in closed form.

Lancet Infectious Diseases 20:1151, doi:10.1016/S1473-3099(20)30457-6. The paper simulates cases one by
one; each case infects the mean number of its contacts, and every event is drawn on its own, so that the
mean over cases is a sum over a few kinds of cases. Written from the paper.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .checks import number_in

#: Mean contacts of the survey that the paper draws from (BBC Pandemic): people met at home over the
#: whole infection; at work or school and elsewhere, a day.
ADULT_CONTACTS, CHILD_CONTACTS = (1.90041, 5.94790, 3.76950), (3.02836, 5.54279, 1.47335)
#: Share of people below 18, and of infections of adults and of children that have symptoms.
CHILDREN, SYMPTOMATIC_ADULTS, SYMPTOMATIC_CHILDREN = 0.21, 0.7, 0.3
#: How infectious a case without symptoms is, of one with them.
ASYMPTOMATIC_INFECTIOUSNESS = 0.5
#: Of the cases with symptoms, are tested: only these isolate, and only their contacts are traced.
TESTED = 0.9
#: Of the contacts that are traced, those at home included, stay in quarantine.
ADHERENCE = 0.9
#: Risk of infection of one contact, at home and elsewhere.
RISK_HOME, RISK_ELSEWHERE = 0.2, 0.06
#: Days for which a case is infectious; shares of the cases that isolate after 0 .. 5 of them.
INFECTIOUS_DAYS = 5
ISOLATED_AFTER = (0.0, 0.25, 0.25, 0.2, 0.3, 0.0)


class Reproduction(NamedTuple):
    """R without any measure, and with isolation of cases and tracing by app.

    Attributes:
        without: R0.
        measured: ``float64``, of the shape of the coverage.
        reduction: ``float64``, the share of R0 that is averted.
    """

    without: float
    measured: NDArray[np.float64]
    reduction: NDArray[np.float64]


class _Kind(NamedTuple):
    """Cases that are alike: their share, whom they infect by place, whether they are tested."""

    share: float
    infects: NDArray[np.float64]
    tested: bool


def app_scenario(coverage: ArrayLike, *, other_twice: bool = True) -> Reproduction:
    """R with isolation, quarantine of households and an app, without a delay.

    The app finds a contact at work or school if both run it. Contacts elsewhere (``other``) are found
    likewise; in the published code they are tried twice, so that of the contacts of a case who runs the
    app the share ``1 - (1 - coverage)²`` is found and not ``coverage``, and the paper's figures hang on
    that.

    Args:
        coverage: share of people who run the app, 0 .. 1, of any shape.
        other_twice: as in the published code, which gives the published figures; else once.

    Raises:
        InputError: a coverage is not from 0 to 1.
    """
    app = number_in("coverage", coverage, 0.0, 1.0)
    found = np.stack(
        [np.ones_like(app), app * app, app * (1 - (1 - app) ** 2) if other_twice else app * app]
    )
    r0, r = 0.0, np.zeros_like(app)
    for kind in _kinds():
        r0 += kind.share * float(kind.infects.sum())
        if not kind.tested:
            r += kind.share * kind.infects.sum()
            continue
        for days, share in enumerate(ISOLATED_AFTER):
            left = kind.infects * (1.0, days / INFECTIOUS_DAYS, days / INFECTIOUS_DAYS)
            averted = ADHERENCE * np.tensordot(left, found, 1)
            r += kind.share * share * (left.sum() - averted)
    return Reproduction(r0, r, 1 - r / r0)


def _kinds() -> Iterator[_Kind]:
    """Adults and children, with symptoms and without, tested and not."""
    risk = np.array([RISK_HOME, RISK_ELSEWHERE * INFECTIOUS_DAYS, RISK_ELSEWHERE * INFECTIOUS_DAYS])
    for people, contacts, symptoms in (
        (1 - CHILDREN, ADULT_CONTACTS, SYMPTOMATIC_ADULTS),
        (CHILDREN, CHILD_CONTACTS, SYMPTOMATIC_CHILDREN),
    ):
        infects = risk * contacts
        yield _Kind(people * symptoms * TESTED, infects, tested=True)
        yield _Kind(people * symptoms * (1 - TESTED), infects, tested=False)
        yield _Kind(people * (1 - symptoms), infects * ASYMPTOMATIC_INFECTIOUSNESS, tested=False)
