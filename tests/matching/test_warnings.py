"""Who is told, when and of whom: by hand, in a town of ten."""

from __future__ import annotations

import numpy as np
import pytest

from bluezone_sim.matching import warnings as told_by
from bluezone_sim.matching.exposures import Exposures
from bluezone_sim.matching.warnings import (
    Notifications,
    confirmed,
    delay_s,
    f1_warnings,
    f2_warnings,
    in_time,
)
from bluezone_sim.scenario.schema.exposure import F2, Confirmation, Publication

AT_ONCE = Publication(consent=1.0, push_delay_h=0.0, offline_share=0.0, in_time_h=72.0)
NOBODY = Confirmation()
T0 = 1_597_190_400


def exposures(*rows):
    """Rows of (source, person, first day, fired)."""
    source, person, day, fired = zip(*rows, strict=True)
    return Exposures(
        np.array(source, np.int32), np.array(person, np.int32), np.array(day), np.array(fired, bool)
    )


def notifications(*rows):
    """Rows of (case, person, source, seconds until told)."""
    case, person, source, after = zip(*rows, strict=True)
    n = len(rows)
    return Notifications(
        *(np.array(c, np.int32) for c in (case, person, source)),
        first_day=np.zeros(n, np.int64),
        published_s=np.full(n, T0),
        told_s=T0 + np.array(after, np.int64),
    )


def rows_of(told):
    names = ("index_case", "person", "source", "first_day", "told_s")
    return list(zip(*(getattr(told, n).tolist() for n in names), strict=True))


def test_pairs_that_fired_are_told_by_their_source_from_the_first_day():
    pairs = exposures((1, 5, 3, True), (1, 6, 2, False), (2, 5, 0, True))
    found = f1_warnings(7, pairs, T0, AT_ONCE)
    assert rows_of(found) == [(1, 5, 1, 3, T0), (2, 5, 2, 0, T0)]
    assert found.published_s.tolist() == [T0, T0]
    assert len(f1_warnings(7, pairs, T0, AT_ONCE.model_copy(update={"consent": 0.0}))) == 0


def test_a_source_consents_or_not_to_all_of_its_warnings():
    pairs = exposures(*((s, p, 0, True) for s in range(40) for p in (50, 60)))
    half = AT_ONCE.model_copy(update={"consent": 0.5})
    sources = f1_warnings(7, pairs, T0, half).source
    assert np.unique(np.bincount(sources, minlength=40)).tolist() == [0, 2]
    assert 10 < len(np.unique(sources)) < 30
    others = f1_warnings(8, pairs, T0, half).source
    assert np.unique(others).tolist() != np.unique(sources).tolist()


def test_delays_are_those_that_the_scenario_says_on_average():
    source, person = np.repeat(np.arange(200), 200), np.tile(np.arange(200), 200)
    slow = AT_ONCE.model_copy(
        update={"push_delay_h": 2.0, "offline_share": 0.25, "offline_h": 24.0}
    )
    found = delay_s(3, source, person, slow) / 3600
    # An exponential of 2 h; of a quarter, one of 24 h more: mean 8, variance 4 + 24²(2·¼ - 1/16).
    assert found.mean() == pytest.approx(8.0, abs=4 * (256.0 / len(found)) ** 0.5)
    assert found.std() == pytest.approx(256.0**0.5, rel=0.05)
    assert (found < 2.0 * np.log(2)).mean() == pytest.approx(0.5 * 0.75 + 0.25 * 0.0277, abs=0.01)
    assert delay_s(3, source, person, AT_ONCE).max() == 0
    # A pair has one delay, whichever others are asked for.
    assert delay_s(3, source[77:78], person[77:78], slow)[0] / 3600 == found[77]


@pytest.mark.parametrize(("after", "timely"), [(-1, True), (0, True), (1, False)])
def test_in_time_is_up_to_the_second_that_is_said(after, timely):
    told = notifications((1, 2, 1, 72 * 3600 + after))
    assert in_time(told, AT_ONCE).tolist() == [timely]


def test_where_nobody_decides_all_are_told_at_once():
    told = notifications((1, 2, 1, 100), (1, 3, 1, 200))
    found, yes = confirmed(5, told, NOBODY)
    assert found is told
    assert yes.tolist() == [True, True]


def test_who_decides_takes_time_and_a_share():
    told = notifications(*((1, p, 1, 100) for p in range(4000)))
    found, yes = confirmed(5, told, Confirmation(by="authority", share=0.3, delay_h=12.0))
    assert yes.mean() == pytest.approx(0.3, abs=0.03)
    hours = (found.told_s - told.told_s) / 3600
    assert hours.mean() == pytest.approx(12.0, rel=0.06)
    assert np.median(hours) == pytest.approx(12.0 * np.log(2), rel=0.08)
    assert found.person.tolist() == told.person.tolist()


#: Of case 0: F1s 1 and 2, told after 100 and 50 s. Whom they have met: each other, the case, 3, 4, 5.
F1 = notifications((0, 1, 0, 100), (0, 2, 0, 50))
PAIRS = exposures(
    (1, 0, 0, True),
    (1, 2, 0, True),
    (1, 3, 4, True),
    (1, 4, 1, True),
    (1, 5, 1, False),
    (2, 0, 2, True),
    (2, 1, 2, True),
    (2, 3, 6, True),
    (9, 5, 0, True),  # nobody's keys
)


def f2(f1=F1, held=PAIRS, pairs=PAIRS, who=None, publication=AT_ONCE, confirmation=NOBODY):
    return f2_warnings(1, f1, held, pairs, 10, who or F2(), publication, confirmation)


def test_f2s_are_met_by_f1s_and_neither_case_nor_f1_and_told_once_by_the_earliest():
    assert rows_of(f2()) == [(0, 3, 2, 6, T0 + 50), (0, 4, 1, 1, T0 + 100)]
    assert f2().published_s.tolist() == [T0 + 50, T0 + 100]


def test_of_two_at_once_the_lower_number_tells():
    at_once = notifications((0, 2, 0, 50), (0, 1, 0, 50))
    assert rows_of(f2(f1=at_once))[0] == (0, 3, 1, 4, T0 + 50)


def test_each_case_has_f2s_of_its_own():
    both = notifications((0, 1, 0, 100), (7, 2, 7, 50))
    assert [row[:3] for row in rows_of(f2(f1=both))] == [
        (0, 2, 1),  # of case 0 person 2 is no F1
        (0, 3, 1),
        (0, 4, 1),
        (7, 0, 2),
        (7, 1, 2),
        (7, 3, 2),
    ]


def test_mutual_wants_the_f1_to_have_been_seen_by_the_case():
    mutual = F2(confirm="mutual")
    # Both histories hold 1 and 0; the case's phone holds nothing of 2.
    held = exposures(*((s, p, 0, False) for s, p in ((1, 0), (1, 3), (2, 1), (2, 3))))
    assert [row[:3] for row in rows_of(f2(held=held, who=mutual))] == [(0, 3, 1), (0, 4, 1)]
    assert len(f2(held=exposures((2, 1, 0, True)), who=mutual)) == 0


@pytest.mark.parametrize(("share", "n"), [(0.0, 0), (1.0, 2)])
def test_of_f1s_a_share_is_tested(share, n):
    assert len(f2(who=F2(confirm="test", test_share=share))) == n


def test_f1s_who_do_not_consent_tell_nobody():
    assert len(f2(publication=AT_ONCE.model_copy(update={"consent": 0.0}))) == 0


def test_f2s_whom_nobody_confirms_or_who_are_told_too_late_are_left_out(monkeypatch):
    assert len(f2(confirmation=Confirmation(by="tracer", share=0.0))) == 0
    late = {3: 72 * 3600 + 1, 4: 72 * 3600}
    monkeypatch.setattr(
        told_by,
        "delay_s",
        lambda seed, source, person, p: np.array([late[k] for k in person.tolist()]),
    )
    assert [row[1] for row in rows_of(f2())] == [4]


def test_without_f1s_there_are_no_f2s():
    assert len(f2(f1=F1.take(np.zeros(0, np.int64)))) == 0
