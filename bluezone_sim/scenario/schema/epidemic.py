"""``[epidemic]``: a course of disease, what people do about it, and the arms that are compared."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from .table import NonNegative, Positive, Share, TomlTable


class Disease(TomlTable):
    """From infection to infectiousness and symptoms; all times in days.

    Infectiousness is tied to the onset of symptoms: a gamma distribution of the time from the infector's
    onset to the infection, moved to the left, none of it within the latent time after the infector's own
    infection. Who has no symptoms has the same course without them.
    """

    incubation_median_days: Positive = Field(
        5.1, le=21, description="log-normal (Lauer et al. 2020)"
    )
    incubation_log_sd: NonNegative = Field(0.418, le=0.8, description="Lauer et al. 2020")
    latent_days: Positive = Field(
        1.0,
        ge=1.0,
        le=60.0,
        description="from infection to the first that can be passed on (assumed)",
    )
    profile_shape: Positive = Field(
        97.19, description="gamma of infectiousness about onset (Ashcroft et al. 2020, after He)"
    )
    profile_rate_per_day: Positive = Field(3.719, description="Ashcroft et al. 2020")
    profile_shift_days: NonNegative = Field(
        25.63, description="to the left of onset (Ashcroft et al. 2020)"
    )
    dispersion: Positive = Field(
        0.5,
        ge=0.01,
        description="shape of the gamma of infectiousness from person to person, mean 1; with unequal "
        "contacts it gives the k that a run prints (assumed; k is .1 in Endo et al. 2020, .43 in Adam "
        "et al. 2020)",
    )
    asymptomatic_share: Share = Field(0.2, description="Buitrago-Garcia et al. 2020: .17 to .25")
    asymptomatic_factor: Share = Field(
        0.35,
        description="infectiousness without symptoms (Buitrago-Garcia et al. 2020: .10 to 1.27)",
    )
    immune_share: Share = Field(0.0, description="of the people at the start, at random")


class Transmission(TomlTable):
    """What of a contact counts: minutes, weighted by distance."""

    dose: Literal["inverse-square", "two-metres", "room"] = Field(
        "inverse-square",
        description="a minute counts 1 up to 1 m and 1 / d^2 beyond; 1 up to 2 m and 0 beyond; or 1 for "
        "all in one room (assumed, each: what of it is true is not known, so compare them)",
    )
    household_cap_min: Positive = Field(
        30.0,
        description="minutes that count a day of two people of a household: so that .16 of the others of "
        "a household are infected by one of them, as Madewell et al. 2020 have it (.140 to .193)",
    )
    home_factor: Share = Field(
        0.5, description="of the infections within a household while either stays at home (assumed)"
    )


class Tests(TomlTable):
    """How a case becomes known; times in days."""

    symptomatic_share: Share = Field(0.6, description="of those with symptoms, tested (assumed)")
    seek_after_days: NonNegative = Field(
        2.0,
        description="mean from onset to the test, exponential (assumed, as in index_cases.course)",
    )
    result_after_days: NonNegative = Field(
        1.5, description="mean from test to result, exponential (assumed, as in index_cases.course)"
    )
    sensitivity: Share = Field(
        0.8,
        description="of a test once the virus can be found (Kucirka et al. 2020: .8 on day 3 of "
        "symptoms)",
    )
    found_from_days: NonNegative = Field(
        3.0,
        description="days after infection from which a test can be positive (Kucirka et al. 2020)",
    )
    warned_share: Share = Field(
        0.5, description="of those who comply, tested when warned (assumed)"
    )


class Behaviour(TomlTable):
    """Who stays at home when, and what that prevents."""

    symptomatic_isolate: Share = Field(
        0.3, description="of those with symptoms, from their onset on (assumed)"
    )
    confirmed_isolate: Share = Field(0.95, description="from the result on (assumed)")
    isolation_days: int = Field(10, ge=1, le=60, description="from when it begins (WHO, 2020)")
    compliance: Share = Field(
        0.6,
        description="share of people who stay at home when they are warned or traced, the same people "
        "each time (assumed)",
    )
    fatigue_per_30_days: Share = Field(
        0.0, description="compliance lost in 30 days, of what it was at the start (assumed)"
    )
    quarantine_days: int = Field(14, ge=1, le=60, description="from the warning (Vietnam, 2020)")


class ManualTracing(TomlTable):
    """Contacts that are found without an app: those who were near a known case for long enough."""

    household: Share = Field(0.95, description="of the case's household (assumed)")
    named: Share = Field(
        0.6, description="of those met at school, at work and among neighbours (assumed)"
    )
    strangers: Share = Field(0.1, description="of those met elsewhere (assumed)")
    delay_days: NonNegative = Field(
        1.0, description="mean from the result to the call, exponential (assumed)"
    )
    before_onset_days: int = Field(
        2, ge=0, le=60, description="from when contacts are asked for (WHO)"
    )


class Arm(TomlTable):
    """One policy over the same town and the same draws."""

    name: str = Field(min_length=1, description="what its row is called")
    level: Share = Field(0.0, description="adoption, as a share of smartphone owners; 0: no app")
    finds: Literal["phones", "risky", "contacts", "random"] = Field(
        "phones",
        description="who is warned of a published case. phones: whom phones find; risky: all of its "
        "risky pairs of two users; contacts: all contacts of two users, each with probability "
        "contact_share (Hinch et al. 2020); random: as many users as the arm named by as_many "
        "warns that day (placebo)",
    )
    contact_share: Share = Field(0.8, description="of finds = contacts (Hinch et al. 2020)")
    as_many: str | None = Field(None, description="of finds = random: the arm that says how many")
    manual: bool = Field(True, description="with tracing by hand")
    f2: bool = Field(
        False, description="warned F1s publish too, and their contacts (F2) are warned"
    )
    set: dict[str, Any] = Field(
        default={},
        description="dotted keys of protocol, rule, publication, confirmation, radio, phones, f2, or of "
        "epidemic.behaviour, .tests or .manual, and their values in this arm",
    )


class Epidemic(TomlTable):
    """An epidemic in the population, once for each arm, all in step over one town.

    The first day is the day after the scenario's date.
    """

    days: int = Field(120, ge=1, le=1000, description="from the day after the scenario's date on")
    infected: int = Field(30, ge=0, description="people infected as the first day begins")
    imports_per_day: NonNegative = Field(
        0.0, description="mean number of people infected elsewhere, a Poisson draw a day"
    )
    r0: Positive = Field(
        2.87,
        ge=0.01,
        description="what transmission is fitted to (Billah et al. 2020: 2.39 to 3.44)",
    )
    seeds: int = Field(
        1, ge=1, le=1000, description="towns and epidemics, upwards from the run's seed"
    )
    disease: Disease = Disease()
    transmission: Transmission = Transmission()
    tests: Tests = Tests()
    behaviour: Behaviour = Behaviour()
    manual: ManualTracing = ManualTracing()
    arms: list[Arm] = Field(
        default=[],
        max_length=60,
        description="the first is the baseline; by default manual tracing alone, each of "
        "adoption.levels, no tracing, and at the highest level a placebo, all risky pairs, and "
        "Hinch's assumption",
    )
