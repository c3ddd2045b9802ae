"""What the tables of a scenario share: the base model and the kinds of numbers."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]
NonNegative = Annotated[float, Field(ge=0)]
#: Quantiles at 5, 25, 50, 75 and 95 %, in metres.
DistanceQuantiles = Annotated[list[Positive], Field(min_length=5, max_length=5)]
#: Shares of durations < 5 min, 5-15 min, 15 min-1 h, 1-4 h, > 4 h; normalised.
DurationShares = Annotated[list[Share], Field(min_length=5, max_length=5)]
#: In small letters, as ``sha256sum`` prints it.
Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
Span = Annotated[list[NonNegative], Field(min_length=2, max_length=2)]


#: Of a scenario that does not say: of the app's country.
TIMEZONE = "Asia/Ho_Chi_Minh"


class TomlTable(BaseModel):
    """Base of every scenario table: unknown keys and non-finite numbers are faults."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, frozen=True, strict=True)
