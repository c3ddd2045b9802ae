"""What Jenkins' xUnit and GitLab accept as JUnit XML, as rules.

The rules are those of junit-10.xsd (jenkinsci/xunit-plugin, MIT): elements, what each may hold, in
which attributes, and which of these are required. GitLab (docs.gitlab.com/ci/testing/unit_test_reports)
reads a subset, and of several cases of one name the first only.
"""

from __future__ import annotations

import re
from xml.etree import ElementTree

#: Element: (children, required attributes, other attributes).
_RULES: dict[str, tuple[set[str], set[str], set[str]]] = {
    "testsuites": ({"testsuite"}, set(), {"name", "time", "tests", "failures", "errors"}),
    "testsuite": (
        {"testsuite", "properties", "testcase", "system-out", "system-err"},
        {"name", "tests", "failures", "errors"},
        {
            *("group", "time", "skipped", "timestamp", "hostname", "id", "package", "file", "log"),
            "url",
        },
    ),
    "testcase": (
        {
            *("skipped", "error", "failure", "system-out", "system-err"),
            *("rerunFailure", "rerunError", "flakyFailure", "flakyError"),
        },
        {"name"},
        {"time", "classname", "group"},
    ),
    "properties": ({"property"}, set(), set()),
    "property": (set(), {"name", "value"}, set()),
    **{name: (set(), set(), {"type", "message"}) for name in ("failure", "error", "skipped")},
    **{name: (set(), set(), set()) for name in ("system-out", "system-err")},
}
_HOLDS_TEXT = {"failure", "error", "skipped", "system-out", "system-err"}
_TIME = re.compile(r"(([0-9]{0,3},)*[0-9]{3}|[0-9]{0,3})*(\.[0-9]*)?")


def faults(document: bytes) -> list[str]:
    """Sentences: where a document breaks the schema; none where it keeps it."""
    root = ElementTree.fromstring(document)
    if root.tag not in ("testsuites", "testsuite"):
        return [f"root {root.tag}"]
    out = list(_faults(root))
    names = [(c.get("classname"), c.get("name")) for c in root.iter("testcase")]
    if len(set(names)) < len(names):
        out.append("GitLab: two cases of one name")
    for suite in root.iter("testsuite"):
        cases = suite.findall("testcase")
        counts = {"tests": len(cases), "skipped": _with(cases, "skipped")}
        counts |= {"failures": _with(cases, "failure"), "errors": _with(cases, "error")}
        out += [
            f"{k}: {suite.get(k)}, but {n}" for k, n in counts.items() if suite.get(k) != str(n)
        ]
    return out


def _with(cases, name):
    return sum(case.find(name) is not None for case in cases)


def _faults(element):
    children, required, others = _RULES[element.tag]
    for name in required - set(element.attrib):
        yield f"{element.tag}: no {name}"
    for name in set(element.attrib) - required - others:
        yield f"{element.tag}: attribute {name}"
    if element.tag in ("testsuite", "testsuites") and not _TIME.fullmatch(element.get("time", "")):
        yield f"{element.tag}: time {element.get('time')}"
    if element.tag not in _HOLDS_TEXT and (element.text or "").strip():
        yield f"{element.tag}: text"
    for child in element:
        if child.tag not in children:
            yield f"{child.tag} in {element.tag}"
        else:
            yield from _faults(child)
