"""Every key of a scenario, from its JSON Schema."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from markdown import cell, code, table

from bluezone_sim.scenario import schema

#: What the end of a key's name says of its unit.
_UNITS = (
    ("_per_day", "a day"),
    ("_dbm", "dBm"),
    ("_db", "dB"),
    ("_ms", "ms"),
    ("_s", "s"),
    ("_min", "min"),
    ("minutes", "min"),
    ("_h", "h"),
    ("_days", "days"),
    ("_m", "m"),
    ("_mib", "MiB"),
    ("_share", "share, 0 to 1"),
    ("share", "share, 0 to 1"),
)
_TYPES = {
    "string": "text",
    "integer": "whole number",
    "number": "number",
    "boolean": "true or false",
}
_NONE = object()


def scenario_keys() -> str:
    """A table for each table of a scenario: keys, what they may be, units, defaults, sources."""
    whole = schema()
    pages: list[str] = []
    for title, about, lines in _tables(whole, whole.get("$defs", {}), "", _NONE):
        pages += [f"## {title}", "", about, ""]
        if lines:
            pages += [
                table(("key", "may be", "unit", "default", "what it is, and its source"), lines)
            ]
        pages.append("")
    return "\n".join(pages)


def _tables(
    node: Mapping[str, Any], defs: Mapping[str, Any], path: str, default: Any, *, title: str = ""
) -> Iterator[tuple[str, str, list[list[str]]]]:
    """(heading, text, rows) of an object and of those inside it."""
    lines: list[list[str]] = []
    inner: list[tuple[str, str, dict[str, Any], Any]] = []
    required = set(node.get("required", ()))
    for key, raw in node.get("properties", {}).items():
        value = _resolved(raw, defs)
        given = _default(key, raw, default)
        full = f"{path}.{key}" if path else key
        variants = value.get("oneOf") or value.get("anyOf") or []
        item = _resolved(value.get("items", {}), defs) if value.get("type") == "array" else {}
        if "properties" in value:
            inner.append((f"[{full}]", full, value, given))
        elif variants and all("properties" in _resolved(v, defs) for v in variants):
            inner += _named(f"[{full}]", full, variants, defs)
        elif "properties" in item:
            inner.append((f"[[{full}]]", full, item, _NONE))
        elif item.get("oneOf") and all("properties" in v for v in item["oneOf"]):
            inner += _named(f"[[{full}]]", full, item["oneOf"], defs)
        else:
            told = "required" if key in required and given is _NONE else _told(given)
            about = value.get("description", "") or raw.get("description", "")
            lines.append([code(key), _may_be(value, defs), _unit(key), told, _safe(about)])
    about = _safe(node.get("description", ""))
    yield (f"`{title}`" if title.endswith("]") else title) or "At the top of the file", about, lines
    for heading, full, value, given in inner:
        yield from _tables(value, defs, full, given, title=heading)


def _named(
    heading: str, full: str, variants: list[dict[str, Any]], defs: Mapping[str, Any]
) -> Iterator[tuple[str, str, dict[str, Any], Any]]:
    """Tables whose keys depend on a name in them."""
    for variant in variants:
        value = _resolved(variant, defs)
        name = value.get("title", "")
        known = [p for p in value["properties"].values() if "const" in p]
        about = known[0].get("description", "") if known else value.get("description", "")
        yield f"`{heading}` of `{name}`", full, {**value, "description": about}, _NONE


def _resolved(node: Mapping[str, Any], defs: Mapping[str, Any]) -> dict[str, Any]:
    """A node with its reference followed, and without the "or nothing" of an optional key."""
    out = dict(node)
    if "$ref" in out:
        out = {**defs[out.pop("$ref").rsplit("/", 1)[1]], **out}
    several = out.get("anyOf")
    if several:
        real = [n for n in several if n.get("type") != "null"]
        if len(real) == 1:
            rest = {k: v for k, v in out.items() if k != "anyOf"}
            out = {**_resolved(real[0], defs), **rest}
    return out


def _default(key: str, raw: Mapping[str, Any], above: Any) -> Any:
    """What the table above gives the key, else its own default."""
    if isinstance(above, Mapping) and key in above:
        return above[key]
    return raw.get("default", _NONE)


def _told(value: Any) -> str:
    if value is _NONE:
        return ""
    if value is None:
        return "none"
    if value == "":
        return "empty"
    if isinstance(value, dict):
        return "see its table"
    return cell(value)


def _unit(key: str) -> str:
    return next((unit for end, unit in _UNITS if key.endswith(end)), "")


def _may_be(node: Mapping[str, Any], defs: Mapping[str, Any]) -> str:
    """Type and range in words."""
    if "const" in node:
        return cell(node["const"])
    if "enum" in node:
        return ", ".join(cell(v) for v in node["enum"])
    if "oneOf" in node and all("const" in n for n in node["oneOf"]):
        return ", ".join(cell(n["const"]) for n in node["oneOf"])
    several = node.get("anyOf") or node.get("oneOf")
    if several:
        return " or ".join(dict.fromkeys(_may_be(_resolved(n, defs), defs) for n in several))
    kind = node.get("type", "")
    if kind == "array":
        each = _may_be(_resolved(node.get("items", {}), defs), defs) or "value"
        return f"list{_count(node)} of: {each}"
    if kind == "object":
        more = node.get("additionalProperties")
        each = _may_be(_resolved(more, defs), defs) if isinstance(more, dict) else ""
        return f"table of: {each}" if each else "table"
    if kind == "string" and node.get("format") == "date":
        return "date"
    if kind == "null":
        return "nothing"
    return " ".join(filter(None, [_TYPES.get(kind, kind or "anything"), _range(node)]))


def _count(node: Mapping[str, Any]) -> str:
    least, most = node.get("minItems"), node.get("maxItems")
    if least is not None and least == most:
        return f" of {least}"
    return "".join([f", {least} or more" if least else "", f", {most} at most" if most else ""])


def _range(node: Mapping[str, Any]) -> str:
    marks = (
        ("minimum", "≥"),
        ("exclusiveMinimum", ">"),
        ("maximum", "≤"),
        ("exclusiveMaximum", "<"),
    )
    return ", ".join(f"{mark} {node[name]:,}" for name, mark in marks if name in node)


def _safe(text: str) -> str:
    """Text of a description: its brackets are no links, its stars no emphasis."""
    for sign in "[]*_<>":
        text = text.replace(sign, "\\" + sign)
    return text
