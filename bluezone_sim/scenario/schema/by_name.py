"""Keys that name a value of a registry, and tables whose other keys are the named value's parameters."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, get_args

from pydantic import BaseModel, GetCoreSchemaHandler, GetJsonSchemaHandler, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import CoreSchema, InitErrorDetails, PydanticCustomError, core_schema

from ...errors import InputError
from ...registry import Registry

#: A table is written by its own fields, whatever the field's type is.
_AS_IT_IS = core_schema.wrap_serializer_function_ser_schema(
    lambda value, inner: inner(value), schema=core_schema.any_schema()
)


def _unknown(registry: Registry[Any], name: Any) -> PydanticCustomError:
    names = registry.names()
    near = get_close_matches(str(name), names, 1)
    return PydanticCustomError(
        "unknown_name",
        "expected {expected}",
        {
            "expected": " or ".join(
                filter(None, (", ".join(map(repr, names[:-1])), repr(names[-1])))
            ),
            "hint": f"did you mean {near[0]!r}?" if near else "",
        },
    )


def _validated(table: type[BaseModel], value: Any, mode: str) -> BaseModel:
    # JSON has dates as text, which a strict table takes in JSON only.
    if mode == "json":
        return table.model_validate_json(json.dumps(value))
    return table.model_validate(value)


@dataclass(frozen=True)
class NameOf:
    """A string that is the name of a value of a registry."""

    registry: Registry[Any]

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self._known, handler(source))

    def _known(self, name: str) -> str:
        if name not in self.registry.names():
            raise _unknown(self.registry, name)
        self.registry.get(name)
        return name

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {
            "type": "string",
            "oneOf": [{"const": v.name, "description": v.about} for v in self.registry.all()],
        }


@dataclass(frozen=True)
class ByName:
    """A table that names a value; its other keys are the value's ``parameters``.

    Attributes:
        registry: of the values.
        key: of the table, that holds the name.
        default: the name where the key is missing.
    """

    registry: Registry[Any]
    key: str
    default: str

    def table(self, raw: Any) -> type[BaseModel] | None:
        """The parameters of the value that ``raw`` names; None where it names none that there is."""
        name = raw.get(self.key, self.default) if isinstance(raw, Mapping) else None
        if not isinstance(name, str) or name not in self.registry.names():
            return None
        table: type[BaseModel] = self.registry.get(name).parameters
        return table

    def of_others(self, raw: Any) -> dict[str, list[str]]:
        """Keys of ``raw`` that only values have that it does not name, with their names."""
        table = self.table(raw)
        if table is None:
            return {}
        found: dict[str, list[str]] = {}
        for key in raw.keys() - table.model_fields.keys():
            names = [n for n in self.registry.names() if key in self._keys(n)]
            if names:
                found[key] = names
        return found

    def _keys(self, name: str) -> Mapping[str, Any]:
        try:
            keys: Mapping[str, Any] = self.registry.get(name).parameters.model_fields
        except InputError:  # a package at fault is told of where it is asked for
            return {}
        return keys

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.with_info_plain_validator_function(
            self._validate, serialization=_AS_IT_IS
        )

    def _validate(self, value: Any, info: core_schema.ValidationInfo) -> BaseModel:
        if isinstance(value, BaseModel):
            value = value.model_dump()
        if not isinstance(value, dict):
            raise PydanticCustomError("dict_type", "expected a table")
        raw = {self.key: self.default, **value}
        table = self.table(raw)
        if table is None:
            name = raw[self.key]
            line = InitErrorDetails(type=_unknown(self.registry, name), loc=(self.key,), input=name)
            raise ValidationError.from_exception_data(self.registry.what, [line])
        return _validated(table, raw, info.mode)

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        tables = []
        for value in self.registry.all():
            # Some versions of pydantic answer with a reference, to which no key can be added.
            answer = handler(value.parameters.__pydantic_core_schema__)
            table = dict(handler.resolve_ref_schema(answer))
            name = {"const": value.name, "description": value.about}
            table["properties"] = {**table.get("properties", {}), self.key: name}
            if value.name == self.default:
                table["required"] = [k for k in table.get("required", ()) if k != self.key]
            tables.append({**table, "title": value.name})
        return {"oneOf": tables}


@dataclass(frozen=True)
class ParametersOf:
    """A table of the parameters of the value that another key of the same table names.

    Attributes:
        registry: of the values.
        key: the other key; it stands before this one.
    """

    registry: Registry[Any]
    key: str

    def table(self, raw: Any) -> type[BaseModel] | None:
        """The parameters of the value that the whole table ``raw`` names, if it has any."""
        name = raw.get(self.key) if isinstance(raw, Mapping) else None
        if not isinstance(name, str) or name not in self.registry.names():
            return None
        table: type[BaseModel] | None = self.registry.get(name).parameters
        return table

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.with_info_plain_validator_function(
            self._validate, serialization=_AS_IT_IS
        )

    def _validate(self, value: Any, info: core_schema.ValidationInfo) -> BaseModel | None:
        table = self.table(info.data)
        if table is None:
            # Without effect where it is given: a fault between keys.
            return None
        if isinstance(value, BaseModel):
            value = value.model_dump()
        return _validated(table, {} if value is None else value, info.mode)

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        tables = [
            dict(handler(value.parameters.__pydantic_core_schema__))
            for value in self.registry.all()
            if value.parameters is not None
        ]
        return {"anyOf": [*tables, {"type": "null"}]}


def parameters_of(field: FieldInfo) -> ParametersOf | None:
    """What chooses the table of a field by another key of the same table."""
    return next((m for m in field.metadata if isinstance(m, ParametersOf)), None)


def by_name_in(field: FieldInfo) -> ByName | None:
    """What chooses the table of a field, or of each element of a list."""
    inner = [m for a in get_args(field.annotation) for m in getattr(a, "__metadata__", ())]
    return next((m for m in (*field.metadata, *inner) if isinstance(m, ByName)), None)
