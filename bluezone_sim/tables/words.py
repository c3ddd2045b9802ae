"""Numbers in words: shares, intervals, differences, each kind with its unit."""

from __future__ import annotations

from dataclasses import dataclass

Interval = tuple[float, float]

#: Stands where a number is not defined.
DASH = "–"


def percent(value: float | None) -> str:
    """A share in percent, with the sign; a dash where undefined."""
    return DASH if value is None else f"{share(value)} %"


def share(value: float | None) -> str:
    """A share in percent, two or three significant digits; a dash where undefined."""
    if value is None:
        return DASH
    p = 100 * value
    size = abs(p)
    return f"{p:.0f}" if size >= 99.95 else f"{p:.1f}" if size >= 10 else f"{p:.2f}"


def number(value: float | None, digits: int = 1) -> str:
    """A number; a dash where undefined."""
    return DASH if value is None else f"{value:,.{digits}f}"


def whole(value: float | None) -> str:
    """A number without decimals."""
    return number(value, 0)


def hundredths(value: float | None) -> str:
    """A number with two decimals."""
    return number(value, 2)


def interval(ends: Interval | None) -> str:
    """Both ends of an interval of shares, in percent."""
    if ends is None:
        return DASH
    digits = 1 if ends[1] >= 0.1 else 2
    dash = DASH if ends[0] >= 0 else " to "
    return f"{100 * ends[0]:.{digits}f}{dash}{100 * ends[1]:.{digits}f}"


@dataclass(frozen=True)
class Unit:
    """How numbers of one kind are told.

    Attributes:
        name: of the unit.
        digits: decimals in a table's cell; None for shares, which get two or three significant ones.
        scale: what a value is multiplied by.
        after: what stands behind a value, and behind a difference.
        whole: numbers that are whole are told so.
    """

    name: str
    digits: int | None = 2
    scale: float = 1.0
    after: tuple[str, str] = ("", "")
    whole: bool = False

    def cell(self, value: float | None) -> str:
        """In a table, whose head has the unit; a dash where undefined."""
        return share(value) if self.digits is None else number(value, self.digits)

    def told(self, value: float | None) -> str:
        """With its unit; a dash where undefined."""
        return DASH if value is None else self._rounded(value)[0] + self.after[0]

    def change(self, value: float | None, *, unit: bool = True) -> str:
        """A difference, with its sign and its unit (points of shares); a dash where undefined."""
        if value is None:
            return DASH
        text, rounded = self._rounded(value)
        return f"{'+' if rounded >= 0 else ''}{text}{self.after[1] if unit else ''}"

    def ends(self, ends: Interval | None) -> str:
        """Both ends of an interval of differences, without the unit; a dash where undefined."""
        if ends is None:
            return DASH
        low, high = (round(self.scale * end, 2) + 0.0 for end in ends)
        return f"{low:+.2f} to {high:+.2f}"

    def interval(self, ends: Interval | None) -> str:
        """Both ends of an interval in a table, whose head has the unit; a dash where undefined."""
        if ends is None or self.digits is None:
            return interval(ends)
        digits = max(0, self.digits - (ends[1] >= 10))
        return f"{ends[0]:,.{digits}f}{DASH}{ends[1]:,.{digits}f}"

    def _rounded(self, value: float) -> tuple[str, float]:
        rounded = round(self.scale * value, 2) + 0.0  # never -0
        digits = 0 if self.whole and rounded == round(rounded) else 2
        return f"{rounded:,.{digits}f}", rounded


SHARE = Unit("%", digits=None, scale=100.0, after=(" %", " points"))
PEOPLE = Unit("people", digits=0, whole=True)
PER_CASE = Unit("people a case")
RATIO = Unit("")
HOURS = Unit("h", digits=1)
DAYS = Unit("d", digits=1)
