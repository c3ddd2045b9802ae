"""A protocol is one value: what the rest of the package has to know of a system, and nothing else.

Loads without NumPy, as lists and scenarios need it. Code is given as a callable, or as
``"module:function"``, which is imported when it is first called: so the values that ship cost nothing
until somebody makes identifiers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.resources.abc import Traversable
from typing import TYPE_CHECKING, Any, Literal
from uuid import UUID

from ..errors import InputError, TableError
from ..registry import resolve
from . import ad
from .ad import Advertisement

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ..tables.rows import PublishedKeys
    from .units import UnitKeys

DAY_S = 86_400
DAY_MS = 1000 * DAY_S

_CHECK_BYTES = "bluezone_sim.kernels.crypto.sha256:check_bytes"
_OUTPUT = "bluezone_sim.kernels.crypto.sha256:output"
#: A function or a class, or where it is: ``"module:name"``.
Code = str | Callable[..., Any]


def called(code: Code) -> Callable[..., Any]:
    """What ``code`` stands for."""
    return _named(code) if isinstance(code, str) else code


@cache
def _named(home: str) -> Callable[..., Any]:
    found: Callable[..., Any] = resolve(home)
    return found


@dataclass(frozen=True)
class Keys:
    """Keys that cases publish and from which phones derive identifiers.

    A *unit* is the time for which there is one key, ``per_key`` intervals of the protocol; a day is a
    whole number of units.

    Attributes:
        bytes: of a key.
        per_key: identifiers that one key gives.
        identifiers: ``(keys, starts_s, out, *, threads)`` writes ``out``, ``uint8[n, count, id_bytes]``,
            identifiers of ``keys uint8[n, bytes]``, valid from ``starts_s int64[n]`` on, in derivation
            order, never shuffled. ``count`` is 0 to ``per_key``, unless ``units`` asks for more.
        tolerance_s: how far outside its validity a sighting still matches, seconds.
        made: "fresh", a random key each unit; "ratchet", each day's key from the one before; "own", as
            ``schedule`` says.
        order: "told", a unit's identifiers are sent as they are derived; "shuffled", in an order that
            nobody else knows, so that a sighting matches anywhere in the unit.
        publishes: "each", a case publishes a key each unit; "first", that of the first unit, from which
            phones walk to later ones.
        next_keys: ``(base, days, *, threads)`` gives ``uint8[n, days, bytes]``, the base first, where
            keys ratchet.
        schedule: what makes keys otherwise; see :class:`bluezone_sim.protocols.schedule.OwnKeys`.
        units: ``(published, protocol)`` gives its :class:`~bluezone_sim.protocols.units.UnitKeys`, where
            these do not follow from the facts above, or more is asked of them.
        expand: like ``identifiers``, of unit keys, where these hold more than a key.
        payload: ``(keys, identifiers, tx_power_dbm)`` gives ``uint8[n, payload_bytes]``: what is sent
            beside identifiers.
        attenuation: ``(keys, identifiers, payload, rssi_dbm)`` gives ``float32[n]`` dB, or None where the
            payload was not recorded.
        fused: ``(index, keys, starts_s, counts, span, work)`` derives the identifiers of unit keys and
            looks them up in one go, and gives the number of hits, or -1 where a start or a count cannot
            be; see :func:`bluezone_sim.kernels.lookup.fused.gaen`.
    """

    bytes: int
    per_key: int
    identifiers: Code
    tolerance_s: int = 0
    made: Literal["fresh", "ratchet", "own"] = "fresh"
    order: Literal["told", "shuffled"] = "told"
    publishes: Literal["each", "first"] = "each"
    next_keys: Code | None = None
    schedule: Code | None = None
    units: Code | None = None
    expand: Code | None = None
    payload: Code | None = None
    attenuation: Code | None = None
    fused: Code | None = None


@dataclass(frozen=True)
class ServerIds:
    """Identifiers that a server hands out and only it can read: a case uploads what its phone heard.

    Attributes:
        make: ``(server, user, time_s)`` gives ``uint8[n, id_bytes]``: what users ``int64[n]`` send at
            unix seconds ``int64[n]``; ``server`` is a
            :class:`~bluezone_sim.protocols.schedule.ServerSecrets`.
        read: ``(server, identifiers, time_s)`` gives ``int64[n]``: the user in each row of a history; -1
            where the server rejects it.
    """

    make: Code
    read: Code


@dataclass(frozen=True)
class FixedId:
    """One identifier a phone for good. On the air alone: no scenario follows it.

    Attributes:
        make: ``(words)`` gives ``uint8[n, id_bytes]`` from random ``uint64[n]``.
    """

    make: Code


@dataclass(frozen=True)
class Gatt:
    """An identifier that is read over a connection.

    Attributes:
        service, characteristic: what to look for.
        parse: ``(value)`` gives the identifier in what the phone answered, or raises FormatError.
        build: ``()`` gives the advertising data of an iPhone that is to be read; None where this project
            does not send it.
        written: ``(value)`` gives (identifier, RSSI in dBm) in what a phone that connects writes to the
            characteristic, or raises FormatError; None where nothing is written.
        also: other characteristics that answer alike, in variants of the app.
    """

    service: UUID
    characteristic: UUID
    parse: Code
    build: Code | None = None
    written: Code | None = None
    also: tuple[UUID, ...] = ()


@dataclass(frozen=True)
class Wire:
    """How a protocol looks on air.

    Attributes:
        build: ``(identifier, payload)`` gives advertising data; both have the right size.
        parse: ``(structures)`` gives ``(identifier, payload)`` of AD structures, or a
            :class:`~bluezone_sim.protocols.ad.Sent`; None unless every byte of the form is as it should
            be.
        services: 16-bit numbers and UUIDs by which it shows itself, in the open.
        companies: company ids of manufacturer data in which it may be.
        gatt: where identifiers are read over a connection, if any are.
        siblings: all protocols of this look, itself among them, where it shares it.
        payload_bytes: sizes that the payload may have, the usual one first: variants that apps send.
            What ``parse`` finds with another size, or with an identifier of another, is none of the
            protocol's.
        connectable: Android's advertisements are.
        interval_ms: between Android's advertisements (LOW_LATENCY: 100 ms).
    """

    build: Code
    parse: Code
    services: tuple[int | UUID, ...] = ()
    companies: tuple[int, ...] = ()
    gatt: Gatt | None = None
    siblings: tuple[str, ...] = ()
    payload_bytes: tuple[int, ...] = (0,)
    connectable: bool = True
    interval_ms: int = 250


@dataclass(frozen=True)
class KeyFormat:
    """A file in which keys are published.

    Attributes:
        title: in words, with its article: "a list of keys".
        suffix: usual ending: ".json".
        sniff: ``(data)`` tells whether bytes are such a file, by their first few thousand.
        read: ``(data, source)`` gives :class:`~bluezone_sim.tables.rows.PublishedKeys`, or raises
            FormatError that names ``source``: RowsError where the other keys can be used.
        write: ``(published)`` gives the file.
        timed: ``(published, latest_ms)`` sets what the file leaves open until it is known when a phone
            looks: the time of its latest sighting, unix milliseconds.
        verify: ``(data, source, public_key, beside)`` raises SignatureError unless the file is signed by
            the key; ``beside(suffix)`` gives (bytes, name) of a file of the same name and another ending.
        filter: ``(data, source)`` gives what is published instead of keys: its ``find(sightings)`` gives
            the rows that are in it.
        told: ``(data, source)`` gives the :class:`~bluezone_sim.protocols.key_batch.KeyBatch` that the
            file says it is.
        report_types: names of the numbers in ``meta["report_type"]``; a key of the type "revoked" is
            taken back, one that tells none is of the first.
        report_types_mean: (region, what the types mean there), where that is not what their names say.
    """

    title: str
    suffix: str
    sniff: Code
    read: Code
    write: Code
    timed: Code | None = None
    verify: Code | None = None
    filter: Code | None = None
    told: Code | None = None
    report_types: tuple[str, ...] = ()
    report_types_mean: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Protocol:
    """A system: what phones send, what is published of it, and how the two match.

    Attributes:
        name: as in :func:`bluezone_sim.protocols.get`.
        title: for people.
        source: where all this was read.
        id_bytes: of an identifier.
        interval_s: how long an identifier is on air, seconds; 0 where it never changes.
        retention_s: how long phones keep sightings, seconds.
        keys: what identifiers are made of.
        wire: how they look on air.
        radio: profile in TOML, each number with its source; see ``bluezone_sim.scenario.profiles``.
        record_mib: memory of the records and matches of a source of keys who runs the app, MiB a day at a
            scan in 300 s; measured.
        files: formats in which keys are published, that which is written first.
        vectors: test vectors in JSON; see :func:`bluezone_sim.testing.check_protocol`.
        rule: name of the risk rule of an app that used it, taken by scenarios that name none; None where
            none is published: then one record warns, and the output says so.
        confirmed_by: who stands between a match and a warning.

    Raises:
        InputError: facts that do not fit each other.
    """

    name: str
    title: str
    source: str
    id_bytes: int
    interval_s: int
    retention_s: int
    keys: Keys | ServerIds | FixedId
    wire: Wire
    radio: Traversable
    record_mib: float
    files: tuple[KeyFormat, ...] = ()
    vectors: Traversable | None = None
    rule: str | None = None
    confirmed_by: Literal["nobody", "authority", "tracer"] = "nobody"

    def __repr__(self) -> str:
        return f"<protocol {self.name}>"

    def __post_init__(self) -> None:
        keys = self.keys
        if not isinstance(keys, Keys):
            return
        unit_s = keys.per_key * self.interval_s
        wrong = {
            "id_bytes: expected a multiple of 4": self.id_bytes < 4 or self.id_bytes % 4,
            "keys.per_key times interval_s: a day is no multiple of it": not unit_s
            or DAY_S % unit_s,
            "keys.next_keys: missing, though made is 'ratchet'": keys.made == "ratchet"
            and keys.next_keys is None,
            "keys.schedule: missing, though made is 'own'": keys.made == "own"
            and keys.schedule is None,
            "keys: those that ratchet last a day and have at most 32 bytes": keys.made == "ratchet"
            and (unit_s != DAY_S or keys.bytes > 32),
            "keys.publishes: 'first' needs keys that follow from one another": keys.publishes
            == "first"
            and keys.made == "fresh",
        }
        for fault in (text for text, found in wrong.items() if found):
            raise InputError(f"protocol {self.name!r}: {fault}")

    # -- keys --------------------------------------------------------------------------------------

    @property
    def publishes_keys(self) -> bool:
        """Phones match published keys by themselves."""
        return isinstance(self.keys, Keys)

    @property
    def published_keys(self) -> Keys:
        """``keys`` of a protocol that publishes them.

        Raises:
            InputError: it does not.
        """
        if not isinstance(self.keys, Keys):
            raise InputError(f"protocol {self.name!r} publishes no keys, so phones cannot match")
        return self.keys

    @property
    def server_ids(self) -> ServerIds:
        """``keys`` of a protocol that matches on a server.

        Raises:
            InputError: it does not.
        """
        if not isinstance(self.keys, ServerIds):
            raise InputError(f"protocol {self.name!r} has no server that reads identifiers")
        return self.keys

    @property
    def id_size(self) -> int:
        """Bytes of an identifier."""
        return self.id_bytes

    @property
    def key_size(self) -> int:
        """Bytes of a key."""
        return self.published_keys.bytes

    @property
    def intervals_per_key(self) -> int:
        """Identifiers that one key gives."""
        return self.published_keys.per_key

    @property
    def tolerance_s(self) -> int:
        """How far outside its validity a sighting still matches, seconds."""
        return self.published_keys.tolerance_s

    @property
    def unit_s(self) -> int:
        """Time for which there is one key, seconds."""
        return self.published_keys.per_key * self.interval_s

    def identifiers(
        self,
        keys: NDArray[np.uint8],
        starts_s: int | NDArray[np.int64] = 0,
        count: int | None = None,
        out: NDArray[np.uint8] | None = None,
        *,
        threads: int = 1,
        **more: Any,
    ) -> NDArray[np.uint8]:
        """Identifiers of keys, in derivation order, never shuffled.

        Args:
            keys: ``uint8[n, key_size]``.
            starts_s: unix time at which each key's validity starts, a scalar or ``int64[n]``; only some
                protocols need it.
            count: how many a key, by default all.
            out: ``uint8[n, count, id_size]``, contiguous, written and returned where given.
            threads: threads to use.
            more: what the protocol takes beside (TCN: ``start_index``, the number of the first).

        Returns:
            ``uint8[n, count, id_size]``.

        Raises:
            InputError: the protocol publishes no keys.
            TableError: an array has another dtype or shape, or a number is out of range.
        """
        check_bytes, output = called(_CHECK_BYTES), called(_OUTPUT)
        facts = self.published_keys
        keys = check_bytes("keys", keys, facts.bytes)
        wanted = facts.per_key if count is None else count
        if wanted < 0:
            raise TableError(f"count: expected 0 or more, found {wanted}")
        out = output(out, (len(keys), wanted, self.id_bytes))
        called(facts.identifiers)(keys, _starts(starts_s, len(keys)), out, threads=threads, **more)
        return out

    def fixed_ids(self, words: NDArray[np.uint64]) -> NDArray[np.uint8]:
        """``uint8[n, id_size]``: identifiers for good from random words ``uint64[n]``.

        Raises:
            InputError: identifiers of this protocol change.
        """
        if not isinstance(self.keys, FixedId):
            raise InputError(f"protocol {self.name!r}: identifiers are not fixed")
        out: NDArray[np.uint8] = called(self.keys.make)(words)
        return out

    def daily_keys(
        self, base: NDArray[np.uint8], days: int, *, threads: int = 1
    ) -> NDArray[np.uint8]:
        """``uint8[n, days, key_size]``: keys that ratchet, ``base`` as that of the first day.

        Raises:
            InputError: keys do not follow from one another.
            TableError: ``base`` is not ``uint8[n, key_size]``, or ``days`` is below 1.
        """
        from ..kernels.crypto.sha256 import check_bytes

        facts = self.published_keys
        if facts.next_keys is None:
            raise InputError(f"protocol {self.name!r}: a day's key does not give the next day's")
        if days < 1:
            raise TableError(f"days: expected at least 1, found {days}")
        base = check_bytes("base", base, facts.bytes)
        out: NDArray[np.uint8] = called(facts.next_keys)(base, days, threads=threads)
        return out

    def unit_keys_of(self, published: PublishedKeys) -> UnitKeys:
        """Unit keys of a published table.

        Raises:
            InputError: the protocol publishes no keys.
            TableError: a column is of the wrong kind or out of range.
        """
        from . import units

        facts = self.published_keys
        if facts.units is not None:
            found: UnitKeys = called(facts.units)(published, self)
            return found
        shuffled = facts.order == "shuffled"
        if facts.made == "ratchet":
            units.check_published(published, facts.bytes)
            return units.day_units(published, facts.per_key, self.daily_keys, shuffled=shuffled)
        units.check_published(published, facts.bytes, facts.per_key)
        step_s, valid_s = (0, self.unit_s) if shuffled else (self.interval_s, self.interval_s)
        return units.single_units(published, 1000 * step_s, 1000 * valid_s)

    def expand(
        self, unit_keys: NDArray[np.uint8], starts_s: NDArray[np.int64], count: int
    ) -> NDArray[np.uint8]:
        """``uint8[n, count, id_size]``: identifiers of unit keys, from their first on."""
        from ..kernels.crypto.sha256 import output

        facts = self.published_keys
        if facts.expand is None:
            return self.identifiers(unit_keys, starts_s, count)
        out = output(None, (len(unit_keys), count, self.id_bytes))
        called(facts.expand)(unit_keys, starts_s, out, threads=1)
        return out

    def attenuation_db(
        self,
        keys: NDArray[np.uint8],
        identifier: NDArray[np.uint8],
        payload: NDArray[np.uint8] | None,
        rssi_dbm: NDArray[np.int16],
    ) -> NDArray[np.float32] | None:
        """Attenuation of matched sightings, ``float32[n]``, where the protocol tells the TX power and its
        payload was recorded."""
        facts = self.published_keys
        if facts.attenuation is None or payload is None:
            return None
        out: NDArray[np.float32] = called(facts.attenuation)(keys, identifier, payload, rssi_dbm)
        return out

    # -- on air ------------------------------------------------------------------------------------

    @property
    def looks_like(self) -> tuple[str, ...]:
        """Names of the protocols that send this form."""
        return self.wire.siblings or (self.name,)

    def advertisement(self, identifier: bytes, payload: bytes = b"") -> bytes:
        """Advertising data that carries an identifier.

        Raises:
            TableError: the identifier or the payload is of another size.
        """
        ad.check_identifier(identifier, self.id_bytes)
        if len(payload) not in self.wire.payload_bytes:
            sizes = " or ".join(map(str, sorted(self.wire.payload_bytes)))
            raise TableError(f"payload: expected {sizes} bytes, found {len(payload)}")
        out: bytes = called(self.wire.build)(identifier, payload)
        return out

    def parse_advertisement(self, data: bytes) -> Advertisement | None:
        """What advertising data carries; None unless every byte of the form is as it should be."""
        structures = ad.walk(data)
        return None if structures is None else self.parse_structures(structures)

    def parse_structures(self, structures: list[tuple[int, bytes]]) -> Advertisement | None:
        """:meth:`parse_advertisement` of AD structures."""
        parsed = called(self.wire.parse)(structures)
        if parsed is None:
            return None
        found = Advertisement(self.looks_like, *parsed)
        whole = len(found.identifier) == self.id_bytes
        if not found.gatt and not (whole and len(found.payload) in self.wire.payload_bytes):
            return None
        return found


def _starts(starts_s: int | NDArray[np.int64], n: int) -> NDArray[np.int64]:
    import numpy as np

    starts = np.asarray(starts_s, np.int64)
    if starts.shape not in ((), (n,)):
        raise TableError(f"starts_s: expected a number or int64[{n}], found {list(starts.shape)}")
    if starts.shape:
        return starts
    same = np.empty(n, np.int64)
    same.fill(starts)
    return same
