"""Makes the schemas from the dataclasses and shapes: ``python -m bluezone_sim.schemas.make``."""

from __future__ import annotations

import inspect
import json
import re
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema

from .._version import SCHEMA_VERSION
from ..ble.drive.drive_result import Drive
from ..files import write_file
from ..storage.verify import Verification
from ..world.trace_summary import TraceInfo
from . import air, benches, checks, phones, results
from .published import FOLDER, URN

_VERSION = {"schema_version": {"type": "integer"}}
#: By name: the type that is printed, and what the command puts beside a dataclass's fields.
_PRINTED: dict[str, tuple[Any, dict[str, Any]]] = {
    "run": (results.Run, {}),
    "sweep": (results.Sweep, {}),
    "compare": (results.Comparison, {}),
    "verify": (Verification, _VERSION),
    "match": (phones.Match, {}),
    "keys-check": (phones.KeysCheck, {}),
    "import": (phones.Import, {}),
    "matrix": (checks.Matrix, {}),
    "trace-info": (TraceInfo, {**_VERSION, "file": {"type": "string"}}),
    "validate-radio": (checks.ValidateRadio, {}),
    "validate-contacts": (checks.ValidateContacts, {}),
    "validate-cascades": (checks.ValidateCascades, {}),
    "validate-epidemic": (checks.ValidateEpidemic, {}),
    "validate-tracing": (checks.ValidateTracing, {}),
    "bench": (list[benches.Figure], {}),
    "bench-engine": (benches.BenchEngine, {}),
    "bench-limit": (benches.BenchLimit, {}),
    "bench-epidemic": (benches.BenchEpidemic, {}),
    "ble-adapters": (air.Adapters, {}),
    "ble-scan": (air.Scan, {}),
    "ble-scan-line": (air.ScanLine, {}),
    "ble-record": (air.Scan, {}),
    "ble-read": (air.Read, {}),
    "ble-advertise": (air.Advertise, {}),
    "ble-drive": (Drive, _VERSION),
    "ble-conformance": (air.Conformance, {}),
    "ble-range": (air.Range, {}),
    "ble-matrix": (air.RealMatrix, {}),
}


class _Printed(GenerateJsonSchema):
    """What is printed has every field of a dataclass, those with a default too."""

    def field_is_required(self, field: Any, total: bool) -> bool:
        return field["type"] == "dataclass-field" or super().field_is_required(field, total)

    def dataclass_schema(self, schema: Any) -> dict[str, Any]:
        """With the docstring, which earlier versions of pydantic leave out."""
        made = super().dataclass_schema(schema)
        return made | {"description": inspect.cleandoc(schema["cls"].__doc__ or "")}


def make() -> dict[str, dict[str, Any]]:
    """Every schema by name (JSON Schema, draft 2020-12)."""
    return {name: _schema(name, *printed) for name, printed in _PRINTED.items()}


def _schema(name: str, printed: Any, beside: dict[str, Any]) -> dict[str, Any]:
    adapter: TypeAdapter[Any] = TypeAdapter(printed)
    made = adapter.json_schema(schema_generator=_Printed)
    for part in (made, *made.get("$defs", {}).values()):
        _tidy(part)
    # A level is printed with what packages measure of it beside its own numbers.
    if level := made.get("$defs", {}).get("LevelMetrics"):
        level["additionalProperties"] = level["properties"].pop("others")["additionalProperties"]
        level["required"].remove("others")
    if beside:
        made["properties"] = {**beside, **made["properties"]}
        made["required"] = [*beside, *made["required"]]
    if version := made.get("properties", {}).get("schema_version"):
        version["const"] = SCHEMA_VERSION
    head = {
        "$schema": GenerateJsonSchema.schema_dialect,
        "$id": f"{URN}:{name}:{SCHEMA_VERSION}",
        "title": f"bluezone-sim {name.replace('-', ' ')}, version {SCHEMA_VERSION}",
    }
    return head | made


def _tidy(part: dict[str, Any]) -> None:
    """Docstrings to descriptions of the object and its properties; no titles that repeat names."""
    part.pop("title", None)
    text, _, attributes = part.get("description", "").partition("\n\nAttributes:\n")
    if text:
        part["description"] = " ".join(text.split("\n\n")[0].split())
    about = _attributes(attributes.split("\n\n")[0])
    for name, field in part.get("properties", {}).items():
        for key in ("title", "default"):
            field.pop(key, None)
        if field.get("format") == "path":  # no format of JSON Schema
            del field["format"]
        if name in about and "description" not in field:
            field["description"] = about[name]


def _attributes(text: str) -> dict[str, str]:
    """By name; what several share is said of each."""
    out: dict[str, str] = {}
    for item in re.split(r"\n {4}(?=\S)", f"\n{text}"):
        names, sign, said = item.partition(": ")
        if sign:
            out |= {name.strip(): _sentence(said) for name in names.split(",")}
    return out


def _sentence(said: str) -> str:
    text = " ".join(said.split())
    return text[:1].upper() + text[1:]


def main() -> None:
    """Writes them into the package."""
    for name, schema in make().items():
        write_file(Path(str(FOLDER)) / f"{name}.json", text_of(schema))


def text_of(schema: dict[str, Any]) -> str:
    """A schema as its file has it."""
    return json.dumps(schema, indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    main()
