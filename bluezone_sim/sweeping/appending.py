"""Appends to a sweep's directory: one writer, one job at a time, each whole or not at all."""

from __future__ import annotations

import datetime as dt
import json
import os
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from .._version import NUMERIC_VERSION, SCHEMA_VERSION, __version__
from ..errors import FormatError, InputError
from ..files import (
    DIGESTS,
    Digests,
    digest_of,
    disk,
    faults_of,
    list_files,
    make_folder,
    named,
    read_digests,
    recover,
    remove_leftovers,
    whole_folder,
    write_file,
    write_listed,
)
from ..scenario import resolved_toml
from ..scenario.by_protocol import filled_tables
from .lock import locked
from .plan import SweepPlan, base_of
from .store import (
    CAMPAIGN,
    EPIDEMIC,
    HISTOGRAMS,
    OF_JOBS,
    RESULTS,
    TIMINGS,
    Store,
    name_digest,
    of_jobs,
    read_table,
)
from .work import Done, parquet

#: Of a list of this many files, one may wait to be listed: so a long sweep does not write its list anew
#: with every job, and a killed one has at most a few jobs of which a missing file would not be told.
_LISTED_A_WAITING_ONE = 256


class Appending(Store):
    """A sweep's directory, open for more: :meth:`writing` holds it."""

    def __init__(self, path: Path):
        super().__init__(path)
        #: Digests by place: of files that are not in the list yet, and how many there are in it.
        self._waiting: dict[str, str] = {}
        self._n_listed = 0

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
        elif self.path.is_dir() and any(
            p.name not in ("lock", DIGESTS) for p in self.path.iterdir()
        ):
            raise InputError(f"{self.path}: holds other files and no sweep; give another --out")
        text = _document(plan, base, axes)
        path = self.path / "sweep.json"
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            with self._kept():
                write_listed(self.path, {"sweep.json": text.encode()}, "sweep")

    def _create(self, plan: SweepPlan, folders: Sequence[str]) -> None:
        """The directory of a new sweep, whole: with what it is a sweep of, and nothing done."""
        axes = {key: list(values) for key, values in plan.axes.items()}
        text = _document(plan, base_of(plan.scenario, plan.axes), axes)
        with whole_folder(self.path, "sweep") as part:
            (part / "sweep.json").write_bytes(text.encode())
            for folder in folders:
                (part / folder).mkdir()

    @contextmanager
    def writing(self, plan: SweepPlan, warn: Callable[[str], None]) -> Iterator[set[str]]:
        """Holds the directory for ``plan``; gives the ids of the tasks that are done.

        Args:
            plan: what is to be run.
            warn: told of each damaged file, which is moved away so that its tasks are done again.

        Raises:
            InputError: another sweep holds it, it cannot be written, or it is not one of ``plan``.
        """
        folders = [RESULTS, HISTOGRAMS, TIMINGS]
        if any(point.scenario.campaign for point in plan.points):
            folders.append(CAMPAIGN)
        if any(point.scenario.epidemic for point in plan.points):
            folders.append(EPIDEMIC)
        recover(self.path)
        if not os.path.lexists(self.path):
            try:
                self._create(plan, folders)
            except InputError:
                if not os.path.isdir(self.path):  # else another sweep was first
                    raise
        make_folder(self.path)
        self._check_theirs()
        with locked(self.path / "lock"):
            remove_leftovers(self.path)
            listed = self._admit(warn)
            self.claim(plan)
            for folder in folders:
                make_folder(self.path / folder)
                remove_leftovers(self.path / folder)
            done = self._checked(listed, warn)
            try:
                yield done
            except BaseException:
                with suppress(InputError):  # such as the full disk that ended it
                    self._list()
                raise
            self._list()

    def _check_theirs(self) -> None:
        """Raises InputError for a folder of something else, before a lock is left in it."""
        if (self.path / "sweep.json").exists():
            return
        with suppress(FormatError):
            listed = read_digests(self.path)
            if listed is not None:
                if listed.holds == "sweep":
                    return  # whose sweep.json is gone, as will be told
                raise InputError(
                    f"{self.path}: holds {listed.what} and no sweep; give another --out"
                )
        with named(self.path):
            there = [path for path in self.path.iterdir() if path.is_file()]
        if any(path.name not in ("lock", DIGESTS, "sweep.json") for path in there):
            raise InputError(f"{self.path}: holds other files and no sweep; give another --out")

    def _admit(self, warn: Callable[[str], None]) -> Digests:
        """What is listed, of a directory whose other files than jobs' are as they were written."""
        try:
            listed = read_digests(self.path)
            if listed is None and (self.path / "sweep.json").exists():
                if DIGESTS in self.about().values():
                    raise FormatError(f"{self.path / DIGESTS}: missing")
                listed = self._list_earlier()
        except FormatError as error:
            if (self.path / "sweep.json").exists():
                self.about()  # told first where that is at fault
            # Jobs' files tell their own digests, and the sweep's document is checked against the plan.
            warn(f"{error}; made anew, from files that tell their own digests")
            if (self.path / DIGESTS).exists():
                with named(self.path):
                    disk.DISK.remove(self.path / DIGESTS)
            listed = self._list_earlier()
        if listed is None:
            return Digests("sweep")
        if listed.holds != "sweep":
            raise InputError(f"{self.path}: holds {listed.what} and no sweep; give another --out")
        faults = faults_of(self.path, listed, of_jobs)
        if faults:
            name = faults[0].name
            raise FormatError(f"{self.path / name}: {faults[0].what}; {self.remedy(name)}")
        return listed

    def _list_earlier(self) -> Digests:
        """A list where there was none: jobs' files join it when they have been read."""
        of_reports = sorted(p for p in (self.path / "figures").glob("*") if p.is_file())
        paths = (self.path / "sweep.json", self.path / "report.html", *of_reports)
        mine = {
            p.relative_to(self.path).as_posix(): digest_of(p.read_bytes())
            for p in paths
            if p.is_file()
        }
        list_files(self.path, mine, "sweep")
        return Digests("sweep", mine)

    def _checked(self, listed: Digests, warn: Callable[[str], None]) -> set[str]:
        """The tasks that are done. What is at fault is told, and what is whole is what is listed."""
        known = {name for name in listed.names if of_jobs(name)}
        self._n_listed = len(known)
        done: set[str] = set()
        #: Jobs by the folder in which something of them is there.
        there: dict[str, set[str]] = {name: set() for name in OF_JOBS}
        aside: set[str] = set()
        kept: set[str] = set()
        twice: list[str] = []
        for folder, name, data, table in self._whole(aside, warn):
            job = _job_of(name)
            if job in there[folder]:
                twice.append(name)
                continue
            there[folder].add(job)
            kept.add(name)
            if name not in known:
                self._waiting[name] = digest_of(data)
            needed = [HISTOGRAMS]
            needed += [CAMPAIGN] if "campaign_recall" in table.column_names else []
            needed += [EPIDEMIC] if "epidemic_baseline_attack_rate" in table.column_names else []
            if folder == RESULTS and all(job in there[of] for of in needed):
                done.update(table["task"].to_pylist())
        for name in sorted(known - kept - aside - set(twice)):
            warn(f"{self.path / name}: missing{_again(name)}")
        self._list(gone=known - kept)
        self._remove(twice)
        return done

    def _whole(
        self, aside: set[str], warn: Callable[[str], None]
    ) -> Iterator[tuple[str, str, bytes, Any]]:
        """Folder, place, bytes and table of jobs' files; those that are damaged are set aside."""
        for folder in (TIMINGS, HISTOGRAMS, CAMPAIGN, EPIDEMIC, RESULTS):
            for path in self.files(folder):
                name = f"{folder}/{path.name}"
                try:
                    data, table = read_table(path)
                except FormatError as error:
                    aside.add(name)
                    warn(f"{error}; moved to {self._set_aside(name)}{_again(name)}")
                else:
                    yield folder, name, data, table

    def _set_aside(self, name: str) -> Path:
        aside = self.path / "corrupt" / name.replace("/", "-")
        make_folder(aside.parent)
        with named(self.path):
            disk.DISK.rename(self.path / name, aside)
            disk.DISK.sync(aside.parent)
        return aside

    def _list(self, gone: Collection[str] = ()) -> None:
        """Lists what is waiting, and takes out what is to go."""
        if not self._waiting and not gone:
            return
        with self._kept():
            list_files(self.path, self._waiting, "sweep", gone=gone)
        self._n_listed += len(self._waiting) - len(gone)
        self._waiting = {}

    def add(self, done: Done) -> None:
        """Appends a job; its results come last, and with them its tasks count as done."""
        import pyarrow as pa

        now = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
        timing = pa.Table.from_pylist([{**done.timing, "finished": now}])
        earlier: list[str] = []
        for folder, data in (
            (HISTOGRAMS, done.histograms),
            (CAMPAIGN, done.campaign),
            (EPIDEMIC, done.epidemic),
            (TIMINGS, parquet(timing)),
            (RESULTS, done.results),
        ):
            if data is None:
                continue
            path = self.path / folder / f"{done.job}-{name_digest(data)}.parquet"
            with self._kept():
                write_file(path, data)
            self._waiting[f"{folder}/{path.name}"] = digest_of(data)
            others = path.parent.glob(f"{done.job}-{'[0-9a-f]' * 16}.parquet")
            earlier += [f"{folder}/{p.name}" for p in others if p != path]
        if earlier or len(self._waiting) * _LISTED_A_WAITING_ONE >= self._n_listed:
            self._list(gone=earlier)
        self._remove(earlier)

    def _remove(self, names: Sequence[str]) -> None:
        """Removes files of attempts that were cut short, which are no longer listed."""
        with named(self.path):
            for name in names:
                disk.DISK.remove(self.path / name)

    @contextmanager
    def _kept(self) -> Iterator[None]:
        try:
            yield
        except InputError as error:
            raise InputError(f"{error}; what is done is kept") from None


def _document(plan: SweepPlan, base: dict[str, Any], axes: dict[str, list[Any]]) -> str:
    """``sweep.json``."""
    about = {
        "schema_version": SCHEMA_VERSION,
        "numeric_version": NUMERIC_VERSION,
        "bluezone_sim": __version__,
        "digests": DIGESTS,
        "axes": axes,
        "base": base,
        "scenario": resolved_toml(plan.scenario, stored=True),
        "left_to_protocol": filled_tables(plan.scenario),
    }
    return json.dumps(about, indent=2, ensure_ascii=False) + "\n"


def _again(name: str) -> str:
    return "" if name.startswith(TIMINGS) else "; its tasks are run again"


def _job_of(name: str) -> str:
    return name.rpartition("/")[2].partition("-")[0]


def _names(axes: Any) -> str:
    return ", ".join(axes) or "adoption alone"
