"""The air between phones: who is near whom, what is sent, who listens, what each has heard.

It knows of a phone only what it tells: its behaviour, its advertising events and its scans. Packets are
delivered by :mod:`bluezone_sim.kernels.radio.pdus` when somebody asks what happened up to now.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import simpy
from numpy.typing import NDArray

from ...kernels.radio import link_budget as physics
from ...kernels.radio import pdus as kernel
from ...protocols.protocol import DAY_S
from ...scenario.schema.profile import Behaviour
from ...tables.rows import TRANSPORT_ADVERTISEMENT, TRANSPORT_GATT, Contacts
from ..parameters import RadioModel, pdu_ms
from ..places import places_of

Steps = Generator[simpy.Event, Any, None]

_CHANNELS = (37, 38, 39)


class Record(NamedTuple):
    """What a phone has of another one in a scan; phones are indices."""

    observer: int
    sender: int
    time_us: int
    packets: int
    rssi_dbm: int
    rssi_max_dbm: int
    transport: int


class _Sending(NamedTuple):
    """Advertising events of a phone, ascending, and the streams of their fading."""

    times_us: NDArray[np.int64]
    sender: int
    fading: NDArray[np.uint64]


@dataclass(frozen=True)
class View:
    """All phones' behaviour, then as arrays: who takes notice of whom, and of each what it sends."""

    does: list[Behaviour]
    catches: NDArray[np.bool_]
    in_packet: NDArray[np.bool_]
    form: NDArray[np.int64]
    pdu_us: NDArray[np.int64]
    place: NDArray[np.int64]
    offset_db: NDArray[np.float64]


@dataclass(frozen=True)
class Scan:
    """A scan under way: its times, the channel it starts on, its term for each other phone, and how
    everybody behaved when it began, or when identifiers last changed within it."""

    began_us: int
    ends_us: int
    hop: int
    term_db: NDArray[np.float64]
    view: View


class Medium:
    """The medium of a run.

    Attributes:
        env: the run's clock, milliseconds since its start.
        link_dbm: ``float64[n, n]``, mean RSSI of a sender (column) at a phone (row).
        contact: ``uint64[n, n]``, the latest contact of two.
        read: ``bool[n, n]``, the phone has read the sender's identifier.
        sent, received: PDUs sent; packets received and taken notice of.
        records: those that are closed.
        logged: entries of ``log`` in use.
    """

    def __init__(
        self,
        model: RadioModel,
        people: NDArray[np.int64],
        start_ms: int,
        log: kernel.Log,
    ):
        n = len(people)
        self.model, self.people, self.start_ms = model, people, start_ms
        self.env = simpy.Environment()
        self.link_dbm = np.full((n, n), kernel.NOWHERE_DBM)
        self.contact = np.zeros((n, n), np.uint64)
        self.read = np.zeros((n, n), np.bool_)
        self.records: list[Record] = []
        self.sent = self.received = self.logged = 0
        self._log = log
        self._does: dict[int, Behaviour] = {}
        self._view: View | None = None
        self._scans: list[Scan | None] = [None] * n
        self._sending: list[_Sending] = []
        self._done_us = 0
        self._heard = kernel.Reception(
            packets=np.zeros((n, n), np.int64),
            first_us=np.full((n, n), -1, np.int64),
            total_dbm=np.zeros((n, n)),
            max_dbm=np.full((n, n), kernel.NOWHERE_DBM),
            unread_us=np.full((n, n), -1, np.int64),
            unread_dbm=np.zeros((n, n)),
        )

    @property
    def now_ms(self) -> int:
        """Unix milliseconds."""
        return self.start_ms + int(self.env.now)

    @property
    def now_us(self) -> int:
        """Microseconds since the run began."""
        return int(self.env.now) * 1000

    # -- what changes for everybody --------------------------------------------------------------

    def follow(self, contacts: Contacts, length_ms: int) -> Steps:
        """Brings pairs together and apart."""
        begin = contacts.start_s * 1000 - self.start_ms
        end = begin + contacts.duration_s.astype(np.int64) * 1000
        a, b = (np.searchsorted(self.people, who) for who in (contacts.a, contacts.b))
        place = places_of(contacts, (contacts.start_s + self.model.utc_offset_s) // DAY_S)
        level = [
            [
                physics.link_dbm(
                    self.model.air, self.model.phones, self.model.streams, *where, *link, distance
                )
                for link in ((x, y), (y, x))
            ]
            for *where, x, y, distance in zip(
                place, contacts.contact, contacts.a, contacts.b, contacts.distance_m, strict=True
            )
        ]
        # Ends come before starts that fall on the same instant.
        steps = [(int(t), False, i) for i, t in enumerate(end) if 0 <= t < length_ms]
        steps += [(max(int(t), 0), True, i) for i, t in enumerate(begin) if end[i] > 0]
        for time, together, i in sorted(steps):
            if time > self.env.now:
                yield self.env.timeout(time - self.env.now)
            self.resolve()
            for k, (x, y) in enumerate(((a[i], b[i]), (b[i], a[i]))):
                self.link_dbm[x, y] = level[i][k] if together else kernel.NOWHERE_DBM
                self.contact[x, y] = contacts.contact[i]

    def rotate(self) -> Steps:
        """New identifiers, for everybody at once."""
        period = self.model.app.identifier_ms
        while True:
            yield self.env.timeout(period - self.now_ms % period)
            self.resolve()
            self.note_all()
            self.read[:] = False
            self._scans = [scan and replace(scan, view=self.view()) for scan in self._scans]

    # -- what phones tell ------------------------------------------------------------------------

    def behave(self, phone: int, does: Behaviour) -> None:
        """The phone behaves so from now on."""
        self._does[phone] = does
        self._view = None

    def send(self, times_us: NDArray[np.int64], phone: int, fading: NDArray[np.uint64]) -> None:
        """Advertising events of a phone, later than anything that is resolved."""
        if len(times_us):
            self._sending.append(_Sending(times_us, phone, fading))

    def listen(self, phone: int, scan: Scan) -> None:
        """The phone scans from now on."""
        self._scans[phone] = scan

    def stop_listening(self, phone: int) -> None:
        """The phone's scan ends, and its records with it."""
        self.note(phone)
        self._scans[phone] = None

    def take_unread(self, phone: int) -> list[tuple[int, float]]:
        """(sender, RSSI) of whom the phone has heard without its identifier; each is given once."""
        unread = self._heard.unread_us[phone]
        found = np.flatnonzero(unread >= 0)
        unread[found] = -1
        return [(int(sender), float(self._heard.unread_dbm[phone, sender])) for sender in found]

    def note_read(self, phone: int, sender: int, rssi_dbm: float) -> None:
        """A read counts as a packet: in the scan under way, else as a record of its own."""
        heard, at = self._heard, (phone, sender)
        heard.unread_us[at] = -1
        heard.packets[at] += 1
        heard.total_dbm[at] += rssi_dbm
        heard.max_dbm[at] = max(heard.max_dbm[at], rssi_dbm)
        if heard.first_us[at] < 0:
            heard.first_us[at] = self.now_us
        if self._scans[phone] is None:
            self.note(phone)

    # -- records ---------------------------------------------------------------------------------

    def note(self, phone: int) -> None:
        """Closes the records of the phone's scan."""
        for sender in np.flatnonzero(self._heard.packets[phone]).tolist():
            self._close(phone, sender)

    def note_sender(self, sender: int) -> None:
        """Closes what all phones have of one that sends something else from now on."""
        for phone in np.flatnonzero(self._heard.packets[:, sender]).tolist():
            self._close(phone, sender)

    def _close(self, phone: int, sender: int) -> None:
        heard, at = self._heard, (phone, sender)
        n = int(heard.packets[at])
        mean, top = heard.total_dbm[at] / n, heard.max_dbm[at]
        in_packet = self._does[sender].sends == "identifier"
        self.received += n
        self.records.append(
            Record(
                observer=phone,
                sender=sender,
                time_us=int(heard.first_us[at]),
                packets=n,
                rssi_dbm=int(np.floor(mean + 0.5)),
                rssi_max_dbm=int(np.floor(top + 0.5)),
                transport=TRANSPORT_ADVERTISEMENT if in_packet else TRANSPORT_GATT,
            )
        )
        heard.packets[at] = 0
        heard.total_dbm[at] = 0.0
        heard.first_us[at] = -1
        heard.max_dbm[at] = kernel.NOWHERE_DBM

    def note_all(self) -> None:
        """Closes everybody's."""
        for phone in range(len(self.people)):
            self.note(phone)

    # -- packets ---------------------------------------------------------------------------------

    def resolve(self) -> None:
        """Delivers what has been sent up to now."""
        now = self.now_us
        if now <= self._done_us:
            return
        began, self._done_us = self._done_us, now
        due, later = [], []
        for times, sender, fading in self._sending:
            k = int(np.searchsorted(times, now))
            if k:
                due.append(_Sending(times[:k], sender, fading[:k]))
            if k < len(times):
                later.append(_Sending(times[k:], sender, fading[k:]))
        self._sending = later
        for times, sender, _ in due:
            self.sent += len(times) * len(self._does[sender].advertise_channels)
        listening = [(p, scan) for p, scan in enumerate(self._scans) if scan is not None]
        if due and listening:
            self._deliver(due, listening, self._ears(listening, began, now))

    def _deliver(
        self, due: list[_Sending], listening: list[tuple[int, Scan]], ears: kernel.Receivers
    ) -> None:
        times = np.concatenate([t for t, _, _ in due])
        sender = np.repeat([s for _, s, _ in due], [len(t) for t, _, _ in due])
        fading = np.concatenate([f for _, _, f in due])
        order = np.argsort(times, kind="stable")
        times, sender, fading = times[order], sender[order], fading[order]
        view = self.view()
        catches, in_packet = np.zeros_like(self.read), np.zeros_like(self.read)
        for phone, scan in listening:
            catches[phone], in_packet[phone] = scan.view.catches[phone], scan.view.in_packet
        crowd = kernel.Crowd(
            person=self.people, form=view.form, catches=catches, known=self.read | in_packet
        )
        pdu, place = view.pdu_us[sender], view.place[sender]
        pdus = []
        for channel in range(len(_CHANNELS)):
            on = place[:, channel] >= 0
            start = times[on] + place[on, channel] * (pdu[on] + kernel.GAP_US)
            # Phones whose PDUs differ in length swap places by less than a millisecond.
            order = np.argsort(start, kind="stable")
            start = start[order]
            ends = start + pdu[on][order]
            pdus.append(kernel.Pdus(start, ends, sender[on][order], fading[on][order]))
        self.logged = kernel.receive(
            tuple(pdus), ears, crowd, self.model.air, self._heard, self._log, self.logged
        )

    def view(self) -> View:
        """Of the phones' states, until one of them changes."""
        if self._view is None:
            does = [self._does[phone] for phone in range(len(self.people))]
            kinds = sorted({id(d): d for d in does}.items())
            kind = np.searchsorted([k for k, _ in kinds], [id(d) for d in does])
            pairs = np.array(
                [[b.sends in a.hears for _, b in kinds] for _, a in kinds], dtype=np.bool_
            )
            self._view = View(
                does=does,
                catches=pairs[kind][:, kind],
                in_packet=np.array([d.sends == "identifier" for d in does]),
                form=np.array([physics.FORMS.index(d.sends) for d in does]),
                pdu_us=np.array([round(pdu_ms(d) * 1000) for d in does]),
                place=np.array([_places(d.advertise_channels) for d in does]),
                offset_db=np.array([d.tx_offset_db for d in does]),
            )
        return self._view

    def _ears(self, listening: list[tuple[int, Scan]], began: int, now: int) -> kernel.Receivers:
        does = [s.view.does[p] for p, s in listening]
        return kernel.Receivers(
            phone=np.array([p for p, _ in listening]),
            from_us=np.array([max(s.began_us, began) for _, s in listening]),
            to_us=np.array([min(s.ends_us, now) for _, s in listening]),
            began_us=np.array([s.began_us for _, s in listening]),
            ends_us=np.array([s.ends_us for _, s in listening]),
            window_us=np.array([round(d.scan_window_ms * 1000) for d in does]),
            interval_us=np.array([round(d.scan_interval_ms * 1000) for d in does]),
            hop=np.array([s.hop for _, s in listening]),
            level_dbm=np.stack(
                [self.link_dbm[p] + s.view.offset_db + s.term_db for p, s in listening]
            ),
        )


def _places(channels: Sequence[int]) -> list[int]:
    """Of each channel, which PDU of an event is sent on it; -1 where none is."""
    return [channels.index(c) if c in channels else -1 for c in _CHANNELS]
