"""Hot loop of outbreaks in a trace of contacts, with isolation and an app (Barrat et al. 2021).

A trial is a function of (seed, trial) alone: what happens to a person, how long it lasts and whether a
contact infects are keyed draws, so that trials at other adoptions share them, and the people who run the
app at a low adoption run it at a higher one. The rules are told in
:mod:`bluezone_sim.validation.tracing.barrat`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .contacts.meetings import permute
from .decorators import compiled, inlined
from .rng import NORMAL_TABLE, draw, to_unit

SUSCEPTIBLE, EXPOSED, PRESYMPTOMATIC, ASYMPTOMATIC, MILD, SEVERE, RECOVERED, ISOLATED = range(8)

# Coordinates of the draws of a trial.
SUB_APP, SUB_FIRST, SUB_MEETING = 1, 2, 3
SUB_NOTICED, SUB_KIND, SUB_EXPOSED, SUB_PRESYMPTOMATIC, SUB_ILL = 4, 5, 6, 7, 8
#: Standard deviation of a duration, of its mean.
SPREAD = 0.1
#: A step that does not come.
NEVER = 1 << 40


class TraceArrays(NamedTuple):
    """Contacts of a trace that is repeated, by step and by person."""

    step_start: NDArray[np.int64]  # [steps + 1], into the three that follow
    a: NDArray[np.int32]
    b: NDArray[np.int32]
    seconds: NDArray[np.int32]
    person_start: NDArray[np.int64]  # [people + 1], into the three that follow
    at: NDArray[np.int32]  # step, ascending in each person's
    other: NDArray[np.int32]
    held: NDArray[np.int32]  # seconds


class Course(NamedTuple):
    """The disease and the measures; durations in steps."""

    exposed: float
    presymptomatic: float
    ill: float
    asymptomatic: float  # shares
    mild: float
    noticed: float
    infects: float  # a second, with severe symptoms to come or there
    less: float  # infectiousness of the others
    to_isolation: int
    away: int  # isolation and quarantine
    kept: int  # records of contacts
    half_day: int
    threshold_s: int
    most: int


class People(NamedTuple):
    """Everybody's state in a trial, an element each."""

    state: NDArray[np.int8]
    kind: NDArray[np.int8]  # the state that follows the presymptomatic one
    until: NDArray[np.int64]  # the state changes at the first step after
    away: NDArray[np.bool_]  # in quarantine
    away_from: NDArray[np.int64]
    found: NDArray[np.int64]  # a case that warns: contacts before this step; -NEVER
    noticed: NDArray[np.bool_]  # mild symptoms are
    app: NDArray[np.bool_]
    warned: NDArray[np.bool_]
    exposed: NDArray[np.int64]  # infected in this step, until when; -1
    risk_s: NDArray[np.int64]


@inlined
def duration(trial, sub, person, mean):
    """Steps of a normal duration, cut to a whole number."""
    table = np.int64(draw(draw(trial, sub), person) >> np.uint64(52))
    return np.int64(mean * (1.0 + SPREAD * NORMAL_TABLE[table]))


@inlined
def kind_of(trial, course, person):
    """The state that follows a person's presymptomatic one."""
    u = to_unit(draw(draw(trial, SUB_KIND), person))
    if u < course.asymptomatic:
        return ASYMPTOMATIC
    return MILD if u < course.asymptomatic + course.mild else SEVERE


@inlined
def infectiousness(people, course, person):
    """Of a person, 0 where there is none."""
    state = people.state[person]
    if people.away[person] or state < PRESYMPTOMATIC or state > SEVERE:
        return 0.0
    return 1.0 if people.kind[person] == SEVERE else course.less


@inlined
def _begin(people, course, trial, users):
    """Everybody susceptible but the first case."""
    n = len(people.state)
    noticed = draw(trial, SUB_NOTICED)
    for v in range(n):
        people.state[v] = SUSCEPTIBLE
        people.kind[v] = 0
        people.until[v] = NEVER
        people.away[v] = False
        people.found[v] = -NEVER
        people.app[v] = False
        people.warned[v] = False
        people.exposed[v] = -1
        people.risk_s[v] = 0
        people.noticed[v] = to_unit(draw(noticed, v)) < course.noticed
    runs = draw(trial, SUB_APP)
    for j in range(users):
        people.app[permute(runs, j, n)] = True
    first = np.int64(to_unit(draw(trial, SUB_FIRST)) * n)
    people.state[first] = EXPOSED
    people.until[first] = duration(trial, SUB_EXPOSED, first, course.exposed)


@inlined
def _transmit(trace, people, course, trial, t):
    """Who is infected in step ``t``; whether anybody is."""
    c = t % (len(trace.step_start) - 1)
    key = draw(draw(trial, SUB_MEETING), t)
    found = False
    for e in range(trace.step_start[c], trace.step_start[c + 1]):
        for side in range(2):
            u = trace.a[e] if side == 0 else trace.b[e]
            v = trace.b[e] if side == 0 else trace.a[e]
            if people.state[v] != SUSCEPTIBLE or people.away[v]:
                continue
            strength = infectiousness(people, course, u)
            if strength == 0.0:
                continue
            p = 1.0 - (1.0 - course.infects * strength) ** trace.seconds[e]
            if to_unit(draw(key, 2 * e + side)) < p:
                people.exposed[v] = t + duration(trial, SUB_EXPOSED, v, course.exposed)
                found = True
    return found


@inlined
def _advance(people, course, trial, v, t):
    """A person's next state, ``until`` being over."""
    state = people.state[v]
    if state == EXPOSED:
        people.state[v] = PRESYMPTOMATIC
        people.kind[v] = kind_of(trial, course, v)
        people.until[v] = t + duration(trial, SUB_PRESYMPTOMATIC, v, course.presymptomatic)
        return
    if state == PRESYMPTOMATIC:
        kind = people.kind[v]
        ill = duration(trial, SUB_ILL, v, course.ill)
        seen = kind == SEVERE or (kind == MILD and (people.away[v] or people.noticed[v]))
        people.state[v] = kind
        people.until[v] = t + (min(ill, course.to_isolation) if seen else ill)
        return
    people.until[v] = NEVER
    if people.away[v]:
        # Those who were infected leave quarantine as they recover, the others after its whole length.
        if MILD <= state <= SEVERE:
            people.found[v] = people.away_from[v]
        if state >= ASYMPTOMATIC:
            people.state[v] = RECOVERED
        people.away[v] = False
    elif state == SEVERE or (state == MILD and people.noticed[v]):
        people.state[v] = ISOLATED
        people.until[v] = t + course.away
        people.found[v] = t
    elif state >= ASYMPTOMATIC:
        people.state[v] = RECOVERED
        people.found[v] = -NEVER


@inlined
def _weigh(trace, people, course, t):
    """Seconds that every phone holds of those who warn; the step at which that changes by itself."""
    steps = len(trace.step_start) - 1
    due = NEVER
    for v in range(len(people.state)):
        people.risk_s[v] = 0
    for u in range(len(people.state)):
        age = t - people.found[u]
        if not people.app[u] or people.away[u] or age >= course.kept:
            continue
        windows = age // course.half_day
        due = min(due, people.found[u] + (windows + 1) * course.half_day)
        held = course.kept - windows * course.half_day
        c = people.found[u] % steps
        for e in range(trace.person_start[u], trace.person_start[u + 1]):
            # So many steps before it was found, the trace being repeated: from 1 to the length of it.
            if (c - trace.at[e] - 1) % steps < held:
                people.risk_s[trace.other[e]] += trace.held[e]
    return due


@inlined
def _warn(people, course):
    """Marks those who go into quarantine in the next step; whether there is anybody."""
    found = False
    for v in range(len(people.state)):
        if people.app[v] and not people.away[v] and people.state[v] != ISOLATED:
            people.warned[v] = people.risk_s[v] > course.threshold_s
            found = found or people.warned[v]
    return found


@inlined
def _send_home(people, course, t):
    """Puts into quarantine those warned a step ago; who is infected stays until that is over."""
    for v in range(len(people.state)):
        if not people.warned[v]:
            continue
        people.warned[v] = False
        if people.away[v] or people.state[v] == ISOLATED:
            continue
        people.away[v] = True
        people.away_from[v] = t
        if people.state[v] == SUSCEPTIBLE:
            people.noticed[v] = True
        if people.state[v] == SUSCEPTIBLE or people.state[v] == RECOVERED:
            people.until[v] = t + course.away


@inlined
def _next_change(people):
    """The last step before somebody's state changes; NEVER where nobody is left who could infect."""
    due, over = NEVER, True
    for v in range(len(people.state)):
        due = min(due, people.until[v])
        over = over and (people.state[v] == SUSCEPTIBLE or people.state[v] >= RECOVERED)
    return NEVER if over else due


@inlined
def _step(trace, people, course, trial, t, due, risk_due):
    """One step; when states and risks change next."""
    infected = _transmit(trace, people, course, trial, t)
    changed = infected or t > due
    if t > due:
        for v in range(len(people.state)):
            if t > people.until[v]:
                _advance(people, course, trial, v, t)
    if infected:
        for v in range(len(people.state)):
            if people.exposed[v] >= 0:
                people.state[v] = EXPOSED
                people.until[v] = people.exposed[v]
                people.exposed[v] = -1
    if not changed and t < risk_due:
        return due, risk_due
    # Of cases who warn as of now: that of those who are sent home in this step ends with the next.
    later = _weigh(trace, people, course, t)
    _send_home(people, course, t)
    warned = _warn(people, course)
    return _next_change(people), t + 1 if warned else later


@compiled
def run_outbreaks(trace, course, key, users, first, last, out):
    """Shares of people infected in the end, of trials ``first`` to ``last``, into ``out``.

    Args:
        trace: TraceArrays.
        course: Course.
        key: of all trials.
        users: how many people run the app.
        first, last: numbers of the first trial, and of the one after the last.
        out: ``float64[trials]``.
    """
    n = len(trace.person_start) - 1
    people = People(
        np.empty(n, np.int8),
        np.empty(n, np.int8),
        np.empty(n, np.int64),
        np.empty(n, np.bool_),
        np.empty(n, np.int64),
        np.empty(n, np.int64),
        np.empty(n, np.bool_),
        np.empty(n, np.bool_),
        np.empty(n, np.bool_),
        np.empty(n, np.int64),
        np.empty(n, np.int64),
    )
    for number in range(first, last):
        trial = draw(key, number)
        _begin(people, course, trial, users)
        due, risk_due, t = _next_change(people), NEVER, 0
        while t < course.most and due < NEVER:
            due, risk_due = _step(trace, people, course, trial, t, due, risk_due)
            t += 1
        infected = 0
        for v in range(n):
            infected += people.state[v] != SUSCEPTIBLE
        out[number] = infected / n
