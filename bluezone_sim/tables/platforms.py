"""Risky pairs by the platform of the case's phone and of the other's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

#: Platforms of phones, by their code in columns; people without a smartphone have :data:`NO_PHONE`.
PLATFORMS = ("android", "ios")
NO_PHONE = 255
#: In words.
NAMES = {"android": "Android", "ios": "iPhone"}
#: The case's and the other's.
PAIRS = tuple((case, other) for case in reversed(PLATFORMS) for other in reversed(PLATFORMS))


@dataclass(frozen=True)
class PlatformPair:
    """Risky pairs of one platform of the case's phone and one of the other's.

    Attributes:
        case, other: "ios" or "android".
        n_risky_pairs: how many; a mean over seeds in a sweep.
        share_both_have_app, share_recorded, recall: of these pairs; None where there are none.
        lost: share of these pairs lost at each stage; with recall they add up to 1.
    """

    case: str
    other: str
    n_risky_pairs: float
    share_both_have_app: float | None
    share_recorded: float | None
    recall: float | None
    lost: Mapping[str, float | None]

    def number(self, name: str) -> float | None:
        """A number by the name that the level's own has: a field, or ``lost_`` and a stage."""
        if name.startswith("lost_"):
            return self.lost[name.removeprefix("lost_")]
        value: float | None = getattr(self, name)
        return value


def in_words(case: str, other: str) -> str:
    """A pair of platforms: whose keys are published, and who is to be warned."""
    return f"{NAMES[case]} case, {NAMES[other]} near"


def split(name: str) -> tuple[str, tuple[str, str]] | None:
    """The level's number and the platforms that a metric is about: ``recall_ios_android``."""
    for case, other in PAIRS:
        behind = f"_{case}_{other}"
        if name.endswith(behind):
            return name.removesuffix(behind), (case, other)
    return None
