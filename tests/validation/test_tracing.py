"""Known answers of models of contact tracing, and outbreaks on a trace beside a naive twin."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest

from bluezone_sim.errors import FormatError, InputError
from bluezone_sim.kernels.threads import available_threads
from bluezone_sim.validation.tracing import known as room
from bluezone_sim.validation.tracing.barrat import COURSE, OfficeTrace, final_sizes, read_trace
from bluezone_sim.validation.tracing.known import BARRAT, BARRAT_JUDGED, KUCHARSKI, known_answers
from helpers.commands import call
from twins.naive_outbreak import Outbreak

INVS15 = os.environ.get("BLUEZONE_SIM_INVS15", "")
needs_trace = pytest.mark.skipif(
    not INVS15,
    reason="BLUEZONE_SIM_INVS15 is not set: the path of tij_InVS15_1week.dat of "
    "github.com/barrat/digitalcontacttracing enables it",
)


def office(people: int = 30, days: int = 3, seed: int = 1, longest: int = 45) -> np.ndarray:
    """Rows of an office: most contacts within departments of six, some of them long."""
    draw = np.random.default_rng(seed)
    rows = []
    for day in range(days):
        for step in range(36):
            for _ in range(6):
                i, j = draw.choice(people, 2, replace=False)
                if draw.random() < 0.7:
                    j = (i + 5 * draw.integers(1, people // 5)) % people
                length = min(longest, draw.geometric(0.05))
                rows.append((96 * day + step, 100 + i, 100 + j, 20 * length))
    return np.array(rows, np.int64)


def teams(people: int = 24, days: int = 3, seed: int = 1) -> np.ndarray:
    """Rows of teams of three who meet for long; others meet for some minutes."""
    draw = np.random.default_rng(seed)
    rows = []
    for t in (96 * day + step for day in range(days) for step in range(36)):
        for _ in range(3):
            i, j = draw.choice(people, 2, replace=False)
            seconds = 20 * draw.integers(1, 16)
            if draw.random() < 0.7:
                j = i // 3 * 3 + (i + draw.integers(1, 3)) % 3
                seconds = 20 * min(45, draw.geometric(0.05))
            rows.append((t, i, j, seconds))
    return np.array(rows, np.int64)


def written(path: Path, rows: np.ndarray) -> Path:
    np.savetxt(path, rows, fmt="%d", delimiter="\t")
    return path


@pytest.mark.parametrize("adoption", [0.0, 0.7, 1.0])
def test_outbreaks_equal_a_naive_twin_trial_by_trial(adoption):
    rows = teams()
    ours = final_sizes(OfficeTrace.of_rows(rows), adoption, trials=8, seed=4)
    given = rows.tolist()
    twin = [Outbreak(given, COURSE, adoption, 4, trial).run() for trial in range(8)]
    assert ours.tolist() == twin
    assert len(set(twin)) > 2
    without = final_sizes(OfficeTrace.of_rows(rows), 0.0, trials=8, seed=4)
    assert (ours.tolist() != without.tolist()) == (adoption > 0)


def test_an_app_that_sees_long_contacts_makes_outbreaks_smaller():
    trace = OfficeTrace.of_rows(office())
    without, half, everybody = (
        final_sizes(trace, share, trials=400, seed=2).mean() for share in (0.0, 0.5, 1.0)
    )
    assert without > half + 0.02
    assert half > everybody + 0.05
    # Contacts of 20 s never add up to more than 15 minutes in two days.
    short = OfficeTrace.of_rows(office(longest=1))
    assert short.seconds.max() <= 60
    same = [final_sizes(short, share, trials=50, seed=2).tolist() for share in (0.0, 1.0)]
    assert same[0] == same[1]


def test_two_people_infect_each_other_or_not():
    """They meet for 900 s in every step: who is infected first infects the other, as 0.5 or 1 of beta."""
    always = np.array([(t, 1, 2, 900) for t in range(192)])
    assert final_sizes(OfficeTrace.of_rows(always), 1.0, trials=50, seed=1).tolist() == [1.0] * 50
    # Once a day for 20 s, so that of the first one's infectious days there are 1 to 4.
    rarely = OfficeTrace.of_rows(np.array([(0, 1, 2, 20), (96, 1, 2, 20)]))
    share = final_sizes(rarely, 0.0, trials=20_000, seed=1).mean()
    mild, severe = (1 - (1 - COURSE.infects * r) ** 20 for r in (0.5, 1.0))
    # Days: 1.5 + 2.3 where nobody isolates, 1.5 + .5 else; mild cases isolate in half of the cases.
    unseen, seen = 0.2 + 0.72 / 2, 0.72 / 2
    expected = mild * (unseen * 3.8 + seen * 2.0) + severe * 0.08 * 2.0
    assert 2 * share - 1 == pytest.approx(expected, rel=0.1)


def test_trials_do_not_depend_on_threads_or_their_number():
    trace = OfficeTrace.of_rows(office())
    one = final_sizes(trace, 0.5, trials=60, seed=9)
    assert np.array_equal(final_sizes(trace, 0.5, trials=60, seed=9, threads=3), one)
    assert np.array_equal(final_sizes(trace, 0.5, trials=20, seed=9), one[:20])
    assert not np.array_equal(final_sizes(trace, 0.5, trials=60, seed=10), one)
    with pytest.raises(InputError, match=r"adoption: expected 0 to 1, found 1\.5"):
        final_sizes(trace, 1.5, trials=1, seed=1)
    with pytest.raises(InputError, match="trials: expected 1 or more"):
        final_sizes(trace, 0.5, trials=0, seed=1)


def test_a_trace_is_read(tmp_path):
    rows = np.array([(5, 7, 3, 40), (5, 3, 7, 20), (200, 3, 9, 900), (100, 9, 7, 60)])
    trace = read_trace(written(tmp_path / "t.dat", rows))
    assert (trace.people, trace.steps) == (3, 288)
    assert trace.step.tolist() == [0, 95, 195]
    assert list(zip(trace.a.tolist(), trace.b.tolist(), trace.seconds.tolist(), strict=True)) == [
        (0, 1, 60),
        (1, 2, 60),
        (0, 2, 900),
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("0 1 2 20\n1 1 2\n", "row 2: expected 't i j w'.*found '1 1 2'"),
        ("0 1 2 20 5\n", "row 1: expected"),
        ("0 1 2 x\n", "row 1: expected"),
        ("-1 1 2 20\n", "row 1: expected"),
        ("0 1 2 901\n", "row 1: expected"),
        ("0 1 2 0\n", "row 1: expected"),
        (f"0 {10**30} 2 20\n", "row 1: expected"),
        ("0 1 2 20\n\n0 4 4 20\n", "row 3: 4 meets itself"),
        ("", "no row; expected rows 't i j w'"),
        ("0 1 2 20\n95 1 2 20\n", "lasts 1 day; expected 2 at least"),
    ],
)
def test_a_bad_trace_is_refused_by_its_row(tmp_path, text, said):
    path = tmp_path / "bad.dat"
    path.write_text(text)
    with pytest.raises(FormatError, match=said) as caught:
        read_trace(path)
    assert str(path) in str(caught.value)


def test_every_number_is_judged():
    found = known_answers()
    assert found.passed
    assert found.trials is None
    by_model = {}
    for answer in found.answers:
        by_model.setdefault(answer.model, []).append(answer)
    assert {m: len(a) for m, a in by_model.items()} == {
        room.REDUCTION: 11, room.ROUTE: 4, room.GROWTH: 4, room.PLANE: 4,
    }  # fmt: skip
    assert [a.known for a in by_model[room.REDUCTION]] == list(KUCHARSKI)
    assert {a.tolerance for a in by_model[room.REDUCTION] + by_model[room.ROUTE]} == {0.01}
    assert {a.tolerance for a in by_model[room.GROWTH] + by_model[room.PLANE]} == {0.02}
    assert {a.origin for a in by_model[room.REDUCTION]} == {"published"}


def test_the_command_prints_both_and_judges(monkeypatch, capsys):
    assert call("validate", "tracing") == 0
    text = capsys.readouterr().out
    assert "coverage 60 %" in text
    assert "0.485   0.491      +0.006" in text
    assert "0.446" in text
    assert "tij_InVS15_1week.dat" in text
    assert "Every number within its tolerance: yes" in text
    assert call("validate", "tracing", "--json") == 0
    document = json.loads(capsys.readouterr().out)
    assert document["passed"]
    assert document["trials"] is None
    six = document["answers"][6]
    assert (six["what"], six["known"], six["passed"]) == ("coverage 60 %", 0.485, True)
    assert six["difference"] == pytest.approx(six["ours"] - 0.485)
    monkeypatch.setattr(room, "KUCHARSKI", (*KUCHARSKI[:10], 0.7))
    assert call("validate", "tracing") == 1
    said = capsys.readouterr()
    assert (
        "Kucharski 2020, reduction of R, coverage 100 %: 0.655, expected 0.700 ± 0.01" in said.err
    )
    assert "-0.045  ± 0.01  off" in said.out
    assert "tolerance: no" in said.out


def test_the_command_adds_outbreaks_on_a_trace(tmp_path, capsys):
    path = written(tmp_path / "office.dat", office())
    code = call("validate", "tracing", "--trace", path, "--trials", "40", "--json")
    document = json.loads(capsys.readouterr().out)
    outbreaks = [a for a in document["answers"] if a["model"] == room.SIZE]
    assert [a["known"] for a in outbreaks] == list(BARRAT.values())
    assert [a["tolerance"] is not None for a in outbreaks] == [s in BARRAT_JUDGED for s in BARRAT]
    sizes = final_sizes(read_trace(path), 0.6, trials=40, seed=1)
    assert outbreaks[3]["ours"] == pytest.approx(sizes.mean())
    assert outbreaks[3]["error"] == pytest.approx(sizes.std() / 40**0.5)
    # Another office than theirs: its outbreaks are others, and it says so.
    assert code == 1
    assert not document["passed"]
    assert call("validate", "tracing", "--trace", tmp_path / "none.dat") == 2
    assert "none.dat: cannot be read" in capsys.readouterr().err


@needs_trace
@pytest.mark.parametrize("adoption", BARRAT)
def test_final_sizes_in_the_office(adoption):
    """Few trials: within four standard errors, of the known numbers' trials too."""
    sizes = final_sizes(
        read_trace(Path(INVS15)), adoption, trials=500, seed=1, threads=available_threads()
    )
    error = np.hypot(sizes.std() / 500**0.5, 0.016)
    assert sizes.mean() == pytest.approx(BARRAT[adoption], abs=4 * error)


@pytest.mark.slow
@needs_trace
@pytest.mark.parametrize("adoption", BARRAT_JUDGED)
def test_final_sizes_in_the_office_with_all_trials(adoption):
    trials, threads = room.BARRAT_TRIALS, available_threads()
    trace = read_trace(Path(INVS15))
    assert trace.people == 208
    sizes = final_sizes(trace, adoption, trials=trials, seed=1, threads=threads)
    assert sizes.mean() == pytest.approx(BARRAT[adoption], abs=room.TOLERANCE[room.SIZE])
