"""Protocols by name."""

from __future__ import annotations

from difflib import get_close_matches
from importlib import import_module

from ..errors import InputError
from .ad import Advertisement
from .protocol import KeyProtocol, Protocol

#: Name, module and class, in the order in which advertisements are tried.
_PROTOCOLS = {
    "bluezone": ("bluezone", "Bluezone"),
    "bluezone-v1": ("bluezone", "BluezoneV1"),
    "gaen": ("gaen", "Gaen"),
    "dp3t-lowcost": ("dp3t", "LowCost"),
    "dp3t-unlinkable": ("dp3t", "Unlinkable"),
    "dp3t-hybrid": ("dp3t", "Hybrid"),
    "tcn": ("tcn", "Tcn"),
    "bluetrace": ("bluetrace", "BlueTrace"),
    "robert": ("robert", "Robert"),
}


def names() -> tuple[str, ...]:
    """Names that :func:`get` knows."""
    return tuple(_PROTOCOLS)


def get(name: str) -> Protocol:
    """The protocol of that name.

    Raises:
        InputError: there is none; the nearest right name is given.
    """
    if name not in _PROTOCOLS:
        near = get_close_matches(str(name), _PROTOCOLS, 1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise InputError(f"protocol {name!r}: expected one of {', '.join(_PROTOCOLS)}{hint}")
    module, kind = _PROTOCOLS[name]
    found: type[Protocol] = getattr(import_module(f".{module}", __package__), kind)
    return found()


def get_key_protocol(name: str) -> KeyProtocol:
    """The protocol of that name, which must be one that publishes keys.

    Raises:
        InputError: there is none, or it matches on a server.
    """
    found = get(name)
    if isinstance(found, KeyProtocol):
        return found
    able = [n for n in _PROTOCOLS if isinstance(get(n), KeyProtocol)]
    raise InputError(
        f"protocol {name!r} publishes no keys, so phones cannot match; expected one of "
        f"{', '.join(able)}"
    )


def recognise(data: bytes) -> Advertisement | None:
    """Which protocol's advertising data this is, and what it carries; None where it is of none."""
    for name in _PROTOCOLS:
        found = get(name).parse_advertisement(data)
        if found is not None:
            return found
    return None
