"""A radio profile's tables."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

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
    """``rotation_s``: of how much time each identifier is, 0 where it is fixed; ``row_s``: least time
    between two rows of one identifier in a phone's history, 0 where there is no such limit; ``on_air_s``:
    shortest and longest time on the air, where an identifier goes on the air when its time has come and
    the phone changes its address, and stays until it does so again; None: for its own time."""

    rotation_s: _NonNegative
    row_s: _NonNegative
    on_air_s: _Span | None = None

    @model_validator(mode="after")
    def _new_each_time(self) -> Identifier:
        if self.on_air_s is None:
            return self
        shortest, longest = self.on_air_s
        if not 0 < self.rotation_s < shortest <= longest:
            raise ValueError(
                f"on_air_s of {shortest:g} to {longest:g}: expected more than rotation_s of "
                f"{self.rotation_s:g}, or an address might change without the identifier"
            )
        if self.row_s:
            raise ValueError("on_air_s and row_s: rows of such a history are not followed")
        return self


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


class RadioProfile(_Table):
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
    def _readable(self) -> RadioProfile:
        sends = {getattr(p, s).sends for p in (self.android, self.ios) for s in STATES}
        if self.gatt is None and sends & {"service", "overflow"}:
            raise ValueError(
                "[gatt] is missing, though identifiers have to be read over a connection"
            )
        if self.identifier.on_air_s is not None and (self.gatt or not self.address.with_identifier):
            raise ValueError(
                "[identifier] on_air_s: only where identifiers are in the advertisement and change with "
                "the address"
            )
        return self

    def behaviour(self, platform: str, state: str) -> Behaviour:
        """What a phone does."""
        found: Behaviour = getattr(getattr(self, platform), state)
        return found
