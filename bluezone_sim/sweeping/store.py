"""A sweep's directory: appended one job at a time, each whole or not at all.

::

    DIR/sweep.json                                what it is a sweep of: scenario, axes, versions
    DIR/results.parquet/<job>-<digest>.parquet    a row a task; the same bytes on any machine
    DIR/histograms.parquet/<job>-<digest>.parquet
    DIR/campaign.parquet/<job>-<digest>.parquet   a row a day, where the scenario has a campaign
    DIR/timings.parquet/<job>-<digest>.parquet    seconds and memory, which differ
    DIR/corrupt/                                  files that did not hold what their names say
    DIR/lock                                      held while a sweep writes

A file's name holds 64 bits of the SHA-256 of its bytes, so one that a crash or a disk has damaged is
found whatever the damage is. Names that start with a dot are being written.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .._version import NUMERIC_VERSION, SCHEMA_VERSION, __version__
from ..errors import FormatError, InputError
from ..files import make_folder, read_document, remove_leftovers, whole_folder, write_file
from ..scenario import resolved_toml
from ..scenario.loading import stored_text
from ..scenario.model import Scenario
from .lock import locked
from .plan import SweepPlan, base_of
from .work import Done, parquet

_RESULTS, _HISTOGRAMS, _TIMINGS = "results.parquet", "histograms.parquet", "timings.parquet"
_CAMPAIGN = "campaign.parquet"


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]


class Store:
    """A sweep's directory, open for reading; :meth:`writing` opens it for more."""

    def __init__(self, path: Path):
        self.path = path

    # -- what it is a sweep of ------------------------------------------------------------------------

    def about(self) -> dict[str, Any]:
        """``sweep.json``.

        Raises:
            InputError: there is none, or it cannot be read.
            FormatError: it is damaged, or of another schema version.
        """
        return read_document(self.path / "sweep.json", "a sweep")

    def scenario(self) -> Scenario:
        """What the grid changed."""
        return stored_text(self.about()["scenario"], f"{self.path / 'sweep.json'}")

    def claim(self, plan: SweepPlan) -> None:
        """Makes the directory that of ``plan``, or checks that it is; more values and seeds may join.

        Raises:
            InputError: it holds something else.
        """
        base = base_of(plan.scenario, plan.axes)
        axes = {key: list(values) for key, values in plan.axes.items()}
        if (self.path / "sweep.json").exists():
            known = self.about()
            if known["numeric_version"] != NUMERIC_VERSION:
                raise InputError(
                    f"{self.path}: holds numbers of numeric version {known['numeric_version']}, and this "
                    f"is {NUMERIC_VERSION}; they do not mix: give another --out"
                )
            if list(known["axes"]) != list(axes):
                raise InputError(
                    f"{self.path}: holds a sweep over {_names(known['axes'])}, not over {_names(axes)}; "
                    "give another --out"
                )
            for key in sorted({*base, *known["base"]}):
                old, new = known["base"].get(key), base.get(key)
                if old != new:
                    raise InputError(
                        f"{self.path}: holds a sweep with {key} = {old!r}, and this has {new!r}; give "
                        "another --out, or make it an axis of --grid"
                    )
            axes = {
                key: known["axes"][key] + [v for v in values if v not in known["axes"][key]]
                for key, values in axes.items()
            }
        elif self.path.is_dir() and any(p.name != "lock" for p in self.path.iterdir()):
            raise InputError(f"{self.path}: holds other files and no sweep; give another --out")
        text = _document(plan, base, axes)
        path = self.path / "sweep.json"
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            self._write(path, text.encode())

    def _create(self, plan: SweepPlan, folders: Sequence[str]) -> None:
        """The directory of a new sweep, whole: with what it is a sweep of, and nothing done."""
        axes = {key: list(values) for key, values in plan.axes.items()}
        text = _document(plan, base_of(plan.scenario, plan.axes), axes)
        with whole_folder(self.path) as part:
            (part / "sweep.json").write_bytes(text.encode())
            for folder in folders:
                (part / folder).mkdir()

    # -- writing --------------------------------------------------------------------------------------

    @contextmanager
    def writing(self, plan: SweepPlan, warn: Callable[[str], None]) -> Iterator[set[str]]:
        """Holds the directory for ``plan``; gives the ids of the tasks that are done.

        Args:
            plan: what is to be run.
            warn: told of each damaged file, which is moved away so that its tasks are done again.

        Raises:
            InputError: another sweep holds it, it cannot be written, or it is not one of ``plan``.
        """
        folders = [_RESULTS, _HISTOGRAMS, _TIMINGS]
        if any(point.scenario.campaign for point in plan.points):
            folders.append(_CAMPAIGN)
        if not self.path.exists():
            try:
                self._create(plan, folders)
            except InputError:
                if not self.path.is_dir():  # else another sweep was first
                    raise
        make_folder(self.path)
        with locked(self.path / "lock"):
            remove_leftovers(self.path)
            self.claim(plan)
            for folder in folders:
                make_folder(self.path / folder)
                remove_leftovers(self.path / folder)
            yield self._checked(warn)

    def _checked(self, warn: Callable[[str], None]) -> set[str]:
        done: set[str] = set()
        #: Jobs by the folder in which something of them is there.
        there: dict[str, set[str]] = {_TIMINGS: set(), _HISTOGRAMS: set(), _CAMPAIGN: set()}
        for folder in (*there, _RESULTS):
            for path in self._files(folder):
                try:
                    table = _read(path)
                except FormatError as error:
                    aside = self.path / "corrupt" / f"{folder}-{path.name}"
                    with _named(self.path):
                        aside.parent.mkdir(exist_ok=True)
                        path.replace(aside)
                    again = "" if folder == _TIMINGS else "; its tasks are run again"
                    warn(f"{error}; moved to {aside}{again}")
                    continue
                job = _job_of(path)
                if folder != _RESULTS:
                    there[folder].add(job)
                elif job in there[_HISTOGRAMS] and (
                    job in there[_CAMPAIGN] or "campaign_recall" not in table.column_names
                ):
                    done.update(table["task"].to_pylist())
        return done

    def add(self, done: Done) -> None:
        """Appends a job; its results come last, and with them its tasks count as done."""
        import pyarrow as pa

        now = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
        timing = pa.Table.from_pylist([{**done.timing, "finished": now}])
        for folder, data in (
            (_HISTOGRAMS, done.histograms),
            (_CAMPAIGN, done.campaign),
            (_TIMINGS, parquet(timing)),
            (_RESULTS, done.results),
        ):
            if data is None:
                continue
            path = self.path / folder / f"{done.job}-{_digest(data)}.parquet"
            self._write(path, data)
            for other in path.parent.glob(f"{done.job}-*.parquet"):
                if other != path:  # of an attempt that was cut short
                    other.unlink(missing_ok=True)

    def _write(self, path: Path, data: bytes) -> None:
        try:
            write_file(path, data)
        except InputError as error:
            raise InputError(f"{error}; what is done is kept") from None

    # -- reading --------------------------------------------------------------------------------------

    def _files(self, folder: str) -> list[Path]:
        path = self.path / folder
        if not path.is_dir():
            return []
        return sorted(p for p in path.iterdir() if p.suffix == ".parquet" and p.name[0] != ".")

    def results(self) -> Any:
        """Every task that is done, as one table: a row a task, each once.

        Raises:
            FormatError: a file is damaged; run the sweep again to have it redone.
            InputError: nothing is done yet.
        """
        import pyarrow as pa

        whole = self._all(_RESULTS)
        if whole is None:
            raise InputError(f"{self.path}: holds no result yet")
        seen: set[str] = set()
        keep = [not (task in seen or seen.add(task)) for task in whole["task"].to_pylist()]  # type: ignore[func-returns-value]
        return whole.filter(pa.array(keep))

    def histograms(self) -> Any:
        """Distributions, by the task of a job's highest level; None where there are none."""
        return self._all(_HISTOGRAMS)

    def campaign(self) -> Any:
        """Days of campaigns, each once; None where there are none."""
        import pyarrow as pa

        whole = self._all(_CAMPAIGN)
        if whole is None:
            return None
        # Jobs with other levels of one point and seed have the same days.
        keys = zip(*(whole[k].to_pylist() for k in ("task", "measures", "day")), strict=True)
        seen: set[Any] = set()
        keep = [not (key in seen or seen.add(key)) for key in keys]  # type: ignore[func-returns-value]
        return whole.filter(pa.array(keep))

    def timings(self) -> Any:
        """Seconds and memory by job; None where there are none."""
        return self._all(_TIMINGS)

    def _all(self, folder: str) -> Any:
        import pyarrow as pa

        tables = [_read(path) for path in self._files(folder)]
        # A column of an axis is of no type in the jobs where the key has no value.
        return pa.concat_tables(tables, promote_options="default") if tables else None


def _document(plan: SweepPlan, base: dict[str, Any], axes: dict[str, list[Any]]) -> str:
    """``sweep.json``."""
    about = {
        "schema_version": SCHEMA_VERSION,
        "numeric_version": NUMERIC_VERSION,
        "bluezone_sim": __version__,
        "axes": axes,
        "base": base,
        "scenario": resolved_toml(plan.scenario),
    }
    return json.dumps(about, indent=2, ensure_ascii=False) + "\n"


def _read(path: Path) -> Any:
    """A file of which the bytes are those that its name says.

    Raises:
        FormatError: they are not.
        InputError: it cannot be read.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from None
    if not path.stem.endswith(f"-{_digest(data)}"):
        raise FormatError(
            f"{path}: damaged (its {len(data):,} bytes are not those that were written)"
        )
    # Without Arrow's threads: where Python ends while one still holds the bytes, it ends by SIGABRT.
    return pq.ParquetFile(pa.BufferReader(data)).read(use_threads=False)


def _job_of(path: Path) -> str:
    return path.name.partition("-")[0]


def _names(axes: Any) -> str:
    return ", ".join(axes) or "adoption alone"


@contextmanager
def _named(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise _unwritable(path, error) from None


def _unwritable(path: Path, error: OSError) -> InputError:
    return InputError(
        f"{path}: cannot be written ({error.strerror or error}); what is done is kept"
    )
