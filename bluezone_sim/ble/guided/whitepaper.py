"""``bluezone-sim ble matrix``: the white paper's 24 cases on real phones, one after another.

The tester puts two phones into the states of a case; an adapter listens to what the advertising phone
sends; the scanning phone's own history, or the tester, says whether it was recorded.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import TypeAdapter

from ..._version import SCHEMA_VERSION
from ...captures.decode import SightingDecoder, sightings_of
from ...errors import InputError
from ...files import write_file
from ...protocols.bluezone.files import MOST_HISTORY, parse_history
from ...reading.bounded import read_bytes, reading_as
from ...reading.documents import read_json
from ...tables.table import Table
from ...tables.words import DASH
from ...validation.whitepaper.cases import WHITE_PAPER_CASES, WhitePaperCase
from .prompt import InputEndedError, QuitError, Say, ask
from .sample import Sample

_STATES = {
    "foreground": "app in front, screen on",
    "screen_off": "app in front, screen off",
    "background": "another app in front",
}
_NAMES = {"android": "Android phone", "ios": "iPhone"}


@dataclass(frozen=True)
class CaseOutcome:
    """What a case gave.

    Attributes:
        case: 1 .. 24.
        recorded: the scanning phone holds the advertising one.
        decided_by: "history" or "tester".
        rows: rows of the history that say so.
        packets: of the advertising phone that the adapter heard.
        began_ms, ended_ms: unix milliseconds.
    """

    case: int
    recorded: bool
    decided_by: str
    rows: int
    packets: int
    began_ms: int
    ended_ms: int


def cases_of(text: str) -> list[int]:
    """Numbers of cases, such as ``1-6,10``.

    Raises:
        InputError: it is no such list.
    """
    out: list[int] = []
    for part in text.split(","):
        low, _, high = part.strip().partition("-")
        try:
            span = range(int(low), int(high or low) + 1)
        except ValueError:
            span = range(0)
        if not span or span[0] < 1 or span[-1] > len(WHITE_PAPER_CASES):
            raise InputError(f"--cases {text}: expected numbers from 1 to 24, such as 1-6,10")
        out += [n for n in span if n not in out]
    return out


_OUTCOMES = TypeAdapter(list[CaseOutcome])


def load(path: Path) -> dict[int, CaseOutcome]:
    """Results of an earlier session; none where there is no file.

    Raises:
        FormatError: the file is not of a session.
    """
    if not path.exists():
        return {}
    document = read_json(path)
    with reading_as("the file of a session", path):
        fields = CaseOutcome.__dataclass_fields__
        found = _OUTCOMES.validate_python([{k: r[k] for k in fields} for r in document["cases"]])
        if not all(1 <= r.case <= len(WHITE_PAPER_CASES) for r in found):
            raise ValueError(f"cases are 1 to {len(WHITE_PAPER_CASES)}")
    return {r.case: r for r in found}


def save(path: Path, results: dict[int, CaseOutcome]) -> None:
    """Writes the session, whole."""
    write_file(path, json.dumps(to_dict(results), indent=1))


def to_dict(results: dict[int, CaseOutcome]) -> dict[str, Any]:
    """The session as a document."""
    rows = []
    for number, r in sorted(results.items()):
        case = WHITE_PAPER_CASES[number - 1]
        rows.append({**asdict(r), "white_paper": case.recorded, **_who(case)})
    return {"schema_version": SCHEMA_VERSION, "cases": rows, "differ": differ(results)}


def _who(case: WhitePaperCase) -> dict[str, str]:
    return {
        "scanner": case.scanner,
        "scanner_state": case.scanner_state,
        "advertisers": case.advertisers,
        "advertiser_state": case.advertiser_state,
    }


def differ(results: dict[int, CaseOutcome]) -> list[int]:
    """Cases that differ from the white paper."""
    return [
        n for n, r in sorted(results.items()) if r.recorded != WHITE_PAPER_CASES[n - 1].recorded
    ]


def instructions(case: WhitePaperCase) -> str:
    """What the tester has to set up."""
    return (
        f"Case {case.number}: {_NAMES[case.scanner]} scans: {_STATES[case.scanner_state]}. "
        f"{_NAMES[case.advertisers]} advertises: {_STATES[case.advertiser_state]}."
    )


def identifiers_on_air(taken: Sample) -> tuple[set[bytes], int]:
    """(identifiers, packets) of Bluezone phones in a sample, those read over GATT included."""
    packets = taken.packets
    seen = sightings_of(packets, SightingDecoder().decode(packets), protocol="bluezone")
    found = {identifier.tobytes() for table in seen for identifier in table.identifier}
    found |= {read.identifier for _, read in taken.reads if read.identifier}
    return found, len(packets)


def session(
    wanted: Sequence[int],
    results: dict[int, CaseOutcome],
    measure: Callable[[], Sample],
    say: Say,
    keep: Callable[[dict[int, CaseOutcome]], None],
) -> dict[int, CaseOutcome]:
    """Goes through the cases that have no result yet.

    Args:
        wanted: numbers of cases, in order.
        results: of earlier sessions; they are kept.
        measure: listens for as long as a case takes.
        say: tells the tester.
        keep: called with all results after every case.

    Raises:
        InputEndedError: nobody answers any more; it has the results.
    """
    todo = [n for n in wanted if n not in results]
    results = dict(results)
    try:
        while todo:
            case = WHITE_PAPER_CASES[todo[0] - 1]
            say(instructions(case))
            answer = ask("Enter starts; s skips, r NUMBER repeats a case, q ends", say)
            if answer == "s":
                todo.pop(0)
                continue
            if answer.startswith("r"):
                again = answer[1:].strip()
                if again.isdigit() and 1 <= int(again) <= len(WHITE_PAPER_CASES):
                    results.pop(int(again), None)
                    todo = [int(again), *(n for n in todo if n != int(again))]
                else:
                    say(f"{answer!r}: expected r and the number of a case")
                continue
            if answer:
                say(f"{answer!r}: expected Enter, s, r NUMBER or q")
                continue
            result = _decide(case, measure(), say)
            if result is not None:
                results[case.number] = result
                todo.pop(0)
                keep(results)
    except InputEndedError as ended:
        ended.kept = results
        raise
    except QuitError:
        say("ended; the same command goes on with the cases that are left")
    return results


def _decide(case: WhitePaperCase, taken: Sample, say: Say) -> CaseOutcome | None:
    """The result of a case; None where it has to be done again."""
    known, packets = identifiers_on_air(taken)
    said = f"{packets:,} packets and {len(known)} identifiers on air"
    if not packets:
        say(
            "the adapter heard no Bluezone phone: if the advertising phone should be heard in "
            "this state, repeat the case"
        )
    while True:
        answer = ask(
            f"{said}. Was it recorded? The path of the scanning phone's data_trace.txt decides, or y, n; "
            "a does the case again",
            say,
        )
        if answer == "a":
            return None
        recorded, rows, by = answer == "y", 0, "tester"
        if answer not in ("y", "n"):
            try:
                rows = _rows_of(Path(answer), known, taken)
            except InputError as error:
                say(str(error))
                continue
            recorded, by = rows > 0, "history"
        return CaseOutcome(case.number, recorded, by, rows, packets, taken.began_ms, taken.ended_ms)


def _rows_of(path: Path, known: set[bytes], taken: Sample) -> int:
    """Rows of a history from the time of the case that hold an identifier from the air."""
    history, _ = parse_history(read_bytes(path, MOST_HISTORY), str(path))
    inside = (history.time_ms >= taken.began_ms) & (history.time_ms <= taken.ended_ms)
    return sum(history.identifier[i].tobytes() in known for i in np.flatnonzero(inside))


def table(results: dict[int, CaseOutcome]) -> Table:
    """The white paper's table beside this session's."""
    rows = []
    for case in WHITE_PAPER_CASES:
        result = results.get(case.number)
        here = DASH if result is None else _word(result.recorded)
        if result is not None and result.recorded != case.recorded:
            here += " (differs)"
        rows.append(
            [
                str(case.number),
                case.scanner,
                case.scanner_state,
                case.advertisers,
                case.advertiser_state,
                _word(case.recorded),
                here,
                DASH if result is None else result.decided_by,
            ]
        )
    heads = ["case", "scanner", "state", "advertiser", "state", "white paper", "here", "decided by"]
    return Table.of_text("", heads, rows, len(heads))


def _word(recorded: bool) -> str:
    return "recorded" if recorded else "not recorded"
