"""``bluezone-sim ble range``: a walk test, and the path loss that fits it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..._version import SCHEMA_VERSION
from ...captures.packets import Packets
from ...errors import InputError
from ...scenario.schema.phones import PlatformPhones
from ...scenario.schema.radio import Radio
from ...tables.table import Table
from ...tables.words import DASH
from .prompt import InputEndedError, QuitError, Say, ask
from .sample import Sample, strongest

#: Distances of a walk, metres, unless others are given.
DISTANCES_M = (0.5, 1.0, 2.0, 3.0, 5.0, 8.0, 12.0)
_FEWEST_DISTANCES = 3


@dataclass(frozen=True)
class Stop:
    """What was heard at one distance.

    Attributes:
        distance_m: as the tester confirmed.
        rssi_dbm: ``int16[n]``, of the phone's packets.
        seconds: listened.
    """

    distance_m: float
    rssi_dbm: NDArray[np.int16]
    seconds: float


@dataclass(frozen=True)
class Fit:
    """RSSI = rssi_1m_dbm - 10 exponent log10(d) + a normal a place + a normal a packet.

    Attributes:
        rssi_1m_dbm, exponent: of the mean.
        place_sd_db: between distances, beyond what the packets' own spread explains.
        packet_sd_db: within one distance.
        sensitivity_dbm: weakest packet that was received.
    """

    rssi_1m_dbm: float
    exponent: float
    place_sd_db: float
    packet_sd_db: float
    sensitivity_dbm: float


def walk(
    distances_m: Sequence[float],
    measure: Callable[[], Sample],
    say: Say,
    show: Callable[[Stop], None] = lambda stop: None,
) -> list[Stop]:
    """Goes through the distances; the tester may skip, repeat the last one, or end.

    Args:
        distances_m: to go through.
        measure: listens at one of them.
        say: tells the tester.
        show: told each result.

    Raises:
        InputEndedError: nobody answers any more; it has the stops.
    """
    stops: list[Stop] = []
    todo = list(distances_m)
    try:
        while todo:
            answer = ask(
                f"{todo[0]:g} m: put the phone there. Enter measures; a number is the true distance in "
                "metres; s skips, r repeats the last one, q ends",
                say,
            )
            if answer == "s":
                todo.pop(0)
                continue
            if answer == "r":
                if stops:
                    todo.insert(0, stops.pop().distance_m)
                continue
            distance = _metres(answer) if answer else todo[0]
            if distance is None:
                say(f"{answer!r}: expected Enter, metres, s, r or q")
                continue
            todo.pop(0)
            taken = measure()
            rows = strongest(taken.packets)
            stops.append(Stop(distance, taken.packets.rssi_dbm[rows], taken.seconds))
            show(stops[-1])
    except InputEndedError as ended:
        ended.kept = stops
        raise
    except QuitError:
        say("ended")
    return stops


def _metres(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if 0 < value <= 1000 else None


def received_shares(stops: Sequence[Stop]) -> list[float]:
    """Packets a second at each distance, of those at the best one, which is taken to hear all."""
    rates = [len(s.rssi_dbm) / s.seconds if s.seconds else 0.0 for s in stops]
    best = max(rates, default=0.0)
    return [rate / best if best else 0.0 for rate in rates]


def fit(stops: Sequence[Stop]) -> Fit:
    """Path loss by maximum likelihood, packets that were not heard included.

    Fitting the received packets alone would call a weak link stronger than it is: at a distance where
    half of the packets are lost, the half that is received is the stronger one. A packet that did not
    arrive counts as one below the weakest that did.

    Raises:
        InputError: too few distances with packets.
    """
    from scipy.optimize import minimize
    from scipy.stats import norm

    heard = [s for s in stops if len(s.rssi_dbm) >= 3]
    if len({s.distance_m for s in heard}) < _FEWEST_DISTANCES:
        raise InputError(
            f"{len(heard)} distances with packets; a fit needs {_FEWEST_DISTANCES} different ones"
        )
    shares = received_shares(stops)
    best = max(len(s.rssi_dbm) / s.seconds for s in heard)
    log_d = np.array([math.log10(s.distance_m) for s in stops])
    missing = np.array(
        [max(0.0, best * s.seconds * (1 - share)) for s, share in zip(stops, shares, strict=True)]
    )
    weakest = float(min(s.rssi_dbm.min() for s in heard)) - 0.5
    values = np.concatenate([s.rssi_dbm for s in stops]).astype(float)
    at = np.repeat(log_d, [len(s.rssi_dbm) for s in stops])

    def loss(p: NDArray[np.float64]) -> float:
        mean, sd = p[0] - 10 * p[1] * at, math.exp(p[2])
        lost = missing * norm.logcdf((weakest - (p[0] - 10 * p[1] * log_d)) / sd)
        return float(-(norm.logpdf(values, mean, sd).sum() + lost.sum()))

    start = np.array([values[at <= np.median(at)].mean(), 1.5, math.log(max(values.std(), 1.0))])
    found = minimize(loss, start, method="Nelder-Mead", options={"maxiter": 4000, "fatol": 1e-6})
    rssi_1m, exponent, total = found.x[0], found.x[1], math.exp(found.x[2])
    within = math.sqrt(
        sum(((s.rssi_dbm - s.rssi_dbm.mean()) ** 2).sum() for s in heard)
        / max(1, sum(len(s.rssi_dbm) - 1 for s in heard))
    )
    between = math.sqrt(max(0.0, total**2 - within**2))
    return Fit(*(round(float(x), 3) for x in (rssi_1m, exponent, between, within, weakest + 0.5)))


def radio_settings(found: Fit, phone: PlatformPhones) -> dict[str, float]:
    """The fit as keys of a scenario's ``[radio]``.

    The fit gives TX power - A(1 m) - RX correction together; TX power and correction are those that the
    scenario has for such phones. What spreads at one place is by scan and by packet as it is by default;
    the fit's sensitivity is a sharp edge.
    """
    default = Radio()
    attenuation = phone.tx_power_dbm - phone.rx_correction_db - found.rssi_1m_dbm
    part = max(found.packet_sd_db, 0.1) / math.hypot(default.scan_sd_db, default.fading_sd_db)
    return {
        "attenuation_1m_db": round(min(max(attenuation, 0.0), 120.0), 2),
        "exponent": round(min(max(found.exponent, 0.0), 8.0), 3),
        "shadowing_sd_db": found.place_sd_db,
        "scan_sd_db": round(part * default.scan_sd_db, 3),
        "fading_sd_db": round(part * default.fading_sd_db, 3),
        "sensitivity_dbm": found.sensitivity_dbm,
        "sensitivity_sd_db": 0.0,
    }


def profile_toml(settings: dict[str, float], found: Fit, stops: Sequence[Stop], when: str) -> str:
    """A scenario's ``[radio]`` table, with what it rests on as a comment."""
    packets = sum(len(s.rssi_dbm) for s in stops)
    at = ", ".join(f"{s.distance_m:g}" for s in stops)
    lines = [
        f"# Walk test of {when}: {packets:,} packets at {at} m.",
        f"# RSSI at 1 m {found.rssi_1m_dbm:g} dBm; packets that were not heard are accounted for.",
        '# A scenario uses it by [radio] profile = "FILE", a command by --set radio.profile=FILE.',
        "[radio]",
        *(f"{key} = {value!r}" for key, value in settings.items()),
    ]
    return "\n".join(lines) + "\n"


def document(
    stops: Sequence[Stop], found: Fit | None, settings: dict[str, float]
) -> dict[str, Any]:
    """The document that ``--json`` prints."""
    return {
        "schema_version": SCHEMA_VERSION,
        "stops": [
            {
                "distance_m": s.distance_m,
                "packets": len(s.rssi_dbm),
                "seconds": round(s.seconds, 2),
                "rssi_mean_dbm": round(float(s.rssi_dbm.mean()), 2) if len(s.rssi_dbm) else None,
                "rssi_sd_db": round(float(s.rssi_dbm.std()), 2) if len(s.rssi_dbm) else None,
                "received_share": round(share, 4),
            }
            for s, share in zip(stops, received_shares(stops), strict=True)
        ],
        "fit": None if found is None else asdict(found),
        "radio": settings,
    }


def table(stops: Sequence[Stop]) -> Table:
    """A row a distance."""
    rows = []
    for s, share in zip(stops, received_shares(stops), strict=True):
        cells = [DASH] * 4
        if len(s.rssi_dbm):
            low, high = np.quantile(s.rssi_dbm, [0.05, 0.95])
            cells = [f"{x:.1f}" for x in (s.rssi_dbm.mean(), s.rssi_dbm.std(), low, high)]
        rows.append([f"{s.distance_m:g}", str(len(s.rssi_dbm)), *cells, f"{100 * share:.0f}"])
    heads = ["distance m", "packets", "RSSI mean", "sd", "5 %", "95 %", "received %"]
    return Table.of_text("", heads, rows)


def figure(stops: Sequence[Stop], found: Fit | None) -> bytes:
    """RSSI and detection by distance, PNG."""
    import io

    import matplotlib

    matplotlib.use("agg")
    from matplotlib.figure import Figure

    out = Figure(figsize=(7, 5.2), layout="constrained")
    top, low = out.subplots(2, 1, sharex=True, height_ratios=[3, 1])
    heard = [s for s in stops if len(s.rssi_dbm)]
    rng = np.random.default_rng(0)
    for s in heard:
        x = s.distance_m * 10 ** rng.uniform(-0.012, 0.012, len(s.rssi_dbm))
        top.scatter(x, s.rssi_dbm, s=4, alpha=0.25, color="tab:blue")
        top.scatter([s.distance_m], [s.rssi_dbm.mean()], s=40, color="black", zorder=3)
    if found is not None:
        d = np.geomspace(min(s.distance_m for s in stops), max(s.distance_m for s in stops), 60)
        top.plot(
            d,
            found.rssi_1m_dbm - 10 * found.exponent * np.log10(d),
            color="tab:red",
            label=f"{found.rssi_1m_dbm:.1f} dBm at 1 m, exponent {found.exponent:.2f}",
        )
        top.legend(frameon=False)
    top.set_ylabel("RSSI (dBm)")
    low.plot(
        [s.distance_m for s in stops], np.multiply(received_shares(stops), 100), "o-", color="k"
    )
    low.set(xscale="log", xlabel="distance (m)", ylabel="received (%)", ylim=(-5, 105))
    for axes in (top, low):
        axes.grid(visible=True, alpha=0.25)
    raw = io.BytesIO()
    out.savefig(raw, format="png", dpi=120)
    return raw.getvalue()


def of_phone(packets: Packets, target: int | None) -> Packets:
    """Packets of one address, or all of them."""
    if target is None:
        return packets
    return packets.take(np.flatnonzero(packets.address == np.uint64(target)))
