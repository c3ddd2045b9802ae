"""What the shapes of documents share."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Version = Annotated[int, Field(description="Of this document's layout, as in the schema's $id.")]
NumericVersion = Annotated[
    int, Field(description="Raised where the same scenario and seed give other numbers.")
]


class Document(BaseModel):
    """An object; later versions may add keys to it."""

    model_config = ConfigDict(protected_namespaces=())
