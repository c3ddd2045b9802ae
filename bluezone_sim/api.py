"""What users call: run, sweep, open; results that print, draw and save themselves."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import Any, Self

from .analysis.result import RunResult
from .analysis.sweep import SweepResult
from .errors import InputError
from .files import absolute, make_folder, read_digests, recover, write_file, write_listed
from .reading.bounded import is_file, is_folder
from .report.epidemic.answer import answer
from .report.export import reports
from .report.figures import adoption_png
from .report.notebook import result_html, sweep_html
from .report.notebook_bar import Bar, notebook_bar
from .report.page.page import render, render_sweep
from .report.panels import sweep_tables, tables
from .scenario.model import Scenario
from .simulation import engine
from .simulation.rehearsal import COMPILING
from .storage import run_load, run_save
from .storage.provenance import manifest
from .sweeping import sweep as sweeping
from .sweeping.sweep import Progress
from .tables.table import WIDE

__all__ = [
    "Result",
    "Sweep",
    "open_any",
    "open_run",
    "open_sweep",
    "run",
    "sweep",
    "write_reports",
]


class Result(RunResult):
    __doc__ = RunResult.__doc__

    @classmethod
    def of(cls, found: RunResult) -> Self:
        """What the engine or a directory gave."""
        return cls(**_values(found))

    def __repr__(self) -> str:
        return "\n".join(
            [
                self.headline(),
                *((self.answer(),) if self.epidemic is not None else ()),
                *(table.text() for table in tables(self)),
                f"{self.seconds:.1f} s, {self.peak_memory_mib:,.0f} MiB",
            ]
        )

    def _repr_html_(self) -> str:
        return result_html(self)

    @property
    def manifest(self) -> dict[str, Any]:
        """What the run was made with and what it gave, as ``manifest.json`` holds it.

        Of a run that was opened, the manifest of its directory; :func:`run` of its ``scenario`` and
        ``seed`` repeats it.
        """
        opened: dict[str, Any] | None = self.__dict__.get("_manifest")
        return manifest(self) if opened is None else opened

    def answer(self) -> str:
        """What the epidemic says, in a sentence or two; empty without one."""
        return "" if self.epidemic is None else answer(self.epidemic)

    def save(self, out: str | Path, *, force: bool = False) -> Path:
        """Writes the run directory: Parquet tables, manifest, report, figure; whole or not at all.

        Args:
            out: the directory to make.
            force: replace one that exists.

        Raises:
            InputError: it exists and ``force`` is not given, or it cannot be written.
        """
        about = manifest(self)
        more = {"report.html": render(self, about).encode(), "adoption.png": adoption_png(self)}
        return run_save.save(self, Path(out), about, more, force=force)


class Sweep(SweepResult):
    __doc__ = SweepResult.__doc__

    @classmethod
    def of(cls, found: SweepResult) -> Self:
        """What the workers or a directory gave."""
        return cls(**_values(found))

    def __repr__(self) -> str:
        return "\n".join([self.headline(), *(table.text(WIDE) for table in sweep_tables(self))])

    def _repr_html_(self) -> str:
        return sweep_html(self)

    def report(self, path: str | Path) -> Path:
        """Writes the report, one HTML file.

        Raises:
            InputError: it cannot be written.
        """
        return write_file(Path(path), render_sweep(self))


def _values(found: Any) -> dict[str, Any]:
    return {field.name: getattr(found, field.name) for field in fields(found)}


def run(
    scenario: Scenario,
    seed: int | None = None,
    *,
    threads: int | None = None,
    progress: Callable[[float, str], None] | None = None,
) -> Result:
    """Runs a scenario.

    Args:
        scenario: from :func:`bluezone_sim.load`.
        seed: replaces the scenario's own.
        threads: threads to use, by default one a core; the result does not depend on it.
        progress: called with (share done, stage); by default a notebook shows a bar, where ipywidgets
            is installed.

    Returns:
        Metrics by adoption level, outcomes, warnings.

    Raises:
        InputError: the scenario cannot be built, it may need more memory than its ``limits`` allow, or
            ``threads`` is below 1.
    """
    with _bar(progress is None) as bar:
        if bar is not None:
            # How far a compiler is cannot be said.
            def progress(done: float, stage: str) -> None:
                bar(None if stage == COMPILING else done, stage)

        return Result.of(engine.run(scenario, seed, threads=threads, progress=progress))


def sweep(
    scenario: Scenario,
    grid: Mapping[str, Sequence[Any]] | None = None,
    seeds: int | None = None,
    *,
    workers: int | None = None,
    out: str | Path | None = None,
    dask: str | None = None,
    progress: Callable[[Progress], None] | None = None,
    warn: Callable[[str], None] | None = None,
) -> Sweep:
    """Runs every combination of a grid with every seed, and what of it is not there yet only.

    Args:
        scenario: from :func:`bluezone_sim.load`; its ``[sweep]`` gives what is not given here.
        grid: dotted keys (or ``protocol``, ``adoption``) to their values.
        seeds: how many, upwards from the scenario's.
        workers: processes; by default one a core, as far as memory allows. Results do not change.
        out: directory that keeps the results, so that they can be gone on with; by default none.
        dask: ``"local"`` or a scheduler's address, to run on a Dask cluster.
        progress: called after each simulation; by default a notebook shows a bar, where ipywidgets is
            installed.
        warn: told of damaged files, which are redone; by default a :class:`UserWarning`.

    Raises:
        InputError: the grid or the scenario is at fault, or ``out`` is in use or something else.
        SweepFailedError: some simulations failed; the others are kept.
    """
    with _bar(progress is None) as bar:
        if bar is not None:

            def progress(at: Progress) -> None:
                bar(at.done / max(1, at.total), f"{at.done} of {at.total} simulations")

        found = sweeping.sweep(
            scenario, grid, seeds, workers=workers, out=out, dask=dask, progress=progress, warn=warn
        )
    return Sweep.of(found)


def _bar(wanted: bool) -> AbstractContextManager[Bar | None]:
    return notebook_bar() if wanted else nullcontext()


def open_run(path: str | Path) -> Result:
    """Reads a run directory.

    Raises:
        InputError: there is none.
        FormatError: a file is damaged, or of another schema version.
    """
    return _opened(Path(path), lambda name: False)


def open_sweep(path: str | Path) -> Sweep:
    """Reads the directory of a sweep, finished or not.

    Raises:
        InputError: it holds none, nothing is done yet, or another version wrote it.
        FormatError: a file is damaged.
    """
    return Sweep.of(sweeping.open_sweep(path))


def open_any(path: str | Path) -> Result | Sweep:
    """A run or a sweep by its directory.

    Raises:
        InputError: it is neither, or cannot be read.
    """
    return _open(Path(path), lambda name: False)


def _open(path: Path, passing_over: Callable[[str], bool]) -> Result | Sweep:
    """:func:`open_any`, whatever the state of files that are about to be written anew."""
    recover(path)
    listed = read_digests(path) if is_folder(path) else None
    holds = listed.holds if listed is not None else None
    if holds == "sweep" or is_file(path / "sweep.json"):
        return Sweep.of(sweeping.open_sweep(path, passing_over))
    if holds == "run" or is_file(path / "manifest.json"):
        return _opened(path, passing_over)
    what = "no such directory" if not is_folder(path) else f"holds {holds or 'no run and no sweep'}"
    raise InputError(f"{path}: {what}; expected what `run` or `sweep` has written")


def _opened(path: Path, passing_over: Callable[[str], bool]) -> Result:
    result = Result.of(run_load.open_run(path, passing_over))
    result.__dict__["_manifest"] = run_load.manifest_of(path)
    return result


def write_reports(directory: Path, formats: Sequence[str], out: Path) -> list[Path]:
    """Writes the report of a run or sweep.

    Args:
        directory: of the run or sweep.
        formats: among html, png, svg, pdf, csv.
        out: ``report.html`` goes there, figures and tables into its ``figures`` folder.

    Returns:
        What was written.

    Raises:
        InputError: it is no run or sweep, or ``out`` cannot be written.
    """
    at_home = absolute(out).resolve() == absolute(directory).resolve()
    found = _open(directory, partial(_is_written, formats) if at_home else lambda name: False)
    about = run_load.manifest_of(directory) if isinstance(found, Result) else {}
    files = reports(found, about, formats)
    if (
        at_home and read_digests(directory) is None
    ):  # of an earlier version, it stays without a list
        for name, data in files.items():
            make_folder((out / name).parent)
            write_file(out / name, data)
        return [out / name for name in files]
    of = "run" if isinstance(found, Result) else "sweep"
    return write_listed(out, files, of if at_home else "report")


def _is_written(formats: Sequence[str], name: str) -> bool:
    """Whether a report in these formats writes this file."""
    if name == "report.html":
        return "html" in formats
    return name.startswith("figures/") and name.rpartition(".")[2] in formats
