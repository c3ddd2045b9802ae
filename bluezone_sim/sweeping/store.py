"""A sweep's directory, and how it is read.

::

    DIR/sweep.json                                what it is a sweep of: scenario, axes, versions
    DIR/results.parquet/<job>-<digest>.parquet    a row a task; the same bytes on any machine
    DIR/histograms.parquet/<job>-<digest>.parquet
    DIR/campaign.parquet/<job>-<digest>.parquet   a row a day, where the scenario has a campaign
    DIR/epidemic.parquet/<job>-<digest>.parquet   a row an arm, where the scenario has an epidemic
    DIR/timings.parquet/<job>-<digest>.parquet    seconds and memory, which differ
    DIR/digests.json                              SHA-256 of all of these
    DIR/corrupt/                                  files that did not hold what their names say
    DIR/lock                                      held while a sweep writes

The name of a job's file holds 64 bits of the SHA-256 of its bytes, so it tells damage also while it is
not listed in ``digests.json``: from when it is written until the list is, which follows at once or, where
the list is long, after a few jobs. What is listed cannot go missing unnoticed. Names that start with a
dot are being written.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ..errors import FormatError, InputError
from ..files import DIGESTS, check_digests, digest_of, read_document, recover
from ..reading.bounded import reading_as
from ..reading.parquet import arrow
from ..scenario.model import Scenario
from ..scenario.stored import stored_text
from ..storage.run_load import report_again

RESULTS, HISTOGRAMS, TIMINGS = "results.parquet", "histograms.parquet", "timings.parquet"
CAMPAIGN, EPIDEMIC = "campaign.parquet", "epidemic.parquet"
OF_JOBS = (RESULTS, HISTOGRAMS, TIMINGS, CAMPAIGN, EPIDEMIC)
#: The name of a job's file: the job, and the digest of the bytes.
_NAME = re.compile(r"[0-9a-f]+-[0-9a-f]{16}\.parquet")
#: What is taken out of ``sweep.json``.
_ABOUT: dict[str, type] = {"numeric_version": int, "axes": dict, "base": dict, "scenario": str}


def name_digest(data: bytes) -> str:
    """What the name of a job's file holds of its bytes: 64 bits of their SHA-256."""
    return digest_of(data)[:16]


def of_jobs(name: str) -> bool:
    """Whether a place in a sweep's directory is a job's, of which the name tells what it should hold."""
    return name.partition("/")[0] in OF_JOBS


class Store:
    """A sweep's directory, open for reading; see :class:`bluezone_sim.sweeping.appending.Appending`."""

    def __init__(self, path: Path):
        self.path = path

    # -- what it is a sweep of ------------------------------------------------------------------------

    def check(self, passing_over: Callable[[str], bool] = lambda name: False) -> None:
        """Checks all that is listed, before it is read.

        Args:
            passing_over: files whose damage does not matter, being about to be written anew.

        Raises:
            InputError: it holds something else.
            FormatError: a file is damaged or missing.
        """
        recover(self.path)
        check_digests(self.path, "sweep", "sweep.json", self.remedy, passing_over)

    def remedy(self, name: str) -> str:
        """What to do where this file is damaged or missing."""
        if of_jobs(name):
            return "the same `bluezone-sim sweep` again has it redone"
        if name == DIGESTS:
            return "the same `bluezone-sim sweep` again makes it anew"
        return report_again(self.path, name) or (
            "copy it again from where the sweep came, or give another --out"
        )

    def about(self) -> dict[str, Any]:
        """``sweep.json``.

        Raises:
            InputError: there is none, or it cannot be read.
            FormatError: it is damaged, or of another schema version.
        """
        about = read_document(self.path / "sweep.json", "a sweep")
        with reading_as("a sweep's", self.path / "sweep.json"):
            for key, kind in _ABOUT.items():
                if not isinstance(about[key], kind):
                    raise TypeError(f"{key}: expected {kind.__name__}")
            if not all(isinstance(values, list) for values in about["axes"].values()):
                raise TypeError("axes: expected lists")
            if not all(isinstance(name, str) for name in about.get("left_to_protocol", ())):
                raise TypeError("left_to_protocol: expected names")
        return about

    def scenario(self) -> Scenario:
        """What the grid changed."""
        about, source = self.about(), f"{self.path / 'sweep.json'}"
        return stored_text(about["scenario"], source, about.get("left_to_protocol", ()))

    # -- reading --------------------------------------------------------------------------------------

    def files(self, folder: str) -> list[Path]:
        """The files of jobs in one of the folders, by name; what else is there is somebody else's."""
        path = self.path / folder
        if not path.is_dir():
            return []
        return sorted(p for p in path.iterdir() if _NAME.fullmatch(p.name))

    def results(self) -> Any:
        """Every task that is done, as one table: a row a task, each once.

        Raises:
            FormatError: a file is damaged; run the sweep again to have it redone.
            InputError: nothing is done yet.
        """
        import pyarrow as pa

        whole = self._all(RESULTS)
        if whole is None:
            raise InputError(f"{self.path}: holds no result yet")
        seen: set[str] = set()
        keep = [not (task in seen or seen.add(task)) for task in whole["task"].to_pylist()]  # type: ignore[func-returns-value]
        return whole.filter(pa.array(keep))

    def histograms(self) -> Any:
        """Distributions, by the task of a job's highest level; None where there are none."""
        return self._all(HISTOGRAMS)

    def campaign(self) -> Any:
        """Days of campaigns, each once; None where there are none."""
        # Jobs with other levels of one point and seed have the same days.
        return self._once(CAMPAIGN, ("task", "measures", "day"))

    def epidemic(self) -> Any:
        """Arms of epidemics, each once; None where there are none."""
        return self._once(EPIDEMIC, ("task", "arm_index"))

    def _once(self, folder: str, names: Sequence[str]) -> Any:
        """The rows of a folder that differ in some columns."""
        import pyarrow as pa

        whole = self._all(folder)
        if whole is None:
            return None
        keys = zip(*(whole[k].to_pylist() for k in names), strict=True)
        seen: set[Any] = set()
        keep = [not (key in seen or seen.add(key)) for key in keys]  # type: ignore[func-returns-value]
        return whole.filter(pa.array(keep))

    def timings(self) -> Any:
        """Seconds and memory by job; None where there are none."""
        return self._all(TIMINGS)

    def _all(self, folder: str) -> Any:
        import pyarrow as pa

        tables = [read_table(path)[1] for path in self.files(folder)]
        # A column of an axis is of no type in the jobs where the key has no value.
        return pa.concat_tables(tables, promote_options="default") if tables else None


def read_table(path: Path) -> tuple[bytes, Any]:
    """The bytes and the table of a file of which the bytes are those that its name says.

    Raises:
        FormatError: they are not, or not a table.
        InputError: it cannot be read.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from None
    if not path.stem.endswith(f"-{name_digest(data)}"):
        raise FormatError(
            f"{path}: damaged (its {len(data):,} bytes are not those that were written)"
        )
    # Without Arrow's threads: where Python ends while one still holds the bytes, it ends by SIGABRT.
    with arrow(path, "a table of a sweep"):
        return data, pq.ParquetFile(pa.BufferReader(data)).read(use_threads=False)
