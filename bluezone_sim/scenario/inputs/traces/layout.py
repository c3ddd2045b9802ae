"""Which column is what: by ``columns``, a dialect, a header, or the values where they decide."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from ....errors import FormatError
from ...schema.trace import TraceTable
from .columns import Column, column_of, missing
from .dialects import DIALECTS, Dialect
from .proposal import proposal_of, proposal_of_comment
from .text import Lines, is_number, is_time

#: Rows whose values are looked at where there is no header.
_SAMPLE = 50_000
#: Fewer different values than this are no course of time.
_FEW = 3


@dataclass(frozen=True)
class Layout:
    """What the columns are.

    Attributes:
        columns: from the left.
        by: what says so, in words.
        header: the first row is one.
        skipped: names in the header that are known here, and that ``columns`` leaves out.
    """

    columns: tuple[Column, ...]
    by: str
    header: bool = False
    skipped: tuple[str, ...] = ()

    def roles(self) -> set[str]:
        """What there is."""
        return {column.role for column in self.columns}

    def __str__(self) -> str:
        titles = {"skip": "-", "rssi": "RSSI"}
        units = {"distance": "m", "rssi": "dBm"}

        def told(column: Column) -> str:
            # Seconds go without saying.
            unit = column.unit if column.factor != 1 else units.get(column.role, "")
            return titles.get(column.role, column.role) + (f" ({unit})" if unit else "")

        return ", ".join(map(told, self.columns)) + f" (by {self.by})"


def how_to_say(words: Sequence[str] = (), remarks: str = "") -> str:
    """The remedy of every doubt about columns.

    Args:
        words: for each column of the file what it may be; by default those of an example.
        remarks: on ``words``.
    """
    said = ",".join(words) or "t,i,j,duration"
    listed = ", ".join(f'"{word}"' for word in said.split(","))
    which = f" {said}" if words else f", such as {said},"
    return (
        f"say what the columns are with --columns{which}{f' ({remarks})' if remarks else ''} or with "
        f"--dialect (in a scenario: columns = [{listed}] or dialect = ...); known are t, start, end, "
        f"duration, i, j, rssi, distance_m, Ci, Cj and skip, and the dialects {', '.join(DIALECTS)}"
    )


def text_layout(path: Path, table: TraceTable, lines: Lines) -> Layout:
    """The columns of a text file.

    Raises:
        FormatError: nothing says what they are, or what says it does not fit the file.
    """
    head = lines.head(1)[0]
    if (said := said_columns(path, table, len(head))) is not None:
        columns, by = said
        at = next(k for k, c in enumerate(columns) if c.role == "t")
        if is_number(head[at]) or is_time(head[at]):
            return Layout(columns, by)
        return Layout(columns, by, True, beside_header(path, table, columns, head))
    if not any(is_number(cell) or is_time(cell) for cell in head):
        return Layout(header_columns(path, head), "header", header=True)
    return _by_position(path, lines)


def said_columns(path: Path, table: TraceTable, n: int) -> tuple[tuple[Column, ...], str] | None:
    """What ``columns`` or ``dialect`` says of a file of ``n`` columns."""
    if table.columns is not None:
        if table.dialect is not None:
            raise FormatError(
                f"{path}: columns and dialect both say what its columns are; leave one out"
            )
        return _named(path, table.columns, n), "columns"
    if table.dialect is None:
        return None
    dialect: Dialect = DIALECTS[table.dialect]
    words = dialect.columns.get(n)
    if words is None:
        able = " or ".join(str(k) for k in dialect.columns)
        raise FormatError(
            f"{path}: has {n} columns in row 1, and {table.dialect} has {able} ({dialect.source})"
        )
    return _named(path, words, n), f"dialect {table.dialect}"


def beside_header(
    path: Path, table: TraceTable, columns: Sequence[Column], head: Sequence[str]
) -> tuple[str, ...]:
    """What ``columns`` leaves out of a header that names it.

    Raises:
        FormatError: the header has a unit where ``columns`` takes seconds or metres without a word.
    """
    skipped = []
    for k, (column, cell) in enumerate(zip(columns, head, strict=True)):
        named = column_of(cell)
        if named is None or named.role == "skip":
            continue
        if column.role == "skip":
            skipped.append(cell)
        elsewhere = column.role in ("t", "end") and table.t_unit_s != 1
        if named.role == column.role and not column.unit and named.factor != 1 and not elsewhere:
            own = f"{column.role}_{'m' if column.role == 'distance' else 's'}"
            raise FormatError(
                f"{path}: column {k + 1} is {cell!r} in the header, and columns says {column.word}, "
                f"which has no unit; write {column.role}_{named.unit} (or {own}, where the header is "
                "wrong)"
            )
    return tuple(skipped)


def _named(path: Path, words: Sequence[str], n: int) -> tuple[Column, ...]:
    columns = [column_of(word) for word in words]
    for word, column in zip(words, columns, strict=True):
        if column is None:
            raise FormatError(f"{path}: columns: {word!r} is no column; {how_to_say()}")
    known = tuple(c for c in columns if c is not None)
    if len(known) != n:
        raise FormatError(
            f"{path}: has {n} columns in row 1, and columns names {len(known)} "
            f"({', '.join(words)}); name each, with skip for those that do not count"
        )
    if what := missing(known):
        raise FormatError(f"{path}: columns: {what}; {how_to_say()}")
    return known


def header_columns(path: Path, head: Sequence[str]) -> tuple[Column, ...]:
    """Columns by a header.

    Raises:
        FormatError: one of them is not known here, is there twice, or is missing.
    """
    found = [column_of(cell) for cell in head]
    proposal = proposal_of(head)
    how = how_to_say(proposal.words, proposal.remarks())
    unknown = [cell for cell, column in zip(head, found, strict=True) if column is None]
    known = tuple(c for c in found if c is not None)
    if what := missing(known):
        more = f" (not known: {', '.join(map(repr, unknown))})" if unknown else ""
        raise FormatError(f"{path}: in its header {what}{more}; {how}")
    if unknown:
        which = ", ".join(repr(w) if w else "without a name" for w in unknown)
        raise FormatError(
            f"{path}: column{'s' if len(unknown) > 1 else ''} {which} would not be used; {how}"
        )
    return known


def _by_position(path: Path, lines: Lines) -> Layout:
    """``t, i, j``, or with groups that are no numbers, where the values leave no other reading."""
    rows = lines.head(_SAMPLE)
    n = len(rows[0])
    hint = f"; above it stands the comment {lines.comment!r}" if n > 3 and lines.comment else ""
    guess = proposal_of_comment(lines.comment, lines.delimiter, n)
    how = how_to_say(guess.words, guess.remarks())
    words = ["t", "i", "j"]
    if n == 5:
        rows = [row for row in rows if len(row) == n]
        if any(is_number(row[3]) or is_number(row[4]) for row in rows):
            how = (
                how
                if guess.words
                else how_to_say(["t", "i", "j", "Ci", "Cj"], "if they are groups")
            )
            raise FormatError(
                f"{path}: has 5 columns and no header, and columns 4 and 5 hold numbers, which may be "
                f"groups, distances or times{hint}; {how}"
            )
        words += ["Ci", "Cj"]
    elif n != 3:
        which = "a fourth column" if n == 4 else f"{n} columns"
        raise FormatError(f"{path}: has {which} and no header{hint}; {how}")
    _one_reading(path, [row for row in rows if len(row) == n])
    columns = tuple(c for c in map(column_of, words) if c is not None)
    return Layout(columns, "position")


def _one_reading(path: Path, rows: Sequence[Sequence[str]]) -> None:
    """Checks that of the first three columns the first is time, by its course and by who is where.

    Time does not fall and takes several values; the two columns of people share their people.
    """
    columns = [[row[k] for row in rows] for k in range(3)]
    values = [set(column) for column in columns]

    def shared(k: int) -> float:
        """Share of people whom the two columns beside ``k`` have in common."""
        one, other = (values[m] for m in range(3) if m != k)
        return len(one & other) / min(len(one), len(other))

    def runs_on(k: int) -> bool:
        try:
            times = [float(text.replace(",", ".", 1)) for text in columns[k]]
        except ValueError:
            return all(map(is_time, columns[k]))
        falls = any(b < a for a, b in pairwise(times))
        return not falls and len(values[k]) >= _FEW

    def can_be_time(k: int) -> bool:
        return all(is_number(text) or is_time(text) for text in columns[k][:1000])

    score = [(shared(k), runs_on(k)) for k in range(3)]
    if not can_be_time(0):
        raise FormatError(
            f"{path}: row 1: {rows[0][0]!r} is no time, and there is no header; {how_to_say()}"
        )

    def beaten(k: int) -> bool:
        return score[0] != score[k] and all(a >= b for a, b in zip(score[0], score[k], strict=True))

    rivals = [k for k in (1, 2) if can_be_time(k) and not beaten(k)]
    if rivals:
        k = max(rivals, key=lambda k: score[k])
        raise FormatError(
            f"{path}: has no header, and column {k + 1} looks as much like time as column 1 does; "
            f"{how_to_say(['i', 'j', 't'] if k == 2 else ['i', 't', 'j'])}"
        )
