"""What adapters there are, what they can do, and why there are none."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from .bus import ADAPTER, ADVERTISER, MONITOR, AdapterError, Bluez

#: HCI version to core specification (Bluetooth assigned numbers, 2.1).
_CORE = {
    6: "4.0",
    7: "4.1",
    8: "4.2",
    9: "5.0",
    10: "5.1",
    11: "5.2",
    12: "5.3",
    13: "5.4",
    14: "6.0",
}


@dataclass(frozen=True)
class Adapter:
    """A Bluetooth adapter.

    Attributes:
        name: such as hci0; "default" where the operating system hides its adapters.
        address: its own; empty where it is not told.
        powered: it is on.
        central, peripheral: it can scan and connect; it can advertise.
        instances: advertisements that it takes at a time, those on air included.
        offload: the controller sends them side by side; else the kernel takes turns of 2 s.
        passive: the daemon offers passive scans.
        core: version of the core specification, or empty.
    """

    name: str
    address: str = ""
    powered: bool = True
    central: bool = True
    peripheral: bool = False
    instances: int = 0
    offload: bool = False
    passive: bool = False
    core: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types."""
        return asdict(self)

    @property
    def path(self) -> str:
        """BlueZ's object."""
        return f"/org/bluez/{self.name}"


async def list_adapters() -> list[Adapter]:
    """Every adapter, by name.

    Raises:
        AdapterError: there is none; the message says why, and what to do.
    """
    if not sys.platform.startswith("linux"):
        # CoreBluetooth and WinRT offer the system's adapter, and no list.
        return [Adapter("default")]
    async with Bluez() as bluez:
        objects = await bluez.objects()
    found = [
        _adapter(path.rsplit("/", 1)[1], interfaces)
        for path, interfaces in sorted(objects.items())
        if ADAPTER in interfaces
    ]
    if not found:
        raise AdapterError(f"no Bluetooth adapter: {why_none()}")
    return found


def _adapter(name: str, interfaces: dict[str, dict[str, Any]]) -> Adapter:
    props = interfaces[ADAPTER]
    manager = interfaces.get(ADVERTISER)
    roles = props.get("Roles", ["central"])
    # SupportedInstances is what is left.
    slots = 0
    if manager is not None:
        slots = manager.get("SupportedInstances", 0) + manager.get("ActiveInstances", 0)
    return Adapter(
        name=name,
        address=props.get("Address", ""),
        powered=bool(props.get("Powered", False)),
        central="central" in roles,
        peripheral="peripheral" in roles and slots > 0,
        instances=slots,
        offload="HardwareOffload" in (manager or {}).get("SupportedFeatures", ()),
        passive=MONITOR in interfaces,
        core=_CORE.get(props.get("Version", -1), ""),
    )


async def choose(name: str | None, *, advertise: bool = False) -> Adapter:
    """The adapter of that name, or the first that is on and has the role.

    Raises:
        AdapterError: there is none such; those that exist are named.
    """
    found = await list_adapters()
    role = "advertise" if advertise else "scan"
    if name is not None:
        for adapter in found:
            if name in (adapter.name, adapter.address):
                return _usable(adapter, role)
        names = ", ".join(a.name for a in found)
        raise AdapterError(f"adapter {name!r}: there is none; found {names}")
    for adapter in found:
        if adapter.powered and (adapter.peripheral if advertise else adapter.central):
            return adapter
    return _usable(found[0], role)


def _usable(adapter: Adapter, role: str) -> Adapter:
    if not adapter.powered:
        raise AdapterError(f"adapter {adapter.name} is off: {_blocked() or _POWER_ON}")
    if not (adapter.peripheral if role == "advertise" else adapter.central):
        raise AdapterError(f"adapter {adapter.name} cannot {role}; try another one")
    return adapter


_POWER_ON = "`bluetoothctl power on`"


def why_none(
    sys_bluetooth: Path = Path("/sys/class/bluetooth"), sys_rfkill: Path = Path("/sys/class/rfkill")
) -> str:
    """Why BlueZ lists no adapter, and what to do."""
    blocked = _blocked(sys_rfkill)
    if blocked:
        return blocked
    known = sorted(p.name for p in sys_bluetooth.glob("hci*")) if sys_bluetooth.is_dir() else []
    if known:
        return (
            f"the kernel has {', '.join(known)}, but BlueZ does not show it; is the firmware missing "
            "(`dmesg | grep -i bluetooth`), or does another program hold it?"
        )
    return (
        "none is plugged in (`lsusb`), or its driver is missing (`dmesg | grep -i bluetooth`); in a "
        "virtual machine or container pass the USB device through"
    )


def _blocked(sys_rfkill: Path = Path("/sys/class/rfkill")) -> str:
    for switch in sorted(sys_rfkill.glob("rfkill*")) if sys_rfkill.is_dir() else []:
        try:
            if (switch / "type").read_text().strip() != "bluetooth":
                continue
            if (switch / "hard").read_text().strip() == "1":
                return "Bluetooth is blocked by a hardware switch or the firmware's settings"
            if (switch / "soft").read_text().strip() == "1":
                return "Bluetooth is blocked by rfkill; `rfkill unblock bluetooth`"
        except OSError:
            continue
    return ""


def versions() -> dict[str, str]:
    """Versions of what stands between this program and the air."""
    from importlib.metadata import PackageNotFoundError, version

    out = {}
    for package in ("bleak", "dbus-fast", "bumble"):
        try:
            out[package] = version(package)
        except PackageNotFoundError:
            continue
    program = shutil.which("bluetoothctl")
    if program is not None:
        said = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=5)
        number = re.search(r"\d+\.\d+", said.stdout)
        if number:
            out["bluez"] = number.group()
    return out
