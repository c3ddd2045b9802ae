"""Cases, rules, publication: when somebody is warned."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from .table import NonNegative, Positive, Share, TomlTable


class Course(TomlTable):
    """How a case becomes known; with it only contacts of the days on which the case could infect and was
    not isolated are risky.

    Days count back from the end of the scenario's date, when the case becomes known: onset, then a delay
    until the case is suspected, then one until the test confirms it.
    """

    known_as: Literal["confirmed", "suspected"] = Field(
        "confirmed", description="the order of 13 August 2020 warns of suspected cases too"
    )
    incubation_median_days: Positive = Field(5.1, description="log-normal (Lauer et al. 2020)")
    incubation_log_sd: NonNegative = Field(0.418, description="Lauer et al. 2020")
    infectious_before_onset_days: NonNegative = Field(
        2.0, description="He et al. 2020; not before the infection itself"
    )
    suspected_after_days: NonNegative = Field(
        2.0, description="mean from onset until the case is suspected, exponential (assumed)"
    )
    confirmed_after_days: NonNegative = Field(
        1.5, description="mean from suspicion to the test's result, exponential (assumed)"
    )
    isolated: Literal["suspected", "known"] = Field(
        "suspected",
        description="when the case keeps to itself: it meets nobody after that day (assumed; Bi et al. "
        "2020 have medians of 3.4 days from onset to isolation, 4.6 to confirmation)",
    )
    positive_share: Share = Field(
        0.1, description="share of suspected cases that the test confirms later (assumed)"
    )


class IndexCases(TomlTable):
    """The cases that are evaluated one by one, and what makes a contact of theirs risky."""

    count: int = Field(3000, ge=1, description="how many cases are followed")
    f2_count: int = Field(300, ge=0, description="how many of them are followed to F2")
    near_distance_m: Positive = Field(2.0, description="white paper, Ministry of Health")
    near_duration_s: Positive = Field(900.0, description="white paper, Ministry of Health")
    onset_to_confirmation_days: NonNegative = Field(
        3.5,
        description="mean from onset until a case is confirmed, gamma of shape 2 (assumed, as long as "
        "the course's own delays; Bi et al. 2020 have medians of 2.9 days for cases found as contacts, "
        "4.6 of those found ill, a gamma of this mean 2.9)",
    )
    course: Course | None = Field(
        None, description="without it every day of the look-back counts, and cases are confirmed"
    )


class Publication(TomlTable):
    """From confirmation to a warning; every delay is assumed."""

    upload: Literal["keys", "history"] = Field(
        "keys",
        description="keys: the case's keys are published and every phone looks them up (Bluezone's "
        "CHECK_CONTACT_F0); history: the case uploads its history and the server, which knows "
        "everybody's identifiers, looks them up (PUSH_HISTORY; BlueTrace and ROBERT)",
    )
    consent: Share = Field(
        0.9,
        description="share of cases who let their keys be published (assumed; .60 to .73 where it was "
        "measured, `validate cascades`)",
    )
    before_onset_days: int | None = Field(
        None,
        ge=0,
        le=60,
        description="first UTC day of which keys are published (of a history: that the server reads), in "
        "days before that of the onset; the last is the day of the upload. By default as the rule's app "
        "did, or the whole look-back",
    )
    before_test_days: int | None = Field(
        None,
        ge=0,
        le=60,
        description="the same for people without symptoms, F1s that publish, before the day on which the "
        "cases become known",
    )
    push_delay_h: NonNegative = Field(
        2.0, description="mean delay of the push message, exponential (assumed)"
    )
    offline_share: Share = Field(
        0.15, description="share of phones offline when it is sent (assumed)"
    )
    offline_h: NonNegative = Field(
        24.0, description="mean further delay of those, exponential (assumed)"
    )
    in_time_h: Positive = Field(
        72.0, description="a warning told later than this comes too late (assumed)"
    )


class Confirmation(TomlTable):
    """The person between a match and a warning, where a system has one: health authority or tracer."""

    by: Literal["nobody", "authority", "tracer"] = Field(
        "nobody",
        description="by default who it was where the protocol's app was used: Bluezone's health "
        "authority decides who of those that hand in a match is an F1 (published sources of the app); "
        "BlueTrace's tracers decide whom to call (white paper; covidsafe.gov.au)",
    )
    share: Share = Field(
        1.0,
        description="share of matched people, case by case, whom they confirm (assumed; of those whom "
        "COVIDSafe found 79 of 205, 39 %, were close contacts, Vogt et al. 2022)",
    )
    delay_h: NonNegative = Field(
        12.0, description="mean time that they take, exponential (assumed)"
    )


class F2(TomlTable):
    """Who of the warned F1s publishes."""

    confirm: Literal["none", "mutual", "test"] = Field(
        "none",
        description="none: every warned F1; mutual: both histories hold each other; test: a share",
    )
    test_share: Share = Field(0.2, description="share of F1s confirmed (assumed)")
