"""A source of contacts as a value: who meets whom, and perhaps who there is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..schema.table import TomlTable


@dataclass(frozen=True)
class ContactSource:
    """One source.

    Attributes:
        name: what ``contacts.source`` calls it.
        title: what it is, in words.
        source: where its numbers are from.
        bind: ``(world, contacts) -> ContactModel``, the contacts of a
            :class:`bluezone_sim.world.world.World` with the scenario's table ``[contacts]``, as a
            :class:`bluezone_sim.world.contact_model.ContactModel`.
        parameters: keys that ``[contacts.parameters]`` may have with it; None: no such table.
        people: ``(contacts, timezone, seed) -> People``, a
            :class:`bluezone_sim.world.world.People`, where it knows them; None: a population is
            generated.
        layers: it reads the layers and scales of ``[contacts]``, so that they are no faults with it.
    """

    name: str
    title: str
    source: str
    bind: str | Callable[..., Any]
    parameters: type[TomlTable] | None = None
    people: str | Callable[..., Any] | None = None
    layers: bool = False

    @property
    def about(self) -> str:
        """Title and source in one line."""
        return f"{self.title} ({self.source})" if self.source else self.title
