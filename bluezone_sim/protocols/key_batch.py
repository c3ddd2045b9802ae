"""What a file of published keys tells of itself, and what phones would refuse of it."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Refusal:
    """Why phones would not take a file of keys.

    Attributes:
        phones: which: "Android", "iPhones", "all".
        reason: what is wrong, with the field and what it holds.
        source: where that is written.
        unverified: whatever the signature says, the file counts as not verified: no phone would get so
            far.
    """

    phones: str
    reason: str
    source: str
    unverified: bool = False

    def __str__(self) -> str:
        who = {"all": "phones refuse", "Android": "Android refuses"}.get(
            self.phones, f"{self.phones} refuse"
        )
        return f"{self.reason}; {who} such a file ({self.source})"


@dataclass(frozen=True)
class KeyBatch:
    """One of the files in which the keys of a region and a time are published.

    Attributes:
        start_s, end_s: time in which the keys reached the server, unix seconds; 0 where it is not told.
        region: usually a country code.
        batch, batches: number of this file, of how many; 0 where it is not told.
        refused: what phones would refuse.
    """

    start_s: int = 0
    end_s: int = 0
    region: str = ""
    batch: int = 0
    batches: int = 0
    refused: tuple[Refusal, ...] = field(default=(), kw_only=True)

    def signers(self) -> tuple[str, ...]:
        """Which keys sign it, for people; none where the format does not tell."""
        return ()
