"""A bench without a radio: an ``org.bluez`` of our own on a private D-Bus.

Unmodified bleak, and everything of this package that talks to BlueZ, runs on it. It knows adapters,
discovery with and without duplicate data, passive monitors, advertising instances looped between its
adapters, and GATT; and it fails on demand.
"""

from __future__ import annotations

from .bluez import VirtualBluez
from .gatt_server import VirtualPhone
from .testbench import VirtualBench

__all__ = ["VirtualBench", "VirtualBluez", "VirtualPhone"]
