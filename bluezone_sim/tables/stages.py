"""Stages at which a risky pair is lost."""

from __future__ import annotations

#: Stages at which a risky pair can be lost, in the order in which they are tested, then ``warned``.
OUTCOMES = (
    "no_smartphone",
    "no_app",
    "other_no_app",
    "bluetooth_or_app_off",
    "radio_missed",
    "below_threshold",
    "not_published",
    "not_confirmed",
    "not_matched_in_time",
    "warned",
)


#: What each stage means, for people.
STAGES = {
    "no_smartphone": "no smartphone",
    "no_app": "case has no app",
    "other_no_app": "other has no app",
    "bluetooth_or_app_off": "Bluetooth or app off",
    "radio_missed": "radio missed it",
    "below_threshold": "below threshold",
    "not_published": "keys not published",
    "not_confirmed": "match not confirmed",
    "not_matched_in_time": "warned too late",
    "warned": "warned",
}
