"""A conformance report as files: JUnit XML for CI, a page to show."""

from __future__ import annotations

import io
from xml.etree import ElementTree

import numpy as np

from ..._version import __version__
from ...showing.visible import shown, visible
from .evidence import ERROR, NOT_MEASURED
from .judge import ConformanceReport

#: Points of the figure: enough to see bursts, few enough for a browser.
_POINTS = 20_000


def junit(report: ConformanceReport) -> bytes:
    """JUnit XML, as Jenkins' xUnit (junit-10.xsd) and GitLab read it: a case a measurement.

    Properties belong to the suite: those of a measurement begin with its name. What a case says of itself
    is its ``system-out``. A measurement that is required and was not measured is a failure, another that
    was not measured is skipped.
    """
    suite = ElementTree.Element(
        "testsuite",
        name=_xml(f"bluezone-sim.{report.profile_name}"),
        tests=str(len(report.measurements)),
        failures=str(sum(m.failed and m.outcome != ERROR for m in report.measurements)),
        errors=str(report.count(ERROR)),
        skipped=str(sum(m.outcome == NOT_MEASURED and not m.failed for m in report.measurements)),
        time=f"{report.seconds:.1f}",
        timestamp=report.began,
    )
    values = {
        "profile": report.profile.title,
        "target": ", ".join(report.addresses),
        "name": report.name,
        "packets": len(report.trail.packets),
        "source": report.source,
        "verdict": report.verdict,
        "bluezone-sim": __version__,
    }
    for m in report.measurements:
        facts = {
            "value": "" if m.value is None else m.value,
            "at_least": str(m.at_least).lower(),
            "unit": m.unit,
            "limits": m.limit.text(),
            "source": m.limit.source,
            "detail": m.detail,
        }
        values |= {f"{m.name}.{key}": value for key, value in facts.items()}
    box = ElementTree.SubElement(suite, "properties")
    for name, value in values.items():
        ElementTree.SubElement(box, "property", name=name, value=_xml(str(value)))
    for m in report.measurements:
        case = ElementTree.SubElement(
            suite, "testcase", classname=_xml(report.profile_name), name=m.name, time="0"
        )
        said = _xml(f"{m.value_text()} {m.unit}, limits {m.limit.text()}; {m.detail}")
        if m.outcome == ERROR:
            ElementTree.SubElement(case, "error", message=_xml(m.detail))
        elif m.failed:
            # GitLab shows the text of a failure, Jenkins its message.
            missing = f"required, but not measured: {m.detail}"
            message = _xml(missing) if m.outcome == NOT_MEASURED else said
            text = f"{message}\n{_xml(m.limit.source)}"
            ElementTree.SubElement(case, "failure", message=message).text = text
        elif m.outcome == NOT_MEASURED:
            ElementTree.SubElement(case, "skipped", message=_xml(m.detail))
        ElementTree.SubElement(case, "system-out").text = said
    suites = ElementTree.Element("testsuites")
    suites.append(suite)
    ElementTree.indent(suites)
    out: bytes = ElementTree.tostring(suites, encoding="utf-8", xml_declaration=True)
    return out


def _xml(text: str) -> str:
    """Without the characters that XML 1.0 has no way to write, and those that deceive."""
    return visible(text, keep="\n\t")


_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Conformance: {{ r.profile.title }}</title>
<style>
:root { color-scheme: light dark; --ink: #1b1f24; --quiet: #57606a; --line: #d8dee4; --good: #116329;
        --bad: #a40e26; --odd: #6639ba; --none: #7d4e00;
        --good-box: #dafbe1; --bad-box: #ffebe9; --page: #fff; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6edf3; --quiet: #9aa4af; --line: #30363d; --good: #56d364; --bad: #ff7b72;
          --odd: #d2a8ff; --none: #e3b341; --good-box: #12261e; --bad-box: #301b1e; --page: #0d1117; } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--page); max-width: 70rem;
       margin: 2rem auto; padding: 0 1rem; } p { overflow-wrap: anywhere; }
h1 { font-size: 1.5rem; margin-bottom: 0; } .sub { color: var(--quiet); margin-top: .2rem; }
table { border-collapse: collapse; width: 100%; margin: 1.2rem 0; }
th, td { text-align: left; vertical-align: top; padding: .4rem .6rem;
         border-bottom: 1px solid var(--line); }
th { font-weight: 600; white-space: nowrap; }
td.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.about { color: var(--quiet); font-size: .87em; }
.o { font-weight: 600; white-space: nowrap; } .pass { color: var(--good); } .fail { color: var(--bad); }
.error { color: var(--odd); } .not { color: var(--none); }
svg { width: 100%; height: auto; background: #fff; border-radius: 4px; }
.verdict { font-size: 1.1rem; padding: .6rem .9rem; border-left: 5px solid; margin: 1.2rem 0; }
.verdict.pass { background: var(--good-box); } .verdict.fail { background: var(--bad-box); }
@media (max-width: 40rem) {
  body { margin-top: 1rem; } table, tbody { display: block; } tr:first-child { display: none; }
  tr { display: grid; grid-template-columns: 1fr auto; padding: .5rem 0;
       border-bottom: 1px solid var(--line); }
  td { border: 0; padding: .1rem 0; } td.n, td.l, td.d { grid-column: 1 / 3; }
  td.n { text-align: left; } td.n::before { content: "measured "; } td.l::before { content: "limits "; } }
</style></head><body>
<h1>{{ r.profile.title }}</h1>
<p class="sub">profile {{ r.profile_name }}, {{ r.began }}, {{ "%.0f"|format(r.seconds) }} s,
{{ "{:,}".format(n) }} packets, from {{ r.source }}</p>
<p>Phone {{ r.addresses|join(", ") }}{% if r.name %}, named “{{ r.name }}”{% endif %}
{%- if r.others %}; {{ r.others }} other phone{{ "s" if r.others > 1 }} of this protocol
{{ "were" if r.others > 1 else "was" }} heard{% endif %}.</p>
<p class="verdict {{ 'fail' if r.failed else 'pass' }}">
{{ r.verdict }}{% if missed %}: {{ missed|join(", ") }}{% endif %}</p>
<table>
<tr><th>measurement</th><th>outcome</th><th>value</th><th>limits</th><th>detail</th></tr>
{% for m in r.measurements %}<tr>
<td>{{ m.name }}<div class="about">{{ m.about }}</div></td>
<td class="o {{ m.outcome.split()[0] }}">{{ m.outcome }}</td>
<td class="n">{{ m.value_text() }} {{ m.unit }}</td>
<td class="l">{{ m.limit.text() }}<div class="about">{{ m.limit.source }}</div></td>
<td class="d">{{ m.detail }}</td></tr>
{% endfor %}</table>
{{ figure }}
<p class="about">RSSI of the phone's packets over time; a colour an identifier.
bluezone-sim {{ version }}</p>
</body></html>
"""


def html(report: ConformanceReport) -> bytes:
    """A self-contained page; what came from the air is escaped."""
    from jinja2 import Environment
    from markupsafe import Markup

    page = Environment(autoescape=True, finalize=shown).from_string(_PAGE)
    text: str = page.render(
        r=report,
        n=len(report.trail.packets),
        missed=[m.name for m in report.measurements if m.failed],
        figure=Markup(_figure(report)),  # drawn here, from numbers alone
        version=__version__,
    )
    return text.encode()


def _figure(report: ConformanceReport) -> str:
    """RSSI over time as SVG."""
    import matplotlib

    matplotlib.use("svg")
    from matplotlib.figure import Figure

    trail = report.trail
    step = max(1, len(trail.packets) // _POINTS)
    time_s = (trail.packets.time_us[::step] - trail.packets.time_us[0]) / 1e6
    colours = np.where(trail.identifier[::step] < 0, 7, trail.identifier[::step] % 7)
    figure = Figure(figsize=(9, 2.8), layout="constrained")
    axes = figure.add_subplot()
    axes.scatter(
        time_s, trail.packets.rssi_dbm[::step], s=5, c=colours, cmap="Dark2", vmin=0, vmax=7
    )
    axes.set_xlabel("time (s)")
    axes.set_ylabel("RSSI (dBm)")
    axes.grid(visible=True, alpha=0.25)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    text = io.StringIO()
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "bluezone-sim"}):
        figure.savefig(text, format="svg", metadata={"Date": None})
    svg = text.getvalue()
    return svg[svg.index("<svg") :]
