"""Simulated phones that can go on air: real identifiers, and the keys that a case would publish."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ...errors import InputError
from ...kernels.radio.link_budget import Phones
from ...kernels.radio.lives import life_ends_ms
from ...protocols.protocol import DAY_S, KeyFormat, Protocol, called
from ...protocols.registry import get_key_protocol
from ...protocols.schedule import KeySchedule
from ...radio.parameters import RadioModel, model_of
from ...scenario.profiles import load_profile
from ...tables.rows import PublishedKeys

#: TX power that a payload tells, as phones at TX LOW say it (Google's table of GAEN: -23 to -29).
_TX_POWER_DBM = -25


@dataclass
class SendingPhones:
    """Phones of one protocol, their keys from random secrets.

    Args:
        protocol_name: one that publishes keys.
        phones: how many.
        rotate_s: identifiers change so often, or None as the protocol's phones do: with the interval, or
            each at times of its own where identifiers stay until the address changes. Faster than the
            protocol a phone is another one each time, with keys of its own, so that published keys still
            match.

    Raises:
        InputError: the protocol publishes no keys, or a number is out of range.
    """

    protocol_name: str
    phones: int
    rotate_s: float | None = None
    protocol: Protocol = field(init=False)

    def __post_init__(self) -> None:
        self.protocol = get_key_protocol(self.protocol_name)
        if self.phones < 1:
            raise InputError(f"--phones {self.phones}: expected at least 1")
        if self.rotate_s is not None and not 0.1 <= self.rotate_s <= self.protocol.interval_s:
            raise InputError(
                f"--rotate {self.rotate_s:g}: expected 0.1 to {self.protocol.interval_s} seconds, or "
                "real"
            )
        profile = load_profile(self.protocol_name)
        self._radio: RadioModel | None = None
        if self.rotate_s is None and profile.identifier.on_air_s is not None:
            each = np.zeros(self.phones)
            self._radio = model_of(
                profile, Phones(each, each, each.astype(np.bool_)), secrets.randbits(62)
            )
        self._schedule: KeySchedule | None = None
        #: Each phone's number in the schedule, and until when it has it, unix seconds.
        self._number = list(range(self.phones))
        self._until_s = [float("inf")] * self.phones
        self._next = self.phones
        #: First and last second of the units in which each number was on air.
        self._spans: dict[int, tuple[int, int]] = {}
        self._day: dict[int, tuple[int, NDArray[np.uint8]]] = {}

    def slot(self, time_s: float, phone: int = 0) -> tuple[float, float]:
        """When what a phone sends at a time came up, and when the next identifier does, unix seconds."""
        if self._radio is not None:
            app, streams, time_ms = self._radio.app, self._radio.streams, int(time_s * 1000)
            came = self._radio.aired_ms(np.array([phone]), np.array([time_ms]))
            return float(came[0]) / 1000, float(life_ends_ms(app, streams, phone, time_ms)) / 1000
        interval = self.protocol.interval_s
        start = time_s // interval * interval
        if self.rotate_s is None:
            return start, start + interval
        begun = start + (time_s - start) // self.rotate_s * self.rotate_s
        return begun, min(begun + self.rotate_s, start + interval)

    def identifier(self, phone: int, time_s: float) -> tuple[bytes, bytes]:
        """(identifier, payload) that a phone sends at a time; its times must not fall."""
        if self._schedule is None:
            # What is on the air may be of the day before.
            reach_s = 0 if self._radio is None else self._radio.longest_life_ms / 1000
            first = int((time_s - reach_s) // DAY_S)
            self._schedule = KeySchedule(self.protocol, secrets.randbits(64), first)
        if self._radio is not None:
            time_s = self.slot(time_s, phone)[0]
        day = int(time_s // DAY_S)
        if self.rotate_s is not None:
            self._change(phone, time_s)
        number, unit_s = self._number[phone], self.protocol.unit_s
        start = int(time_s // unit_s * unit_s)
        first, _ = self._spans.get(number, (start, start))
        self._spans[number] = (first, start + unit_s)
        who = np.array([number])
        if number not in self._day or self._day[number][0] != day:
            self._day[number] = day, self._schedule.identifiers(who, day, 1)[0]
        at = int((time_s - day * DAY_S) // self.protocol.interval_s)
        sent = self._day[number][1][at : at + 1]
        payload = self._schedule.payload_at(
            who, np.zeros(1, np.int64), np.array([int(time_s * 1000)]), sent, _POWER
        )
        return sent.tobytes(), b"" if payload is None else payload.tobytes()

    def _change(self, phone: int, time_s: float) -> None:
        """Another number, once an identifier has been on air for long enough."""
        if time_s >= self._until_s[phone]:
            self._day.pop(self._number[phone], None)
            self._number[phone] = self._next
            self._next += 1
        _, self._until_s[phone] = self.slot(time_s, phone)

    @property
    def was_on_air(self) -> bool:
        """Something has been sent."""
        return bool(self._spans)

    def published(self) -> PublishedKeys:
        """Keys used so far, as a case would publish them.

        Raises:
            InputError: nothing has been sent.
        """
        spans: dict[tuple[int, int], list[int]] = {}
        for number, span in self._spans.items():
            spans.setdefault(span, []).append(number)
        if self._schedule is None:
            raise InputError("nothing has been on air yet, so there are no keys")
        made = [self._schedule.published(np.array(who), *span) for span, who in spans.items()]
        return PublishedKeys(
            key=np.concatenate([k.key for k in made]),
            start_s=np.concatenate([k.start_s for k in made]),
            count=np.concatenate([k.count for k in made]),
            meta={name: np.concatenate([k.meta[name] for k in made]) for name in made[0].meta},
        )

    def identifiers(self) -> set[bytes]:
        """All identifiers of the keys used so far, those not yet sent too."""
        units = self.protocol.unit_keys_of(self.published())
        out: set[bytes] = set()
        for k, count in enumerate(units.count.tolist()):
            one = slice(k, k + 1)
            ids = self.protocol.expand(units.keys[one], units.start_ms[one] // 1000, count)
            out.update(map(bytes, ids[0]))
        return out

    def key_file(self) -> bytes:
        """The keys used so far in the protocol's own published format; see :func:`key_file`."""
        return key_file(self.protocol, self.published())


_POWER = np.array([_TX_POWER_DBM], np.int64)


def key_file(protocol: Protocol, published: PublishedKeys) -> bytes:
    """Keys in a protocol's own published format.

    Raises:
        InputError: it has none.
    """
    out: bytes = called(_format(protocol).write)(published)
    return out


def key_file_name(protocol: Protocol) -> str:
    """Where keys go unless the user says otherwise.

    Raises:
        InputError: the protocol has no file for them.
    """
    return f"{protocol.name}-keys{_format(protocol).suffix}"


def _format(protocol: Protocol) -> KeyFormat:
    if not protocol.files:
        raise InputError(f"protocol {protocol.name!r} has no format in which keys are published")
    return protocol.files[0]
