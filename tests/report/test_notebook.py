"""Results in notebooks: what they show, the frames they give, and the example, which runs."""

from __future__ import annotations

import subprocess
import sys
from types import SimpleNamespace

import pytest

import bluezone_sim as bz
from bluezone_sim.report import notebook_bar
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


def test_the_arms_of_a_sweep_are_a_frame(swept):
    pytest.importorskip("pandas", reason="needs pandas: pip install pandas")
    table, frame = swept.arms.to_arrow(), swept.arms.to_pandas()
    assert table.column_names[:4] == ["arm", "rule", "phones.off_share", "seeds"]
    assert list(frame.columns) == table.column_names
    assert len(frame) == sum(len(arm.metrics) for arm in swept.arms) == 6
    assert frame["phones.off_share"].tolist() == [0.1] * 3 + [0.6] * 3
    assert set(frame["seeds"]) == {2}
    for arm in swept.arms:
        mine = frame[frame["arm"] == arm.label]
        assert mine["recall"].tolist() == [level.recall for level in arm.metrics]
        assert mine["users"].tolist() == [level.users for level in arm.metrics]
    assert len(swept.stationary.to_polars()) == 6


def test_a_cell_shows_one_thing_whose_text_is_the_table(result, swept):
    formatters = pytest.importorskip("IPython.core.formatters", reason="needs IPython")
    for found, head in (
        (result, "What the app finds"),
        (result.metrics, "recall"),
        (swept, "Difference from off_share = 0.1"),
        (result.scenario, "population.people"),
    ):
        data, _ = formatters.DisplayFormatter().format(found)
        assert set(data) == {"text/plain", "text/html"}
        assert head in data["text/plain"]
        assert "───" in data["text/plain"]
        assert data["text/html"].count("<table") >= 1
        assert "<i>" not in data["text/html"]


def test_the_text_is_not_shown_by_itself_in_a_notebook(result, swept, monkeypatch):
    """Rich takes a kernel for a place to show things, whatever file it is given."""
    pytest.importorskip("IPython", reason="needs IPython")
    shown = []
    outside = [repr(found) for found in (result, result.metrics, swept)]
    monkeypatch.setattr("rich.console._is_jupyter", lambda: True)
    monkeypatch.setattr("IPython.display.display", lambda *what, **how: shown.append(what))
    assert [repr(found) for found in (result, result.metrics, swept)] == outside
    result.scenario._repr_mimebundle_()
    assert shown == []


def test_a_scenario_shows_what_is_no_default(result):
    shown = result.scenario._repr_mimebundle_()["text/plain"]
    rows = dict(
        line.split(maxsplit=1) for line in map(str.strip, shown.splitlines()) if " " in line
    )
    assert rows["population.people"] == "300"
    assert rows["adoption.levels"] == "[0.3, 0.6, 1.0]"
    assert rows["population.districts"] == "2: A, B"
    assert rows["protocol.name"] == "bluezone"
    assert rows["rule.name"] == "any-match"
    assert not any(key.startswith("radio") for key in rows)


class _Widgets:
    """What the bar asks of ipywidgets."""

    def __init__(self):
        self.made = []

    def _new(self, kind):
        made = SimpleNamespace(kind=kind, closed=False, seen=[], value=0.0, bar_style="")
        made.close = lambda: setattr(made, "closed", True)
        self.made.append(made)
        return made

    def FloatProgress(self, **limits):  # noqa: N802
        assert limits == {"min": 0.0, "max": 1.0}
        return self._new("bar")

    def Label(self):  # noqa: N802
        return self._new("label")

    def HBox(self, parts):  # noqa: N802
        return tuple(parts)


@pytest.fixture
def in_notebook(monkeypatch):
    """A kernel with ipywidgets, and what is displayed."""
    pytest.importorskip("IPython", reason="needs IPython")
    import IPython
    import IPython.display

    widgets, shown = _Widgets(), []

    def display(what, display_id=None):
        assert display_id is True
        shown.append(what)
        return SimpleNamespace(update=lambda data, raw: shown.append(data))

    monkeypatch.setitem(sys.modules, "ipywidgets", widgets)
    monkeypatch.setattr(IPython, "get_ipython", lambda: SimpleNamespace(kernel=object()))
    monkeypatch.setattr(IPython.display, "display", display)
    return widgets, shown


def test_a_notebook_has_a_bar_that_goes_away(in_notebook, monkeypatch):
    widgets, shown = in_notebook
    bz.run(scenario(), 3)
    assert shown == []  # over in less than a second
    monkeypatch.setattr(notebook_bar, "_PATIENCE_S", 0.0)
    bz.run(scenario(), 3)
    bar, label = widgets.made
    assert shown == [(bar, label), {"text/plain": ""}]
    assert 0.5 < bar.value <= 1.0
    assert label.value
    assert bar.closed
    assert label.closed
    bz.sweep(scenario(), {"phones.off_share": [0.1, 0.6]}, 1, workers=1)
    assert [made.value for made in widgets.made[2:]] == [1.0, "2 of 2 simulations"]
    seen = []
    bz.run(scenario(), 3, progress=lambda done, stage: seen.append(done))
    assert len(widgets.made) == 4
    assert seen


def test_no_bar_outside_of_notebooks_or_without_ipywidgets(in_notebook, monkeypatch):
    widgets, shown = in_notebook
    monkeypatch.setattr(notebook_bar, "_PATIENCE_S", 0.0)
    monkeypatch.setitem(sys.modules, "ipywidgets", None)
    bz.run(scenario(), 3)
    monkeypatch.setitem(sys.modules, "ipywidgets", widgets)
    monkeypatch.setattr("IPython.get_ipython", lambda: SimpleNamespace())
    bz.run(scenario(), 3)
    assert shown == widgets.made == []


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
