"""What ``columns`` to propose for a header that is understood in part: never a loss without a word.

Names that :func:`~.columns.column_of` knows are read as they stand. The looser ones below only make
proposals, which somebody reads before they are followed.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from .columns import GROUPS, PEOPLE, UNITS, Column, column_of, plain_of

#: What a column may well be, by a word in its name; an end before a start, since "t_end" has both.
_LOOSE: dict[str, frozenset[str]] = {
    "end": frozenset({"end", "ends", "ended", "until", "stop", "finish", "finished", "tend"}),
    "duration": frozenset({"duration", "dur", "length", "len", "lasted", "lasts"}),
    "t": frozenset(
        {"t", "time", "timestamp", "start", "starts", "started", "begin", "begins", "began", "when"}
        | {"date", "datetime", "tstart"}
    ),
    "rssi": frozenset({"rssi", "signal"}),
    "distance": frozenset({"distance", "dist", "proximity", "separation"}),
}
#: A name that is a unit and nothing else: "minutes" are a duration, "metres" a distance.
_ALONE = {
    "duration": ("minutes", "mins", "min", "seconds", "secs", "hours"),
    "distance": ("metres", "meters", "cm", "feet"),
}
_PERSON = frozenset(
    {"person", "user", "id", "node", "badge", "tag", "device", "phone", "participant", "subject"}
    | {"individual", "name", "employee", "student", "contact"}
)
_WHICH = {
    "i": frozenset({"i", "1", "a", "x", "one", "first", "from", "source", "who"}),
    "j": frozenset({"j", "2", "b", "y", "two", "second", "to", "target", "other", "whom", "with"}),
}


@dataclass(frozen=True)
class Proposal:
    """A word for each column, as ``columns`` takes them.

    Attributes:
        words: from the left; ``?`` where a column has to be named first; none where people or times
            are missing.
        guessed: names in the header, and the words that they may stand for.
        left: names that ``words`` leaves out with ``skip``.
    """

    words: tuple[str, ...]
    guessed: tuple[tuple[str, str], ...] = ()
    left: tuple[str, ...] = ()

    def remarks(self) -> str:
        """What is to be checked before it is followed, in words; empty where nothing is."""
        parts = [f"if {' and '.join(f'{n!r} is {w}' for n, w in self.guessed)}"] * bool(
            self.guessed
        )
        parts += ["with what it is in place of each ?"] * ("?" in self.words)
        if self.left:
            names = ", ".join(repr(n) if n else "a column without a name" for n in self.left)
            parts.append(f"which leaves out {names}")
        return "; ".join(parts)


def proposal_of(head: Sequence[str]) -> Proposal:
    """What to propose for a header.

    Args:
        head: its cells; one that nothing is known of may be any text.
    """
    known = [column_of(cell) for cell in head]
    taken: list[Column | None] = [None] * len(head)
    for sure in (known, [None if c else _loose(cell) for c, cell in zip(known, head, strict=True)]):
        for k, column in enumerate(sure):
            if column is not None and _fits(column.role, taken):
                taken[k] = column
    if len(groups := [k for k, c in enumerate(taken) if c and c.role in GROUPS]) == 1:
        taken[groups[0]] = None  # one without the other says nothing
    guessed = {k for k, column in enumerate(taken) if column is not None and known[k] is None}
    # Two names of which nothing is known, where both people are missing, are they; so is one for one.
    roles = {c.role for c in taken if c is not None}
    lacking = [role for role in ("t", *PEOPLE) if role not in roles]
    blank = [k for k, column in enumerate(taken) if column is None and known[k] is None]
    plain = len(lacking) == len(blank) and not any(_unit(head[k]) for k in blank)
    if plain and lacking in (["t"], ["i"], ["j"], ["i", "j"]):
        for role, k in zip(lacking, blank, strict=True):
            taken[k] = Column(role, role)
            guessed.add(k)
        lacking = []
    if lacking and not blank:  # nothing is left that it could be
        return Proposal(())
    other = "?" if lacking else "skip"
    words = [
        _word(column, cell) if column else "skip" if known[k] else other
        for k, (column, cell) in enumerate(zip(taken, head, strict=True))
    ]
    return Proposal(
        tuple(words),
        tuple((head[k], words[k]) for k in sorted(guessed)),
        tuple(
            cell
            for cell, word, column in zip(head, words, known, strict=True)
            if word == "skip" and (column is None or column.role != "skip")
        ),
    )


def proposal_of_comment(comment: str, delimiter: str, n: int) -> Proposal:
    """What to propose where a comment names the ``n`` columns below it; else no words."""
    text = comment.lstrip("#% \t")
    for cells in (text.split(delimiter), re.split(r"[\s,;]+", text)):
        found = proposal_of([cell.strip() for cell in cells])
        if len(found.words) == n and sum(map(bool, map(column_of, cells))) > 1:
            return found if "?" not in found.words else Proposal(())
    return Proposal(())


def _unit(cell: str) -> bool:
    """A name has a unit in it."""
    words = set(plain_of(cell).split("_"))
    return any(words & of.keys() for of in UNITS.values())


#: Of each of these a trace has one.
_ONE_OF = ({"end", "duration"}, {"rssi", "distance"})


def _fits(role: str, taken: Sequence[Column | None]) -> bool:
    """A column of that role may stand beside those that are taken."""
    roles = {c.role for c in taken if c is not None}
    rivals = next((pair for pair in _ONE_OF if role in pair), {role})
    return role == "skip" or not roles & rivals


def _loose(cell: str) -> Column | None:
    """What a column may be by the words in its name, with its unit; None where they say nothing."""
    words = plain_of(cell).split("_")
    # "user1" is two words.
    words = [w for word in words for w in re.findall(r"\d+|\D+", word)]
    for role, alone in _ALONE.items():
        if len(words) == 1 and words[0] in alone:
            return Column(role, cell, words[0], UNITS[role][words[0]])
    for role, known in _LOOSE.items():
        if known & set(words):
            unit = next((w for w in words[1:] if w in UNITS.get(role, {})), "")
            # A length in metres is no duration.
            stray = any(w in u for r, u in UNITS.items() if r != role for w in words[1:])
            if unit or not stray or role == "rssi":
                return Column(role, cell, unit, UNITS.get(role, {}).get(unit, 1.0))
    for role, which in _WHICH.items():
        if set(words[-1:]) & which and (len(words) == 1 or _PERSON & set(words)):
            return Column(role, cell)
    return None


def _word(column: Column, cell: str) -> str:
    """A column as the word of ``columns`` that says most plainly what it is."""
    word = "start" if column.role == "t" and "start" in plain_of(cell) else column.role
    return f"{word}_{column.unit}" if column.unit else word
