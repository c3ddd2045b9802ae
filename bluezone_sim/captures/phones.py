"""The phones of an import: a number each, and a name."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class PhoneNumbers:
    """Numbers of phones by name, in order of appearance, and their models.

    Attributes:
        number: number by name.
        model: model by name, where it is known.
    """

    number: dict[str, int] = field(default_factory=dict)
    model: dict[str, str] = field(default_factory=dict)

    def names(self) -> dict[int, str]:
        """Name by number."""
        return {number: name for name, number in self.number.items()}

    def of(self, name: str) -> int:
        """The phone's number, a new one for a new phone."""
        return self.number.setdefault(name, len(self.number))
