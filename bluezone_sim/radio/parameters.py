"""The radio of a scenario in the form that both engines read."""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import dataclass, replace
from functools import cached_property
from queue import SimpleQueue
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from ..kernels import rng
from ..kernels.radio import link_budget as kernel
from ..kernels.radio.availability import HOURS, Availability
from ..kernels.radio.lane_columns import LanePlan
from ..kernels.radio.lane_plan import plan_of
from ..kernels.radio.lives import lives_began_ms
from ..kernels.radio.sessions import DAY_MS, LENGTHS, Sessions
from ..scenario.model import Scenario
from ..scenario.profiles import profile_of
from ..scenario.schema.phones import SESSION_SD, openings
from ..scenario.schema.phones import Phones as PhonesTable
from ..scenario.schema.profile import PLATFORMS, STATES, Behaviour, Gatt, RadioProfile
from ..scenario.schema.radio import Radio
from ..world import World

#: Mean of the random delay that each advertising event adds (Core spec Vol 6 Part B: 0-10 ms).
ADV_DELAY_MS = 5.0
#: A packet survives one that is weaker by this: receivers need 6 to 10 dB (the Core spec, Vol 6 Part A,
#: lets them need 21).
CAPTURE_DB = 8.0
#: Advertising channels.
CHANNELS = 3
#: An identifier that does not rotate: longer than any run.
_FOREVER_MS = 1 << 50
#: Whether a peer can be read is drawn anew with its identifier, at least so often.
_READ_SLOT_MS = 900_000


@dataclass(frozen=True)
class RadioModel:
    """The radio's parameters.

    Attributes:
        profile: the system's radio.
        air, app, phones, streams, life, sessions: what the hot loops read.
        utc_offset_s: of local time, by which phones live.
        ios_share: share of phones that are iPhones, for the crowd in a room.
        tx_sd_db: spread of TX power over the phones in a room.
        screen_on_share, audio_share: shares of the time with the screen on, with audio playing.
        people_of: a model whose plan says the same of people, see :meth:`beside`; None: there is none.
    """

    profile: RadioProfile
    air: kernel.LinkBudget
    app: kernel.App
    phones: kernel.Phones
    streams: kernel.Streams
    life: Availability
    sessions: Sessions
    utc_offset_s: int = 0
    ios_share: float = 0.0
    tx_sd_db: float = 0.0
    screen_on_share: float = 0.0
    audio_share: float = 0.0
    people_of: RadioModel | None = None

    @cached_property
    def plan(self) -> LanePlan:
        """The same for the vectorised engine, made when it is first asked for."""
        phones, known = self.phones, self.people_of
        if known is None:
            return plan_of(self.air, self.app, self.sessions, phones, self.streams)
        # A phone of each platform there is stands for all: the rest of the plan is not of people.
        each = sorted({int(np.argmin(phones.ios)), int(np.argmax(phones.ios))})
        some = kernel.Phones._make(column[each] for column in phones)
        plan = plan_of(self.air, self.app, self.sessions, some, self.streams)
        return plan._replace(sends=known.plan.sends, hears=known.plan.hears)

    @cached_property
    def desks(self) -> SimpleQueue[Any]:
        """What the vectorised engine's threads write on, kept from one use to the next."""
        return SimpleQueue()

    def beside(self, other: RadioModel) -> RadioModel:
        """The same model; of another with the same phones and periods it takes over what its plan says of
        people, which is most of what a plan takes of time and memory."""
        same = self.streams == other.streams and all(
            a is b or np.array_equal(a, b)
            for a, b in (
                *zip(self.phones, other.phones, strict=True),
                (self.app.advertise_period_ms, other.app.advertise_period_ms),
                (self.app.scan_period_ms, other.app.scan_period_ms),
            )
        )
        return replace(self, people_of=other) if same else self

    def aired_ms(
        self, person: NDArray[np.integer], time_ms: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        """``int64[n]``: a time of the interval whose identifier a phone sends at each time.

        Where an identifier stays on the air until the address changes that is when it went there.

        Args:
            person: ``int[n]``, whose phone.
            time_ms: ``int64[n]``, unix milliseconds.
        """
        if not self.app.life_jitter_ms:
            return time_ms
        out = np.empty(len(time_ms), np.int64)
        lives_began_ms(self.app, self.streams, np.asarray(person, np.int64), time_ms, out)
        return out

    @property
    def longest_life_ms(self) -> int:
        """Longest time for which an identifier is on the air after its interval began to be."""
        app = self.app
        return app.identifier_ms + app.life_jitter_ms if app.life_jitter_ms else 0

    @property
    def scan_period_s(self) -> float:
        """Mean time between scans of an Android phone."""
        return float(self.app.scan_period_ms[0]) / 1000


def radio_model(world: World, scenario: Scenario) -> RadioModel:
    """Binds a population's phones to the radio of a scenario."""
    return model_of(
        profile_of(scenario),
        kernel.Phones(world.tx_power_dbm, world.rx_correction_db, world.ios),
        world.seed,
        radio=scenario.radio,
        table=scenario.phones,
        ios_share=scenario.population.ios_share,
        utc_offset_s=_utc_offset_s(scenario),
    )


def model_of(
    profile: RadioProfile,
    phones: kernel.Phones,
    seed: int,
    *,
    radio: Radio | None = None,
    table: PhonesTable | None = None,
    ios_share: float = 0.0,
    utc_offset_s: int = 0,
) -> RadioModel:
    """The radio of some phones.

    Args:
        profile: the system on them.
        phones: their calibration and platform.
        seed: of phones and contacts.
        radio, table: a scenario's [radio] and [phones]; by default a scenario's defaults.
        ios_share: share of iPhones among the phones of a crowd.
        utc_offset_s: of local time.
    """
    radio, table = radio or Radio(), table or PhonesTable()
    carry_db, app = carry_of(table), app_of(profile, table)
    android, ios = table.android.tx_power_sd_db, table.ios.tx_power_sd_db
    gap = table.ios.tx_power_dbm - table.android.tx_power_dbm
    return RadioModel(
        profile=profile,
        air=kernel.LinkBudget(
            attenuation_1m_db=radio.attenuation_1m_db,
            exponent=radio.exponent,
            breakpoint_m=radio.breakpoint_m,
            exponent_far=radio.exponent_far,
            scene_sd_db=radio.scene_sd_db,
            shadowing_sd_db=math.sqrt(max(radio.shadowing_sd_db**2 - 2 * carry_db.var(), 0.0))
            if len(carry_db)
            else radio.shadowing_sd_db,
            scan_sd_db=radio.scan_sd_db,
            fading_sd_db=radio.fading_sd_db,
            body_db=radio.body_blockage_db,
            sensitivity_dbm=radio.sensitivity_dbm,
            sensitivity_sd_db=radio.sensitivity_sd_db,
            heard_share=radio.heard_share,
            capture_db=CAPTURE_DB,
            gatt_success=table.gatt_success,
            carry_db=carry_db,
        ),
        app=app,
        phones=phones,
        streams=streams_of(seed),
        life=life_of(table, profile),
        sessions=sessions_of(table, app.stateful),
        utc_offset_s=utc_offset_s,
        ios_share=ios_share,
        screen_on_share=table.screen_on_share,
        audio_share=table.audio_share,
        tx_sd_db=float(np.std(phones.tx_power_dbm))
        if table.models
        else math.sqrt(
            (1 - ios_share) * android**2 + ios_share * ios**2 + ios_share * (1 - ios_share) * gap**2
        ),
    )


def _utc_offset_s(scenario: Scenario) -> int:
    noon = dt.datetime.combine(scenario.date, dt.time(12), ZoneInfo(scenario.timezone))
    return int((noon.utcoffset() or dt.timedelta()).total_seconds())


def carry_of(table: PhonesTable) -> NDArray[np.float64]:
    """``float64[1024]``: losses of the positions, each in as many places as its share; empty for none."""
    if table.carry is None:
        return np.zeros(0)
    edges = np.cumsum([c.share for c in table.carry])
    at = np.searchsorted(edges, (np.arange(1024) + 0.5) / 1024 * edges[-1])
    loss = np.array([c.loss_db for c in table.carry])[at]
    return np.asarray(loss - loss.mean())


def life_of(table: PhonesTable, profile: RadioProfile) -> Availability:
    """When phones take part; what the operating system itself runs is not killed."""
    each = (table.android, table.ios)
    off = table.off_share, table.off_always_share, table.off_h
    away = table.away_share, 0.0, table.away_h
    spells = [
        (off, off),
        [
            (0.0 if profile.in_system else p.killed_share, p.killed_always_share, p.killed_h)
            for p in each
        ],
        [(p.saver_share, p.saver_always_share, p.saver_h) for p in each],
        (away, away),
    ]
    mean, always, spell_h = np.array(spells).transpose(2, 0, 1)
    always = np.minimum(always, mean)
    # What is left of the mean is the others', where there are any.
    share = (mean - always) / np.where(always < 1, 1 - always, 1.0)
    begins, ends = table.night_h
    hours = [h for h in range(HOURS) if (h - begins) % HOURS < (ends - begins) % HOURS]
    return Availability(
        always=always,
        share=share,
        # A spell is of one block or more, each one that follows with the chance of the share.
        block_h=np.maximum(spell_h * (1 - share), 1.0),
        night_share=table.night_off_share,
        night=sum(1 << h for h in hours),
    )


def sessions_of(table: PhonesTable, stateful: NDArray[np.bool_]) -> Sessions:
    """When apps are in front; of platforms whose states differ (``bool[2]``), only on iPhones."""
    found = openings(
        table.ios_foreground_share,
        table.ios_never_opens,
        table.ios_leaves_open,
        table.ios_session_s,
    )
    # The mean of each of as many equal parts of the log-normal: their mean is that of all of it.
    edges = ndtri(np.arange(LENGTHS + 1) / LENGTHS)
    mean_ms = 1000 * table.ios_session_s * math.exp(SESSION_SD**2 / 2)
    length = mean_ms * LENGTHS * np.diff(ndtr(edges - SESSION_SD))
    return Sessions(
        never=float(table.ios_never_opens),
        leavers=float(table.ios_leaves_open) if found.left_s else 0.0,
        opens=float(found.a_day),
        left_ms=round(1000 * found.left_s),
        length_ms=np.rint(length).astype(np.int32),
        rest_ms=np.where(stateful, 0, DAY_MS).astype(np.int32),
    )


def always_on(**changes: Any) -> PhonesTable:
    """A scenario's [phones] with phones that take part all the time, and ``changes``."""
    table = PhonesTable()
    causes = ("killed", "saver")
    running = {f"{cause}_{share}": 0.0 for cause in causes for share in ("share", "always_share")}
    return table.model_copy(
        update={
            "off_share": 0.0,
            "off_always_share": 0.0,
            "away_share": 0.0,
            "night_off_share": 0.0,
            "android": table.android.model_copy(update=running),
            "ios": table.ios.model_copy(update=running),
            **changes,
        }
    )


def streams_of(seed: int) -> kernel.Streams:
    """Stream keys of a seed."""
    return kernel.Streams(*(np.uint64(rng.key(seed, p)) for p in kernel.STREAM_PURPOSES))


def app_of(profile: RadioProfile, phones: PhonesTable) -> kernel.App:
    """A profile as arrays by platform and state.

    Duty cycles are those of the foreground. GAEN's pauses are a uniform drawn anew each time; here a
    scan starts at k periods plus a uniform of its own, which gives pauses of the same mean and
    variance and needs no memory. Up to a quarter of an hour the number of scans and the time to the
    first are then distributed alike (within 0.01); over an hour the number spreads by 0.46 where it
    should by 0.56, about 14.3.
    """
    lit, audio = phones.screen_on_share, phones.audio_share
    front = [profile.behaviour(p, STATES[0]) for p in PLATFORMS]
    each = [[profile.behaviour(p, s) for s in STATES] for p in PLATFORMS]
    rows = [state for platform in each for state in platform]

    def table(values: list[float]) -> NDArray[np.float64]:
        return np.array(values).reshape(2, 3)

    def ms(values: list[float]) -> NDArray[np.int64]:
        return np.array([round(1000 * v) for v in values], np.int64)

    event_ms = table([b.advertise_interval_ms + ADV_DELAY_MS for b in rows])
    listens = table([b.scan_window_ms / b.scan_interval_ms for b in rows])
    coverage = table([len(b.advertise_channels) / CHANNELS for b in rows])
    rate = listens[:, :, None, None] * (coverage / event_ms)[None, None]
    gatt = profile.gatt
    shortest, longest = profile.identifier.on_air_s or [profile.identifier.rotation_s] * 2
    # A life is a mean one and the difference of two delays: see `kernels.radio.lives`.
    life_ms = round(500 * (shortest + longest)) or _FOREVER_MS
    life_jitter_ms = round(500 * (longest - shortest))
    return kernel.App(
        scan_on_ms=ms([b.scan_on_s for b in front]),
        scan_period_ms=ms([b.scan_period_s(lit, audio) for b in front]),
        scan_jitter_ms=ms([_jitter_s(b, lit, audio) for b in front]),
        advertise_on_ms=ms([b.advertise_on_s for b in front]),
        advertise_period_ms=ms([b.advertise_period_s for b in front]),
        event_ms=event_ms,
        window_ms=table([b.scan_window_ms for b in rows]),
        listens=listens,
        coverage=coverage,
        tx_offset_db=table([b.tx_offset_db for b in rows]),
        form=np.array([kernel.FORMS.index(b.sends) for b in rows], np.int64).reshape(2, 3),
        hears=np.array(
            [sum(1 << kernel.FORMS.index(f) for f in b.hears if f != "none") for b in rows],
            np.int64,
        ).reshape(2, 3),
        stateful=np.array([any(s != b[0] for s in b) for b in each]),
        rate=rate,
        identifier_ms=life_ms,
        life_jitter_ms=life_jitter_ms,
        read_slot_ms=min(
            round(profile.identifier.rotation_s * 1000) or _READ_SLOT_MS, _READ_SLOT_MS
        ),
        read_ms=ms(list(gatt.read_s) if gatt else [0.0, 0.0]),
        timeout_ms=round(gatt.timeout_s * 1000) if gatt else 0,
        retry_ms=round(gatt.retry_s * 1000) if gatt else 0,
        service_ms=round(_service_s(gatt, each, phones.gatt_success) * 1000) if gatt else 0,
    )


def _service_s(gatt: Gatt, each: list[list[Behaviour]], success: float) -> float:
    """Mean time of a read of a phone whose burst may be over, failures included."""
    peer = next(b for p in each[::-1] for b in p if b.sends not in ("identifier", "none"))
    off = peer.advertise_period_s - peer.advertise_on_s
    wait = min(off, gatt.timeout_s)
    # Off at the start: waits, or gives up where the next burst is too far away.
    late = (wait**2 / 2 + (off - wait) * gatt.timeout_s) / peer.advertise_period_s
    return success * (sum(gatt.read_s) / 2 + late) + (1 - success) * gatt.timeout_s


def _jitter_s(behaviour: Behaviour, screen_on_share: float, audio_share: float) -> float:
    """Width of a scan's own uniform: pauses are the difference of two, so it is narrower by sqrt 2."""
    factor = behaviour.pause_factor(screen_on_share, audio_share)
    return behaviour.scan_pause_jitter_s * factor / math.sqrt(2)


def pdu_ms(behaviour: Behaviour) -> float:
    """Time on air of one advertising PDU, 1M PHY."""
    size = kernel.PDU_OVERHEAD_BYTES + behaviour.payload_bytes
    return size * kernel.US_PER_BYTE / 1000


def p_clear(model: RadioModel, crowd: NDArray[np.integer]) -> NDArray[np.float64]:
    """Chance that a packet does not collide among ``crowd`` advertisers in one room.

    Unslotted ALOHA, (1 - 2 a / I)^(N - 1): a is the PDU's time on air, I the mean spacing of one
    advertiser's PDUs on a channel, over its duty cycle and the room's mix of platforms. A packet
    survives one that is weaker by the capture threshold; the two powers differ by shadowing, scan
    term, fading and TX power, each drawn twice; the place is the same for both.
    """
    air, app = model.air, model.app
    share = np.array([1 - model.ios_share, model.ios_share])
    duty = app.advertise_on_ms / app.advertise_period_ms
    # Most phones are not in the foreground.
    state = np.where(app.stateful, kernel.BACKGROUND, kernel.FOREGROUND)
    load = 0.0
    for i, platform in enumerate(PLATFORMS):
        s = int(state[i])
        sends = app.form[i, s] != kernel.NO_FORM
        on_channel = CHANNELS * app.coverage[i, s] / CHANNELS
        pdu = pdu_ms(model.profile.behaviour(platform, STATES[s]))
        load += share[i] * sends * on_channel * 2 * pdu * duty[i] / app.event_ms[i, s]
    sd = math.sqrt(
        2 * (air.shadowing_sd_db**2 + air.scan_sd_db**2 + air.fading_sd_db**2 + model.tx_sd_db**2)
    )
    sd = math.sqrt(sd**2 + 4 * air.carry_db.var()) if len(air.carry_db) else sd
    lost = float(ndtr(air.capture_db / sd))
    return np.asarray((1 - load * lost) ** np.maximum(crowd - 1, 0))
