"""The white paper's table beside the event engine's, in words and as a document."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ...scenario.profiles import load_profile
from ...scenario.schema.phones import Phones
from ...tables.table import Column, Table
from ...tables.words import DASH, whole
from .cases import WHITE_PAPER_CASES
from .simulate import (
    CASE_S,
    CLAIMS,
    HOLDS,
    MEASURED,
    Claim,
    Detection,
    Latencies,
    Measured,
    Outcome,
    detection,
    latencies,
    run_cases,
)

#: Latencies are followed for so long, seconds.
LATENCY_S = 1200
#: Contacts a figure; in the background all or none are recorded.
_FIGURE_PAIRS = 40
#: Phones of a field test: as a scenario's by default, with Bluetooth on, and with their owners.
IN_THE_FIELD = Phones(off_share=0.0, away_share=0.0, night_off_share=0.0)
#: The same with every iPhone's app opened for the contact.
OPENED = IN_THE_FIELD.model_copy(
    update={"ios_foreground_share": 1.0, "ios_never_opens": 0.0, "ios_leaves_open": 1.0}
)
#: Hours of a working day that two people spend together (assumed).
HOURS_TOGETHER = 8
_QUANTILES = (0.5, 0.9, 0.95, 0.99)
_PHONES = {"android": "Android", "ios": "iPhone"}
_NAMES = {"android": "Android", "ios": "iOS", "screen_off": "screen off"}


#: What the reader of the last table should know.
_MEASURED_NOTE = (
    "In the background: phones are on and run the app all the time. Androids near each other then "
    "always record each other, and iPhones never do: iOS shows a background app the service of "
    "another only where it is in the open. As phones live: apps killed, batteries saved and iPhones in "
    "front for a session of seconds as [phones] has it by default, Bluetooth on, phones with their "
    "owners. The share of Androids with the app killed was taken from two of these figures (NHS beta, "
    "Smittestopp), so they do not confirm it. "
    "What brings iPhones up in the field: sessions, which find few within 15 minutes and more in the "
    f"hours that two people spend together (column of {HOURS_TOGETHER} h). Connections kept open: two "
    "iPhones that found each other while an app was in front go on exchanging in the background "
    "(opentrace-ios, issue 4; COVID-19-app-iOS-BETA, issue 2), so the same column is what they reach in "
    "every later contact, and the last one, each app opened as they meet, is the most that there can be. "
    "An Android near by that reads: it records both of two iPhones (the row across) and keeps their apps "
    "awake (The Guardian, 6 May 2020), so figures that count any receiver rise with the Androids among "
    "them. "
    "Not explained: how many of the field's pairs had met with an app in front, which the sources do not "
    "say; so of iPhones the model gives bounds. The NHS beta's 4 % lies at sessions, COVIDSafe's 25 to "
    "50 and Smittestopp's 54 % between them and open connections. Smittestopp's figures for either side "
    "are 1 - (1 - p)^2 of those for one: there each direction fails by itself, here most failures are a "
    "killed app's, which fails both."
)


class Modelled(NamedTuple):
    """The model's shares of contacts recorded, beside a measured one.

    Attributes:
        locked: by phones that run the app in the background all the time, within 15 minutes.
        lived: by phones as they live.
        together: by these, within :data:`HOURS_TOGETHER`.
        opened: by these with each iPhone's app opened, within 15 minutes.
    """

    locked: float
    lived: float
    together: float
    opened: float


#: Phones and seconds of the last three.
_WAYS = ((IN_THE_FIELD, 900), (IN_THE_FIELD, HOURS_TOGETHER * 3600), (OPENED, 900))


@dataclass(frozen=True)
class Matrix:
    """All that the command shows.

    Attributes:
        protocol, changes: which profile, and what was changed in it.
        outcomes: the 24 cases.
        claims: what is claimed of this profile, with its latencies.
        measured: figures of other apps, with the model's beside them.
    """

    protocol: str
    changes: dict[str, Any]
    outcomes: list[Outcome]
    claims: list[tuple[Claim, Latencies]]
    measured: list[tuple[Measured, Modelled]]

    @property
    def expected(self) -> bool:
        """The white paper speaks of this system, as it is."""
        return self.protocol.startswith("bluezone")

    @property
    def missed(self) -> list[int]:
        """Cases that differ from the white paper."""
        if not self.expected:
            return []
        return [o.case.number for o in self.outcomes if o.recorded != o.case.recorded]

    def to_dict(self) -> dict[str, Any]:
        """The document that ``--json`` prints."""
        return {
            "protocol": self.protocol,
            "set": self.changes,
            "cases": [
                {
                    "case": o.case.number,
                    "scanner": f"{o.case.scanner} {o.case.scanner_state}",
                    "advertisers": f"{o.case.advertisers} {o.case.advertiser_state}",
                    "recorded": o.recorded,
                    "seconds_to_first": _rounded(o.seconds_to_first),
                }
                for o in self.outcomes
            ],
            "recorded": sum(o.recorded for o in self.outcomes),
            "missed": self.missed,
            "claims": [_claim(c, found) for c, found in self.claims],
            "measured": [
                {
                    "system": m.system,
                    "measured": m.figure,
                    "source": m.source,
                    "profile": m.protocol,
                    "platforms": list(m.platforms),
                    "model": found.locked,
                    "model_as_phones_live": found.lived,
                    f"model_{HOURS_TOGETHER}_h_together": found.together,
                    "model_opened": found.opened,
                }
                for m, found in self.measured
            ],
        }

    def table(self) -> Table:
        """The 24 cases."""
        rows = []
        for o in self.outcomes:
            c = o.case
            wrong = c.number in self.missed
            rows.append(
                (
                    c.number,
                    f"{_name(c.scanner)}, {_name(c.scanner_state)}",
                    f"{_name(c.advertisers)}, {_name(c.advertiser_state)}",
                    ("yes" if c.recorded else "no") if self.expected else DASH,
                    ("yes" if o.recorded else "no") + ("  ← differs" if wrong else ""),
                    o.seconds_to_first,
                )
            )
        text = ("scanner", "advertisers", "white paper", "recorded")
        heads = (
            Column("case"),
            *(Column(head, left=True) for head in text),
            Column("s to first", whole),
        )
        return Table(f"24 cases, {self.protocol}", heads, tuple(rows))

    def words(self) -> str:
        """What follows from it, in sentences."""
        n = sum(o.recorded for o in self.outcomes)
        lines = [f"{n} of {len(self.outcomes)} record within {CASE_S // 60} minutes."]
        if self.missed:
            lines[0] += f" Cases that differ from the white paper: {_listed(self.missed)}."
        elif self.expected:
            lines[0] += " That is the white paper's table."
        for claim, found in self.claims:
            d = _claim(claim, found)
            lines += ["", f'"{claim.text}": ' + ("holds." if d["holds"] else "does not hold.")]
            for key, what in (
                ("one_way", "one phone records the other"),
                ("mutual", "both have recorded the other"),
            ):
                q = ", ".join(
                    f"{100 * p:.0f} % {_seconds(x)}"
                    for p, x in zip(_QUANTILES, d[key]["quantiles_s"], strict=True)
                )
                lines.append(
                    f"  {what}: {100 * d[key]['share_within']:.1f} % within "
                    f"{claim.within_s:.0f} s; quantiles {q}"
                )
            lines.append(
                f"  ({len(found.mutual_s)} contacts of two Android phones at 2 m, apps in the "
                f"background; a claim holds where it is true of {100 * HOLDS:.0f} % of them, both ways)"
            )
        return "\n".join(lines)

    def measured_table(self) -> Table:
        """Measured detection beside the model's."""
        rows = []
        for m, found in self.measured:
            one, other = (_PHONES[p] for p in m.platforms)
            phones = f"{one}s" if one == other else f"{one}, {other}"
            cells = [f"{100 * share:.0f} %" for share in found]
            rows.append([m.system, m.figure, f"{m.protocol}, {phones}", *cells])
        heads = [
            "measured", "share", "model: profile, phones", "in the\nbackground", "as phones\nlive",
            f"{HOURS_TOGETHER} h\ntogether", "each app\nopened",
        ]  # fmt: skip
        title = "Measured detection, beside contacts of 15 minutes at 2 m in the model"
        return Table.of_text(title, heads, rows, 3, _MEASURED_NOTE)


def build_matrix(
    protocol: str,
    changes: Mapping[str, Any],
    seed: int,
    progress: Callable[[float, str], None] = lambda done, stage: None,
    log_packets: int = 0,
) -> Matrix:
    """Runs the cases, the latencies that are claimed of the profile, and the figures beside.

    Raises:
        InputError: there is no such profile or key.
        ScenarioError: a value is at fault.
    """
    profile = load_profile(protocol, changes)
    outcomes = run_cases(profile, seed, log_packets=log_packets)
    progress(0.3, "latencies")
    claims = [
        (claim, latencies(profile, seed, seconds=LATENCY_S))
        for claim in CLAIMS
        if claim.protocol == protocol
    ]
    found: dict[tuple[str, tuple[str, str]], tuple[Latencies, list[Detection]]] = {}
    measured = []
    for i, m in enumerate(MEASURED):
        progress(0.5 + 0.5 * i / len(MEASURED), "figures")
        key = m.protocol, m.platforms
        if key not in found:
            theirs = load_profile(m.protocol)
            found[key] = (
                latencies(theirs, seed, platforms=m.platforms, pairs=_FIGURE_PAIRS),
                [
                    detection(theirs, seed, table, platforms=m.platforms, seconds=seconds)
                    for table, seconds in _WAYS
                ],
            )
        locked, ways = found[key]
        seen = np.isfinite(locked.either_s if m.either else locked.one_way_s)
        shares = [w.either if m.either else w.one_way for w in ways]
        measured.append((m, Modelled(float(seen.mean()), *shares)))
    assert len(outcomes) == len(WHITE_PAPER_CASES)
    return Matrix(protocol, dict(changes), outcomes, claims, measured)


def _claim(claim: Claim, found: Latencies) -> dict[str, Any]:
    out: dict[str, Any] = {"claim": claim.text, "within_s": claim.within_s}
    for key, times in (("one_way", found.one_way_s), ("mutual", found.mutual_s)):
        order = np.sort(times)
        at = np.ceil(np.array(_QUANTILES) * len(order)).astype(int) - 1
        out[key] = {
            "contacts": len(times),
            "share_within": float((times <= claim.within_s).mean()),
            "quantiles": list(_QUANTILES),
            "quantiles_s": [_rounded(float(x)) for x in order[at]],
        }
    out["holds"] = out["mutual"]["share_within"] >= HOLDS
    return out


def _rounded(seconds: float | None) -> float | None:
    """To a millisecond; null where nothing was recorded."""
    return None if seconds is None or not np.isfinite(seconds) else round(seconds, 3)


def _name(key: str) -> str:
    return _NAMES.get(key, key)


def _seconds(value: float | None) -> str:
    return "never" if value is None else f"{value:.0f} s"


def _listed(numbers: list[int]) -> str:
    return ", ".join(map(str, numbers))
