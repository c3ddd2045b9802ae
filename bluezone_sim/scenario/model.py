"""What a scenario may say: Pydantic models, one a TOML table.

Units are in the names (``_s``, ``_h``, ``_m``, ``_dbm``, ``_db``). A key that is not listed here, and a
key that is set but has no effect in its scenario, are faults. Defaults that no source gives are marked
``assumed``; numbers with a source cite it in their description or in the shipped scenarios.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, field_validator

from .chosen import Campaign, ContactsTable, Rule
from .schema.adoption import Adoption, Users
from .schema.epidemic import Epidemic
from .schema.experiment import Criterion, Limits, Sensitivity, SweepTable
from .schema.exposure import F2, Confirmation, IndexCases, Publication
from .schema.phones import Phones
from .schema.population import Population
from .schema.radio import ProtocolTable, Radio
from .schema.rules import AnyMatch
from .schema.table import TIMEZONE, TomlTable
from .values.registries import RULES
from .values.risk_rule import PublishedDays

if TYPE_CHECKING:
    from ..tables.trace import Trace


class Scenario(TomlTable):
    """A whole scenario, validated."""

    name: str = Field(min_length=1, pattern=r"^[a-z0-9][a-z0-9._-]*$")
    title: str = ""
    timezone: str = Field(TIMEZONE, description="IANA name; a day is a local day")
    date: dt.date = Field(
        description="last local day of the look-back; cases are confirmed then (a trace: by default "
        "its last day)"
    )
    look_back_days: int = Field(14, ge=1, le=60, description="how far back phones look")
    seed: int = Field(1, ge=0, lt=2**63, description="what all chance comes from")
    population: Population
    contacts: ContactsTable = ContactsTable()
    adoption: Adoption
    campaign: Campaign | None = None
    protocol: ProtocolTable = ProtocolTable()
    phones: Phones = Phones()
    radio: Radio = Radio()
    index_cases: IndexCases = IndexCases()
    rule: Rule = AnyMatch(name="any-match")
    publication: Publication = Publication()
    confirmation: Confirmation = Confirmation()
    f2: F2 = F2()
    epidemic: Epidemic | None = None
    sensitivity: Sensitivity | None = None
    sweep: SweepTable | None = None
    expect: list[Criterion] | None = Field(None, description="criteria, for continuous integration")
    limits: Limits | None = None

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError(
                f"unknown time zone {value!r}; expected an IANA name such as {TIMEZONE}"
            ) from None
        return value

    @property
    def trace(self) -> Trace | None:
        """The contacts that were measured, where the scenario brings them."""
        if self.contacts.source != "trace" or self.contacts.trace is None:
            return None
        from .inputs.traces.lent import cached

        return cached(self.contacts.trace, self.timezone)

    @property
    def published_days(self) -> PublishedDays:
        """The days that are published: what ``[publication]`` says, and of the rest the rule's app."""
        app, own = RULES.get(self.rule.name).publishes, self.publication
        onset, test = own.before_onset_days, own.before_test_days
        return replace(
            app,
            before_onset=app.before_onset if onset is None else onset,
            before_test=app.before_test if test is None else test,
        )

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        """What a notebook shows, as text and as HTML: protocol, rule, and what is no default."""
        from ..tables.table import notebook
        from .overview import overview

        system = {"protocol": {"name": self.protocol.name}, "rule": {"name": self.rule.name}}
        others = self.model_dump(mode="json", exclude_defaults=True)
        for name, given in system.items():
            others[name] = given | others.get(name, {})
        table = overview(others)
        return {"text/plain": table.text(), "text/html": notebook(table.html(table.title))}

    def level_users(self) -> list[int]:
        """Users at each level: a share of smartphone owners, rounded, or the number given."""
        owners = self.population.smartphones
        return [
            level.users if isinstance(level, Users) else round(level * owners)
            for level in self.adoption.levels
        ]
