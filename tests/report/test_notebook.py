"""Results in notebooks: what they show, the frames they give, and the example, which runs."""

from __future__ import annotations

import subprocess
import sys

import pytest

import bluezone_sim as bz
from helpers.commands import environment
from helpers.paths import ROOT
from helpers.small import scenario

EXAMPLES = sorted((ROOT / "examples").glob("*.ipynb"))


@pytest.fixture(scope="module")
def result():
    return bz.run(scenario(title="<i>"), 3)


@pytest.fixture(scope="module")
def swept():
    return bz.sweep(scenario(), {"phones.off_share": [0.1, 0.6]}, 2, workers=1)


def test_a_run_and_a_sweep_show_figures_and_tables(result, swept):
    for found, n_tables in ((result, 2), (result.metrics, 1), (swept, 2)):
        html = found._repr_html_()
        assert html.count("<table") == html.count("</table>") == n_tables
        assert "<script" not in html
    assert result._repr_html_().count("<svg") == 2
    assert "off_share = 0.6" in swept._repr_html_()
    assert "Difference from off_share = 0.1" in repr(swept)
    assert "What the app finds" in repr(result)


def test_frames_hold_the_table(result, swept):
    pandas = pytest.importorskip("pandas", reason="needs pandas: pip install pandas")
    polars = pytest.importorskip("polars", reason="needs polars: pip install polars")
    for found in (result.metrics, swept):
        table = found.to_arrow()
        frame, other = found.to_pandas(), found.to_polars()
        assert isinstance(frame, pandas.DataFrame)
        assert isinstance(other, polars.DataFrame)
        assert list(frame.columns) == other.columns == table.column_names
        assert frame["recall"].tolist() == other["recall"].to_list() == table["recall"].to_pylist()
    rows = result.to_pandas(), result.to_polars()
    assert [len(r) for r in rows] == [len(result.outcomes)] * 2
    assert set(rows[0]["outcome"]) >= {"warned"}


_RUN = """
import sys, nbclient, nbformat
book = nbformat.read(sys.argv[1], 4)
nbclient.NotebookClient(book, timeout=120).execute()
for cell in book.cells:
    for out in cell.get("outputs", []):
        print(out.get("text", "") or "".join(out.get("data", {}).get("text/html", "")))
"""


@pytest.mark.slow
@pytest.mark.parametrize("path", EXAMPLES, ids=lambda p: p.name)
def test_the_example_runs(path, tmp_path):
    pytest.importorskip("nbclient", reason="needs nbclient: pip install 'bluezone-sim[notebook]'")
    pytest.importorskip("ipykernel", reason="needs ipykernel: pip install 'bluezone-sim[notebook]'")
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", _RUN, str(path)],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("<table") >= 4
    assert "points, 95 %" in done.stdout
    assert (tmp_path / "small-town.html").exists()
    assert not (ROOT / "small-town-sweep").exists()


def test_the_example_is_kept_without_output():
    import json

    assert EXAMPLES
    for path in EXAMPLES:
        book = json.loads(path.read_text(encoding="utf-8"))
        assert not any(cell.get("outputs") for cell in book["cells"])
