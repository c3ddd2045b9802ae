"""Tables for the terminal: adapters, and what is on air. Text from the air is never markup."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..adapters.inventory import Adapter
from .on_air import Phone
from .reports import address_text

_ROWS = 40


def adapters_table(adapters: Sequence[Adapter]) -> Any:
    """A row an adapter."""
    table = _table(
        "adapter", "address", "on", "roles", "advertisements", "passive scan", "Bluetooth"
    )
    for a in adapters:
        roles = [r for r, has in (("central", a.central), ("peripheral", a.peripheral)) if has]
        table.add_row(
            a.name,
            a.address or "–",
            "yes" if a.powered else "no",
            ", ".join(roles) or "none",
            f"{a.instances} at a time" if a.instances else "none",
            "yes" if a.passive else "no",
            a.core or "–",
        )
    return table


def phones_table(phones: Sequence[Phone], now_us: int, title: str = "") -> Any:
    """A row a phone, strongest first; the strongest forty."""
    from rich.text import Text

    heads = ("phone", "protocol", "identifier", "RSSI\nnow", "mean", "min…max", "per\ns", "age\ns")
    table = _table(*heads, "id changed\ns ago", "address", numbers=(3, 4, 5, 6, 7, 8))
    table.columns[0].min_width = len(address_text(0))
    table.title = Text(title)
    for p in phones[:_ROWS]:
        identifier = p.identifier.hex() or ("not read yet" if p.gatt else "–")
        table.add_row(
            Text("\n".join(filter(None, (address_text(p.address), p.name)))),
            p.protocol[0],
            identifier if len(identifier) <= 24 else identifier[:15] + "…",
            str(p.rssi_dbm),
            f"{p.rssi_sum / max(p.packets, 1):.0f}",
            f"{p.rssi_min_dbm}…{p.rssi_max_dbm}",
            f"{p.rate_hz(now_us):.1f}",
            f"{max(0, now_us - p.last_us) / 1e6:.0f}",
            f"{(now_us - p.changed_us) / 1e6:.0f}" if p.changed_us else "–",
            _address(p),
        )
    if len(phones) > _ROWS:
        table.caption = f"and {len(phones) - _ROWS:,} weaker"
    return table


def _address(p: Phone) -> str:
    if p.linkable:
        return f"LINKABLE:\n{p.linkable}"
    if p.address_changed is None:
        return "random" if p.address_random else "public"
    return "changed too"


def _table(*names: str, numbers: Sequence[int] = ()) -> Any:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for i, name in enumerate(names):
        table.add_column(name, justify="right" if i in numbers else "left", no_wrap=True)
    return table
