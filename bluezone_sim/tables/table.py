"""A table: what the terminal prints, a report shows and a CSV file holds."""

from __future__ import annotations

import csv
import io
import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from html import escape
from typing import Any

from ..showing.visible import csv_cell, visible

#: Characters that the metrics table needs, and those of tables with arms of long names.
WIDTH, WIDE = 104, 130
#: Characters of a head beside its value, in a narrow terminal.
_LABEL = 34

#: What a notebook's page needs for :meth:`Table.html`.
_NOTEBOOK = (
    "<style>.bluezone-sim td,.bluezone-sim th{text-align:right}"
    ".bluezone-sim .left{text-align:left}</style>"
)


def plain(value: Any) -> str:
    """A cell that is text already; nothing for None."""
    return "" if value is None else str(value)


@dataclass(frozen=True)
class Column:
    """One column.

    Attributes:
        head: for people; may be broken into lines.
        text: a value as its cell.
        name: in a CSV file; by default the head in one line.
        left: its cells are text, and stand on the left.
        wrap: in a narrow terminal its cells are broken into lines, before those of others.
        style: of a value's cell on the terminal, as rich has it.
    """

    head: str
    text: Callable[[Any], str] = plain
    name: str = ""
    left: bool = False
    wrap: bool = False
    style: Callable[[Any], str] | None = None


@dataclass(frozen=True)
class Table:
    """Columns and rows of values, told in whatever form somebody asks for.

    Attributes:
        title: empty for none.
        columns: heads and how values are told.
        rows: values, a tuple a row.
        note: what the heads are too short to say.
    """

    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Any, ...], ...]
    note: str = ""

    @classmethod
    def of_text(
        cls,
        title: str,
        heads: Sequence[str],
        rows: Iterable[Sequence[Any]],
        left: int = 0,
        note: str = "",
    ) -> Table:
        """Cells that are text already; the first ``left`` columns stand on the left."""
        columns = tuple(Column(head, left=i < left) for i, head in enumerate(heads))
        return cls(title, columns, tuple(map(tuple, rows)), note)

    @classmethod
    def of_records(cls, title: str, records: Sequence[Mapping[str, Any]]) -> Table:
        """A row a record; a column a key of any of them, in the order in which they come."""
        names = tuple(dict.fromkeys(name for record in records for name in record))
        rows = tuple(tuple(record.get(name) for name in names) for record in records)
        return cls(title, tuple(Column(name) for name in names), rows)

    def noted(self, note: str) -> Table:
        """The same with another note."""
        return replace(self, note=note)

    def cells(self) -> list[list[str]]:
        """The rows as text that can be shown."""
        return [
            [visible(column.text(value)) for column, value in zip(self.columns, row, strict=True)]
            for row in self.rows
        ]

    def heads(self) -> list[str]:
        """The heads as text that can be shown."""
        return [visible(column.head, keep="\n") for column in self.columns]

    def rich(self) -> Any:
        """For rich, without the note."""
        from rich import box
        from rich.console import Group
        from rich.table import Table as RichTable
        from rich.text import Text

        table = RichTable(
            box=box.SIMPLE_HEAD,
            show_header=any(column.head for column in self.columns),
            pad_edge=False,
            padding=(0, 1),
            collapse_padding=True,
        )
        for column, head in zip(self.columns, self.heads(), strict=True):
            side = "left" if column.left else "right"
            table.add_column(Text(head), justify=side, no_wrap=not column.wrap)  # type: ignore[arg-type]
        for row, cells in zip(self.rows, self.cells(), strict=True):
            table.add_row(
                *(
                    Text(cell, style=column.style(value) if column.style else "")
                    for column, value, cell in zip(self.columns, row, cells, strict=True)
                )
            )
        # A title of its own: a table's is wrapped at the table's width.
        title = visible(self.title, keep="\n")
        return Group(Text(title, style="italic"), table) if title else table

    def width(self, console: Any) -> int:
        """Of a console that cuts no number off: this one's, or what the table needs."""
        from rich.cells import cell_len

        needed = 2
        rows = [self.heads(), *self.cells()]
        for column, *cells in zip(self.columns, *rows, strict=True):
            lines = [line for cell in cells for line in cell.split("\n")]
            pieces = [word for line in lines for word in line.split()] if column.wrap else lines
            needed += 2 + max(map(cell_len, pieces), default=0)
        return max(int(console.width), needed)

    def blocks(self) -> Any:
        """For rich, where the table is too wide: a block a row, its values below each other.

        What stands on the left before the first number names a block; where that is nothing, or all, the
        first column alone.
        """
        from rich.console import Group
        from rich.text import Text

        heads = [" ".join(head.split()) for head in self.heads()]
        numbers = (k for k, column in enumerate(self.columns) if not column.left)
        n = max(1, next(numbers, 1))
        folded = [textwrap.wrap(head, _LABEL) or [""] for head in heads]
        widest = max((len(line) for head in folded[n:] for line in head), default=0)
        lines = [Text(visible(self.title, keep="\n"), style="italic")] if self.title else []
        before: list[str] = []
        for row, cells in zip(self.rows, self.cells(), strict=True):
            # An empty cell stands for the one above it.
            before = [c or above for c, above in zip(cells[:n], before or cells[:n], strict=True)]
            # A number alone would not say what of.
            named = [(h, c) for h, c in zip(heads, before, strict=False) if c]
            words = [f"{h} {c}".strip() if c.replace(",", "").isdecimal() else c for h, c in named]
            lines.append(Text(", ".join(words), style="bold"))
            rest = list(zip(self.columns, folded, row, cells, strict=True))[n:]
            for column, (*above, head), value, cell in rest:
                if cell:
                    style = column.style(value) if column.style else ""
                    lines += [Text(f"  {line}") for line in above]
                    lines.append(Text(f"  {head:<{widest}}  ").append(cell, style=style))
        return Group(*lines)

    def __rich__(self) -> Any:
        return self.rich()

    def text(self, width: int = WIDTH) -> str:
        """As the terminal prints it, without colours."""
        from rich.console import Console

        out = io.StringIO()
        # In a notebook rich would show the table there and then, and write none of it.
        console = Console(
            file=out, width=width, color_system=None, markup=False, force_jupyter=False
        )
        console.width = self.width(console)
        console.print(self.rich())
        lines = [line.rstrip() for line in out.getvalue().splitlines()]
        note = visible(self.note, keep="\n")
        return "\n".join([*lines, note, ""] if note else lines)

    def html(self, caption: str | None = None) -> str:
        """As HTML; what stands on the left has the class ``left``.

        Args:
            caption: by default none; pages have headings of their own.
        """

        def line(tag: str, cells: Iterable[str], scope: str = "") -> str:
            out = []
            for column, cell in zip(self.columns, cells, strict=True):
                kind = "th" if column.left and tag == "td" else tag
                at = (' scope="row"' if tag == "td" else scope) if kind == "th" else ""
                at += ' class="left"' if column.left else ""
                out.append(f"<{kind}{at}>{escape(cell)}</{kind}>")
            return f"<tr>{''.join(out)}</tr>"

        head = line("th", self.heads(), ' scope="col"')
        body = "\n".join(line("td", row) for row in self.cells())
        told = f"<caption>{escape(visible(caption))}</caption>" if caption else ""
        rows = f"<thead>{head}</thead>\n<tbody>{body}</tbody>"
        return f'<div class="wide"><table>{told}{rows}</table></div>'

    def csv(self) -> str:
        """Comma-separated values with a head, numbers in full; undefined is empty.

        No cell begins a spreadsheet's formula.
        """
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(csv_cell(c.name or " ".join(c.head.split())) for c in self.columns)
        writer.writerows(map(csv_cell, row) for row in self.rows)
        return out.getvalue()


def notebook(*parts: str) -> str:
    """HTML of tables and figures as a notebook's cell shows it."""
    return f'<div class="bluezone-sim">{_NOTEBOOK}{"".join(parts)}</div>'
