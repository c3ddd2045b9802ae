"""Contacts of a population, from whatever source the scenario names."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ..errors import InputError
from ..registry import code_of
from ..scenario.chosen import ContactsTable
from ..scenario.values.registries import SOURCES
from . import generated, traced
from .contact_model import ContactModel
from .world import World

#: The sources that ship.
_SHIPPED: Mapping[str, Callable[..., ContactModel]] = {
    "generated": generated.bind,
    "traced": traced.bind,
}


def contact_model(world: World, table: ContactsTable) -> ContactModel:
    """Binds a population to the source of contacts of a scenario.

    Raises:
        InputError: what the source makes of it is no :class:`ContactModel`.
    """
    source = SOURCES.get(table.source)
    made = code_of(source.bind, _SHIPPED)(world, table)
    if not isinstance(made, ContactModel):
        raise InputError(
            f"{SOURCES.what} {source.name!r}: made a {type(made).__name__}, expected a ContactModel"
        )
    return made
