"""Protocols by name: those that ship, and those that packages bring (``bluezone_sim.protocols``)."""

from __future__ import annotations

from ..errors import InputError
from ..registry import Registry
from . import ad
from .ad import Advertisement
from .protocol import FixedId, Protocol

#: In the order in which advertisements are tried.
PROTOCOLS: Registry[Protocol] = Registry(
    "bluezone_sim.protocols",
    "protocol",
    "bluezone_sim.protocols.protocol:Protocol",
    {
        "bluezone": "bluezone_sim.protocols.bluezone.value:BLUEZONE",
        "bluezone-v1": "bluezone_sim.protocols.bluezone.value:BLUEZONE_V1",
        "gaen": "bluezone_sim.protocols.gaen.value:GAEN",
        "dp3t-lowcost": "bluezone_sim.protocols.dp3t.value:LOWCOST",
        "dp3t-unlinkable": "bluezone_sim.protocols.dp3t.value:UNLINKABLE",
        "dp3t-hybrid": "bluezone_sim.protocols.dp3t.value:HYBRID",
        "tcn": "bluezone_sim.protocols.tcn.value:TCN",
        "bluetrace": "bluezone_sim.protocols.bluetrace.value:BLUETRACE",
        "robert": "bluezone_sim.protocols.robert.value:ROBERT",
    },
)


def names() -> tuple[str, ...]:
    """Names that :func:`get` knows; loads none of them.

    Raises:
        InputError: two packages bring one name.
    """
    return PROTOCOLS.names()


def get(name: str) -> Protocol:
    """The protocol of that name.

    Raises:
        InputError: there is none; the nearest right name is given. Or its package is at fault.
    """
    return PROTOCOLS.get(name)


def followed() -> tuple[str, ...]:
    """Names of the protocols that a scenario can follow: all but those with fixed identifiers.

    Those of other packages are not loaded for this; what a scenario names is looked at.
    """
    outside = PROTOCOLS.outside()
    return tuple(n for n in names() if n in outside or not isinstance(get(n).keys, FixedId))


def get_key_protocol(name: str) -> Protocol:
    """The protocol of that name, which must be one that publishes keys.

    Raises:
        InputError: there is none, or it matches on a server.
    """
    found = get(name)
    if found.publishes_keys:
        return found
    able = [n for n in names() if get(n).publishes_keys]
    raise InputError(
        f"protocol {name!r} publishes no keys, so phones cannot match; expected one of "
        f"{', '.join(able)}"
    )


def recognise(data: bytes) -> Advertisement | None:
    """Which protocol's advertising data this is, and what it carries; None where it is of none."""
    structures = ad.walk(data)
    if structures is None:
        return None
    for name in names():
        found = get(name).parse_structures(structures)
        if found is not None:
            return found
    return None
