"""A scenario's radio from a file: what a walk test with real phones measured."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ...errors import Fault, InputError
from ...reading.bounded import is_file
from ...reading.documents import read_toml
from ..schema.radio import Radio

Raw = dict[str, Any]

KEY = "radio.profile"


def with_radio_file(raw: Raw, folder: Path, faults: list[Fault]) -> Raw:
    """``raw`` with the keys of its radio profile, where it has one, in its own ``[radio]``.

    Args:
        raw: the mapping as the user wrote it; keys beside the profile's name come before the file's.
        folder: where relative file names start; the working directory is looked into after it.
        faults: what is wrong with the file is added.
    """
    radio = raw.get("radio")
    name = radio.get("profile") if isinstance(radio, dict) else None
    if not isinstance(name, str):
        return raw  # none, or the model's own fault
    raw = copy.deepcopy(raw)
    del raw["radio"]["profile"]
    path = next((p for p in (folder / name, Path(name)) if is_file(p)), None)
    if path is None:
        faults.append(
            Fault(KEY, f"no file {name!r}", "`bluezone-sim ble range --profile FILE` writes one")
        )
        return raw
    try:
        found = read_toml(path, "a profile in TOML")
    except InputError as error:
        faults.append(Fault(KEY, str(error)))
        return raw
    table = found.get("radio")
    if set(found) != {"radio"} or not isinstance(table, dict) or "profile" in table:
        faults.append(Fault(KEY, f"{name}: expected one table, [radio], with keys of a scenario's"))
        return raw
    try:
        Radio.model_validate(table)
    except ValidationError as error:
        from ..faults import fault_of

        for each in error.errors():
            fault = fault_of(each, Radio)
            faults.append(Fault(KEY, f"{name}: {fault.path}: {fault.message}", fault.hint))
        return raw
    raw["radio"] = {**table, **raw["radio"]}
    return raw
