"""Tables for the terminal: adapters, and what is on air. Text from the air is never markup."""

from __future__ import annotations

from collections.abc import Sequence

from ...tables.table import Column, Table
from ...tables.words import DASH
from ..adapters.inventory import Adapter
from .on_air import SeenPhone
from .reports import address_text

_ROWS = 40


def adapters_table(adapters: Sequence[Adapter]) -> Table:
    """A row an adapter."""
    rows = []
    for a in adapters:
        roles = [r for r, has in (("central", a.central), ("peripheral", a.peripheral)) if has]
        rows.append(
            [
                a.name,
                a.address or DASH,
                "yes" if a.powered else "no",
                ", ".join(roles) or "none",
                f"{a.instances} at a time" if a.instances else "none",
                "yes" if a.passive else "no",
                a.core or DASH,
            ]
        )
    heads = ["adapter", "address", "on", "roles", "advertisements", "passive scan", "Bluetooth"]
    return Table.of_text("", heads, rows, len(heads))


def phones_table(phones: Sequence[SeenPhone], now_us: int, title: str = "") -> Table:
    """A row a phone, strongest first; the strongest forty."""
    rows = []
    for p in phones[:_ROWS]:
        identifier = p.identifier.hex() or ("not read yet" if p.gatt else DASH)
        rows.append(
            (
                "\n".join(filter(None, (address_text(p.address), p.name))),
                p.protocol[0],
                identifier if len(identifier) <= 24 else identifier[:15] + "…",
                p.rssi_dbm,
                f"{p.rssi_sum / max(p.packets, 1):.0f}",
                f"{p.rssi_min_dbm}…{p.rssi_max_dbm}",
                f"{p.rate_hz(now_us):.1f}",
                f"{max(0, now_us - p.last_us) / 1e6:.0f}",
                f"{(now_us - p.changed_us) / 1e6:.0f}" if p.changed_us else DASH,
                _address(p),
            )
        )
    text, numbers = ("phone", "protocol", "identifier"), ("RSSI\nnow", "mean", "min…max")
    heads = (
        *(Column(head, left=True) for head in text),
        *map(Column, (*numbers, "per\ns", "age\ns", "id changed\ns ago")),
        Column("address", left=True),
    )
    more = f"and {len(phones) - _ROWS:,} weaker" if len(phones) > _ROWS else ""
    return Table(title, heads, tuple(rows), more)


def _address(p: SeenPhone) -> str:
    if p.linkable:
        return f"LINKABLE:\n{p.linkable}"
    if p.address_changed is None:
        return "random" if p.address_random else "public"
    return "changed too"
