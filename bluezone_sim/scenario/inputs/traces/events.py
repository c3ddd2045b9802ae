"""Files of events: a contact is from the one that begins it to the one that ends it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ....errors import FormatError
from .columns import TraceRows


def with_ends(rows: TraceRows, path: Path, counted: dict[str, int]) -> TraceRows:
    """Contacts of a file of events, each with its end; one that is not ended lasts to the file's end.

    Args:
        rows: the events.
        path: what messages call the file.
        counted: contacts without an end, and events that are neither, are added.

    Raises:
        FormatError: none of them begins a contact.
    """
    assert rows.state is not None
    t = rows.numbers["t"]
    mine = np.flatnonzero(np.isin(rows.state, ["up", "down"]) & np.isfinite(t))
    if not (rows.state[mine] == "up").any():
        raise FormatError(f"{path}: no row is 'CONN ... up'; expected The ONE's connections")
    counted["other_event"] = counted.get("other_event", 0) + len(rows) - len(mine)
    low, high = np.minimum(rows.i, rows.j)[mine], np.maximum(rows.i, rows.j)[mine]
    up = rows.state[mine] == "up"
    order = np.lexsort((up, t[mine], high, low))  # at one time an end comes first
    up, low, high, when = up[order], low[order], high[order], t[mine][order]
    same = (np.diff(low, append=-1) == 0) & (np.diff(high, append=-1) == 0)
    ended = np.append(~up[1:], False) & same
    begins = np.flatnonzero(up)
    end = np.where(ended[begins], np.append(when[1:], np.nan)[begins], t[mine].max())
    again = np.append(up[1:], False) & same
    end = np.where(again[begins], np.append(when[1:], np.nan)[begins], end)
    counted["no_end"] = int(np.count_nonzero(~ended[begins]))
    at = mine[order][begins]
    back = np.argsort(at)
    at = at[back]
    return TraceRows(
        numbers={"t": t[at], "end": end[back]},
        names=rows.names,
        i=rows.i[at],
        j=rows.j[at],
        line=rows.line[at],
        groups=[],
        bad=rows.bad,
    )
