"""What an epidemic answers, in a sentence or two."""

from __future__ import annotations

from collections.abc import Sequence

from ...analysis.epidemic.summary import ArmSummary, EpidemicResult
from ...tables.words import Interval, number, percent

#: The arm told first is the app's nearest to this share of smartphones, as everywhere in a report.
_FOCUS = 0.6


def answer(result: EpidemicResult) -> str:
    """How much the app averts, beyond a placebo, at what cost, and whether that is the end of it."""
    base = result.arms[0]
    apps = [arm for arm in result.arms[1:] if arm.finds == "phones" and arm.level > 0]
    known = [arm for arm in apps if arm.averted is not None]
    if not known:
        return _nothing(base, app=bool(apps))
    focus = min(known, key=lambda arm: (abs(arm.level - _FOCUS), -arm.level))
    top = max(known, key=lambda arm: arm.level)
    clauses = [f"With the app on {_phones(focus, known)} {_told(focus, base)}"]
    if top.level > focus.level:
        clauses.append(f"on {_phones(top, known)}, {_told(top, base, short=True)}")
    at = result.arms.index(focus)
    over = sum(epidemic.arms[0].over and epidemic.arms[at].over for epidemic in result.seeds)
    return f"{'; '.join(clauses)}. {_end(base, over, len(result.seeds))}"


def _nothing(base: ArmSummary, *, app: bool) -> str:
    if app:
        return f'Nobody is infected by day {base.day} under "{base.name}", so there is nothing to avert.'
    return (
        f'{percent(base.attack_rate)} of the people are infected by day {base.day} under "{base.name}"; '
        "no arm has the app."
    )


def _phones(arm: ArmSummary, known: Sequence[ArmSummary]) -> str:
    """Its level, with its name where others have the same."""
    same = sum(other.level == arm.level for other in known) > 1
    return f"{percent(arm.level)} of smartphones" + (f' ("{arm.name}")' if same else "")


def _told(arm: ArmSummary, base: ArmSummary, *, short: bool = False) -> str:
    of = "" if short else f' of the infections by day {arm.day} under "{base.name}" are averted'
    text = f"{percent(arm.averted)}{_interval(arm.averted_ci95)}{of}"
    if arm.averted_beyond_placebo is not None:
        ends = _interval(arm.averted_beyond_placebo_ci95)
        text += f", {percent(arm.averted_beyond_placebo)}{ends} beyond a placebo"
    more = arm.quarantine_days_per_person - base.quarantine_days_per_person
    days = number(abs(more), 2)
    if short:
        return f"{text}, at {days} {'more' if more >= 0 else 'fewer'}"
    return f"{text}, at {days} quarantine days a person {'more' if more >= 0 else 'fewer'}"


def _interval(ends: Interval | None) -> str:
    return "" if ends is None else f" ({100 * ends[0]:.1f} to {100 * ends[1]:.1f})"


def _end(base: ArmSummary, over: int, n: int) -> str:
    """Whether the epidemics that were compared are over.

    Args:
        base: the baseline.
        over: seeds in which they are, with the app and without.
        n: seeds.
    """
    if n == 1:
        text = f"The epidemic is {'over' if over else 'not over'} on that day"
    else:
        text = f"The epidemic is over on that day in {over:,} of {n:,} seeds"
    if over < n:
        text += ", so that some of what is averted may come later"
    if base.extinct:
        where = "" if n == 1 else f" in {base.extinct:,} of {n:,} seeds"
        text += f'; under "{base.name}" fewer than 1 % of the people are infected{where}'
    return f"{text}."
