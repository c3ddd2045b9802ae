"""The table of Bluezone's white paper (May 2020): which phone records which, in which state of the app.

24 cases: four blocks of platforms, six pairs of states in each, the scanner's first. 21 record; in three
an iPhone that is not in the foreground meets iPhones in the background, and does not.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class WhitePaperCase:
    """One row.

    Attributes:
        number: 1 .. 24, as in the white paper.
        scanner, advertisers: "android" or "ios".
        scanner_state, advertiser_state: "foreground", "screen_off" (app in front, screen off) or
            "background" (another app in front, or the screen locked for long).
        recorded: what the white paper says.
    """

    number: int
    scanner: str
    scanner_state: str
    advertisers: str
    advertiser_state: str
    recorded: bool


#: The six pairs of states in each block, scanner first.
STATE_PAIRS = (
    ("foreground", "foreground"),
    ("foreground", "screen_off"),
    ("foreground", "background"),
    ("screen_off", "screen_off"),
    ("screen_off", "background"),
    ("background", "screen_off"),
)
#: The blocks, scanner first.
_BLOCKS = (("android", "android"), ("ios", "ios"), ("ios", "android"), ("android", "ios"))
_NOT_RECORDED = frozenset({10, 11, 12})

WHITE_PAPER_CASES: tuple[WhitePaperCase, ...] = tuple(
    WhitePaperCase(n, scanner, mine, advertisers, theirs, n not in _NOT_RECORDED)
    for n, (scanner, advertisers, mine, theirs) in enumerate(
        (
            (scanner, advertisers, mine, theirs)
            for scanner, advertisers in _BLOCKS
            for mine, theirs in STATE_PAIRS
        ),
        start=1,
    )
)
