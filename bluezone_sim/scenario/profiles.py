"""Radio profiles: what a system's app does on each platform and in each of its states.

A profile is TOML in ``protocols/profiles``; every value is a table of the value and where it was read. A
platform may have tables for its states (``[ios.background]``), which say only what differs from the
platform's own, its foreground.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from ..errors import Fault, InputError, ScenarioError
from .faults import fault_of, nearest
from .loading import override
from .model import Scenario

#: States of an app, in the order of the arrays that the radio reads.
STATES = ("foreground", "screen_off", "background")
PLATFORMS = ("android", "ios")

Form = Literal["none", "identifier", "service", "overflow"]
_Positive = Annotated[float, Field(gt=0)]
_NonNegative = Annotated[float, Field(ge=0)]
_Span = Annotated[tuple[_NonNegative, _NonNegative], Field(strict=False)]
_Channel = Annotated[int, Field(ge=37, le=39)]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, frozen=True)


class Behaviour(_Table):
    """What a phone does in one state of the app.

    Attributes:
        sends: "identifier" in the advertisement, "service" (a UUID; the identifier is read over GATT),
            "overflow" (Apple's background area; likewise), or "none".
        hears: the forms that it takes notice of.
        scan_on_s, scan_pause_s: a scan and the pause after it; the pause is ``scan_pause_s`` less a
            uniform 0 .. ``scan_pause_jitter_s``, times ``scan_pause_screen_on`` with the screen on, times
            ``scan_pause_audio`` while audio plays, at least ``scan_pause_least_s``.
        scan_window_ms, scan_interval_ms: the controller listens for a window in each interval, then
            goes to the next channel.
        advertise_on_s, advertise_period_s: bursts on the air; all the time where they are equal.
        advertise_interval_ms: between advertising events, before the random 0 .. 10 ms.
        advertise_channels: channels of each event, in order of time.
        payload_bytes: advertising data.
        tx_offset_db: TX power less that of the level LOW.
    """

    scan_on_s: _Positive
    scan_pause_s: _NonNegative
    scan_pause_jitter_s: _NonNegative = 0.0
    scan_pause_least_s: _NonNegative = 0.0
    scan_pause_screen_on: _Positive = 1.0
    scan_pause_audio: _Positive = 1.0
    scan_window_ms: _Positive
    scan_interval_ms: _Positive
    advertise_on_s: _Positive
    advertise_period_s: _Positive
    advertise_interval_ms: Annotated[float, Field(ge=20, le=10_240)]
    advertise_channels: Annotated[tuple[_Channel, ...], Field(min_length=1, max_length=3)]
    payload_bytes: Annotated[int, Field(ge=0, le=31)]
    tx_offset_db: float
    sends: Form
    hears: tuple[Form, ...]

    @model_validator(mode="after")
    def _possible(self) -> Behaviour:
        if self.scan_window_ms > self.scan_interval_ms:
            raise ValueError(
                f"scan_window_ms of {self.scan_window_ms:g} does not fit scan_interval_ms of "
                f"{self.scan_interval_ms:g}"
            )
        if self.advertise_on_s > self.advertise_period_s:
            raise ValueError(
                f"advertise_on_s of {self.advertise_on_s:g} does not fit advertise_period_s of "
                f"{self.advertise_period_s:g}"
            )
        if self.scan_pause_jitter_s > self.scan_pause_s:
            raise ValueError(
                f"scan_pause_jitter_s of {self.scan_pause_jitter_s:g} exceeds scan_pause_s of "
                f"{self.scan_pause_s:g}"
            )
        if len(set(self.advertise_channels)) < len(self.advertise_channels):
            raise ValueError("advertise_channels: a channel is given twice")
        return self

    def pause_factor(self, screen_on_share: float, audio_share: float) -> float:
        """What the screen and audio make of a pause, on average; they are independent of each other."""
        screen = 1 - screen_on_share * (1 - self.scan_pause_screen_on)
        return screen * (1 - audio_share * (1 - self.scan_pause_audio))

    def scan_period_s(self, screen_on_share: float = 0.0, audio_share: float = 0.0) -> float:
        """Mean time from one scan's start to the next one's."""
        factor = self.pause_factor(screen_on_share, audio_share)
        pause = (self.scan_pause_s - self.scan_pause_jitter_s / 2) * factor
        return self.scan_on_s + max(pause, self.scan_pause_least_s)


class Platform(_Table):
    """A platform's behaviour by state."""

    foreground: Behaviour
    screen_off: Behaviour
    background: Behaviour

    @model_validator(mode="before")
    @classmethod
    def _inherit(cls, raw: Any) -> Any:
        if not isinstance(raw, dict):
            return raw
        own = {k: v for k, v in raw.items() if k not in STATES}
        return {state: {**own, **raw.get(state, {})} for state in STATES}


class Identifier(_Table):
    """``rotation_s``: time on air of an identifier, 0 where it is fixed; ``row_s``: least time between
    two rows of one identifier in a phone's history, 0 where there is no such limit."""

    rotation_s: _NonNegative
    row_s: _NonNegative


class Address(_Table):
    """``rotation_s``: shortest and longest life of an address; ``with_identifier``: it changes with
    the identifier instead."""

    rotation_s: _Span
    with_identifier: bool


class Gatt(_Table):
    """``read_s``: shortest and longest read; ``timeout_s``: when one that fails is given up;
    ``retry_s``: least time between attempts at one address; ``exchange``: the reader writes too."""

    read_s: _Span
    timeout_s: _Positive
    retry_s: _NonNegative
    exchange: bool


class Profile(_Table):
    """A system's radio.

    Attributes:
        title, protocol: for people, and as its file is called.
        in_system: the operating system runs it, so that it goes on when its app is killed.
        gatt: None where no identifier is read over a connection.
        sources: where each value was read, by dotted key.
    """

    title: str
    protocol: str
    in_system: bool = False
    identifier: Identifier
    address: Address
    gatt: Gatt | None = None
    android: Platform
    ios: Platform
    sources: dict[str, str] = Field(default={}, exclude=True)

    @model_validator(mode="after")
    def _readable(self) -> Profile:
        sends = {getattr(p, s).sends for p in (self.android, self.ios) for s in STATES}
        if self.gatt is None and sends & {"service", "overflow"}:
            raise ValueError(
                "[gatt] is missing, though identifiers have to be read over a connection"
            )
        return self

    def behaviour(self, platform: str, state: str) -> Behaviour:
        """What a phone does."""
        found: Behaviour = getattr(getattr(self, platform), state)
        return found


def names() -> tuple[str, ...]:
    """Names of the shipped profiles."""
    return tuple(
        sorted(p.name.removesuffix(".toml") for p in _folder() if p.name.endswith(".toml"))
    )


def _folder() -> Any:
    return (files("bluezone_sim") / "protocols" / "profiles").iterdir()


def _name(protocol: str) -> str:
    """DP-3T's designs differ in keys and share a radio."""
    return "dp3t" if protocol.startswith("dp3t-") else protocol


@cache
def _text(name: str) -> str:
    for path in _folder():
        if path.name == f"{name}.toml":
            return str(path.read_text(encoding="utf-8"))
    raise InputError(f"profile {name!r}: {nearest(name, list(names()))}")


def load_profile(protocol: str, changes: Mapping[str, Any] | None = None) -> Profile:
    """The radio profile of a protocol.

    Args:
        protocol: name of a protocol or of a profile, such as ``"bluezone"``.
        changes: dotted keys and their values, such as ``{"ios.background.sends": "service"}``; a key
            of a platform changes its states that do not say otherwise.

    Raises:
        InputError: there is no such profile, or no such key.
        ScenarioError: a value is at fault, or values do not fit each other; every fault is listed.
    """
    name = _name(protocol)
    raw: dict[str, Any] = tomllib.loads(_text(name))
    sources: dict[str, str] = {}
    plain = _strip(raw, "", sources)
    for key, value in (changes or {}).items():
        try:
            override(plain, key, value)
        except (TypeError, ValueError) as error:
            raise InputError(f"--set {key}: {error}") from None
        sources[key] = "set by the user"
    return _validated({**plain, "sources": sources}, f"profile {name}")


def _validated(raw: dict[str, Any], source: str) -> Profile:
    try:
        return Profile.model_validate(raw)
    except ValidationError as error:
        faults = {_as_written(fault_of(e, Profile), raw) for e in error.errors()}
        raise ScenarioError(source, sorted(faults, key=lambda f: f.path)) from None


def _as_written(fault: Fault, raw: dict[str, Any]) -> Fault:
    """A state inherits the platform's fault; what was written is the platform's key."""
    platform, *rest = fault.path.split(".")
    if platform not in PLATFORMS or not rest or rest[0] not in STATES:
        return fault
    table = raw.get(platform, {})
    inherited = rest[0] not in table or (len(rest) > 1 and rest[1] not in table[rest[0]])
    path = ".".join([platform, *rest[1:]]) if inherited else fault.path
    return Fault(path, fault.message, fault.hint)


def _strip(raw: dict[str, Any], path: str, sources: dict[str, str]) -> dict[str, Any]:
    """Values without their sources, which go to ``sources`` by dotted key."""
    out: dict[str, Any] = {}
    for key, value in raw.items():
        full = f"{path}.{key}" if path else key
        if isinstance(value, dict) and "source" in value:
            out[key] = value["value"]
            sources[full] = value["source"]
        elif isinstance(value, dict):
            out[key] = _strip(value, full, sources)
        else:
            out[key] = value
    return out


#: Keys of a scenario's [radio] that replace the profile's on both platforms and in every state.
FROM_SCENARIO = ("scan_on_s", "advertise_on_s", "advertise_period_s", "advertise_interval_ms")


def profile_of(scenario: Scenario) -> Profile:
    """The profile of a scenario's protocol, with what its [radio] sets.

    Raises:
        ScenarioError: the two do not fit each other.
    """
    return resolve(scenario.protocol.name, scenario.radio.model_dump())


@cache
def _plain(name: str) -> Profile:
    return load_profile(name)


def resolve(protocol: str, radio: Mapping[str, Any]) -> Profile:
    """:func:`profile_of`, from a protocol's name and the [radio] table as a mapping."""
    profile = _plain(protocol)
    given = {key: radio[key] for key in FROM_SCENARIO if radio.get(key) is not None}
    period = radio.get("scan_period_s")
    if not given and period is None:
        return profile
    raw = profile.model_dump()
    for platform in PLATFORMS:
        for state in STATES:
            at = raw[platform][state]
            before = at["scan_on_s"] + at["scan_pause_s"]
            at.update(given)
            if period is not None:
                at["scan_pause_jitter_s"] = at["scan_pause_least_s"] = 0.0
                at["scan_pause_screen_on"] = at["scan_pause_audio"] = 1.0
            longest = before if period is None else period
            at["scan_pause_s"] = longest - at["scan_on_s"]
            if at["scan_pause_s"] < at["scan_pause_jitter_s"]:
                fault = (
                    f"scan_on_s of {at['scan_on_s']:g} does not fit scan_period_s of "
                    f"{longest - at['scan_pause_jitter_s']:g}"
                )
                raise ScenarioError("radio", [Fault(f"{platform}.{state}", fault)])
    return _validated({**raw, "sources": profile.sources}, "radio")
