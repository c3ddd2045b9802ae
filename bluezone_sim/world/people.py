"""A synthetic population: one table of people, their lasting groups and their phones.

People are numbered so that households, then neighbourhoods, communes and districts, are contiguous.
Every draw is keyed by (seed, purpose, person), so a knob that changes one attribute leaves the others
as they were.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..kernels import rng
from ..registry import code_of
from ..scenario.model import Scenario
from ..scenario.schema.population import Ages, Ownership, Population
from ..scenario.values.registries import SOURCES
from ..tables.days import EPOCH
from ..tables.trace import UNKNOWN, Trace
from . import traced
from .adoption import Groups, number_through, ranks_of
from .world import People, World

SCHOOL_AGES = (6, 18)
WORK_AGES = (18, 60)


def world_inputs(scenario: Scenario) -> tuple[object, ...]:
    """Everything in a scenario that :func:`build_world` reads: equal inputs, equal worlds."""
    contacts, trace = scenario.contacts, scenario.trace
    return (
        scenario.population,
        scenario.adoption.together,
        contacts.source,
        contacts.trace,
        contacts.parameters,
        *(
            (p.tx_power_dbm, p.tx_power_sd_db, p.rx_correction_db, p.rx_correction_sd_db)
            for p in (scenario.phones.android, scenario.phones.ios)
        ),
        scenario.phones.models,
        contacts.neighbours.group_size,
        *((layer.group_size, layer.member_share) for layer in (contacts.school, contacts.work)),
        scenario.date,
        scenario.look_back_days,
        # An RSSI that was measured is as far away as the radio says.
        scenario.radio if trace is not None and trace.rssi_dbm is not None else None,
    )


def build_world(scenario: Scenario, seed: int) -> World:
    """The population of a scenario.

    Raises:
        InputError: more smartphones than people who can own one, or the source of contacts brings
            another number of people.
    """
    pop = scenario.population
    zone_start = np.concatenate(([0], np.cumsum([d.people for d in pop.districts])))
    zone = np.repeat(np.arange(len(pop.districts), dtype=np.int16), np.diff(zone_start))
    source = SOURCES.get(scenario.contacts.source)
    if source.people is None:
        people = _generated(scenario, seed, zone, zone_start)
    else:
        people = code_of(source.people, {"traced": traced.people})(
            scenario.contacts, scenario.timezone, seed
        )
        if len(people.age) != len(zone):
            raise InputError(
                f"population.people: {source.name} has {len(people.age):,} people, found {len(zone):,}"
            )
    phones = _phones(scenario, seed, people.ios)
    brought = people.brought
    if isinstance(brought, Trace) and brought.rssi_dbm is not None:
        brought = traced.at_distances(brought, scenario, phones)
    return World(
        seed=seed,
        zone=zone,
        zone_start=zone_start,
        urban=people.urban,
        age=people.age,
        groups=people.groups,
        activity=people.activity,
        rank=_ranks(scenario, seed, people, zone),
        brought=brought,
        known_cases=people.cases,
        **phones,
    )


def _generated(
    scenario: Scenario, seed: int, zone: NDArray[np.int16], zone_start: NDArray[np.int64]
) -> People:
    pop = scenario.population
    people = np.arange(pop.people)
    size, first = _households(pop, seed, zone_start)
    household = np.repeat(np.arange(len(size), dtype=np.int32), size)
    # The first households of a district are its town: urban people are neighbours.
    share = np.array([d.urban_share for d in pop.districts])
    limit = zone_start[:-1] + share * np.diff(zone_start)
    urban = first[household] < limit[zone]
    age = _ages(pop, seed, people - first[household])
    activity = np.exp(
        pop.activity_sigma * rng.normals(rng.key(seed, "activity"), people)
        - pop.activity_sigma**2 / 2
    )
    return People(
        urban=urban,
        age=age,
        groups=_groups(scenario, seed, zone, zone_start, household, first, age),
        activity=activity,
        weight=_weights(pop.ownership, age, urban),
    )


def _phones(scenario: Scenario, seed: int, known: NDArray[np.int16] | None) -> dict[str, Any]:
    """Columns of the phones that people have or would have; ``known`` are their platforms."""
    pop, phones = scenario.population, scenario.phones
    people = np.arange(pop.people)
    ios = rng.uniforms(rng.key(seed, "os"), people) < pop.ios_share
    if known is not None:
        ios = np.where(known == UNKNOWN, ios, known == 1)
    tx, rx = (
        np.where(ios, getattr(phones.ios, mean), getattr(phones.android, mean))
        + np.where(ios, getattr(phones.ios, sd), getattr(phones.android, sd))
        * rng.normals(rng.key(seed, purpose), people)
        for purpose, mean, sd in (
            ("tx_power", "tx_power_dbm", "tx_power_sd_db"),
            ("rx_correction", "rx_correction_db", "rx_correction_sd_db"),
        )
    )
    for platform in ("android", "ios"):
        models = [m for m in phones.models or () if m.platform == platform]
        if models:  # shares that are left keep the normal spread
            u = rng.uniforms(rng.key(seed, "phone_model"), people)
            k = np.searchsorted(np.cumsum([m.share for m in models]), u, side="right")
            mine = np.flatnonzero((ios == (platform == "ios")) & (k < len(models)))
            tx[mine] = np.array([m.tx_power_dbm for m in models])[k[mine]]
            rx[mine] = np.array([m.rx_correction_db for m in models])[k[mine]]
    return {
        "ios": ios,
        "tx_power_dbm": tx,
        "rx_correction_db": rx,
        "install_day": np.full(
            pop.people,
            (scenario.date - EPOCH).days - scenario.look_back_days - 1,
            dtype=np.int32,
        ),
    }


def _households(
    pop: Population, seed: int, zone_start: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Sizes and first persons of all households; they fill each district exactly."""
    shares = np.asarray(pop.household_size_shares) / np.sum(pop.household_size_shares)
    edges = np.cumsum(shares)
    sizes = []
    for z, people in enumerate(np.diff(zone_start)):
        # At most one household a person; draw in blocks until the district is full.
        key, have, drawn = rng.key(seed, "household_size", z), 0, 0
        while have < people:
            block = np.arange(drawn, drawn + max(64, int((people - have) // 2)))
            size = 1 + np.minimum(
                np.searchsorted(edges, rng.uniforms(key, block), side="right"), len(edges) - 1
            )
            total = have + np.cumsum(size)
            keep = int(np.searchsorted(total, people)) + 1
            size = size[:keep]
            sizes.append(size)
            drawn += len(block)
            have += int(size.sum())
        size[-1] -= have - people  # the last household takes what is left
    size = np.concatenate(sizes)
    return size, np.concatenate(([0], np.cumsum(size)[:-1]))


def _ages(pop: Population, seed: int, position: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Ages by position in the household: two adults or elders, then children, adults, elders."""
    who = np.arange(len(position))
    kind = rng.uniforms(rng.key(seed, "age", 0), who)
    years = rng.uniforms(rng.key(seed, "age", 1), who)
    child = (position >= 2) & (kind < pop.ages.child_share)
    # Reuse what is left of the draw for elder or adult.
    rest = np.where(
        position >= 2, (kind - pop.ages.child_share) / max(1 - pop.ages.child_share, 1e-12), kind
    )
    elder = ~child & (rest < pop.ages.elder_share)
    low = np.where(child, 0, np.where(elder, 60, 18))
    width = np.where(child, 18, np.where(elder, 30, 42))
    age = low + years * width
    if pop.ages.bands:
        age = _in_bands(age, pop.ages)
    return np.asarray(age.astype(np.uint8))


def _in_bands(age: NDArray[np.float64], ages: Ages) -> NDArray[np.float64]:
    """Ages of the bands in the order of ``age``: the population has each band's share exactly."""
    share = np.array([band.share for band in ages.bands])
    cumulative = np.concatenate(([0.0], np.cumsum(share / share.sum())))
    order = np.argsort(age, kind="stable")
    p = (np.arange(len(age)) + 0.5) / len(age)
    k = np.minimum(np.searchsorted(cumulative, p, side="right") - 1, len(share) - 1)
    low = np.array([band.from_age for band in ages.bands])[k]
    width = np.array([band.to_age for band in ages.bands])[k] - low
    inside = (p - cumulative[k]) / (cumulative[k + 1] - cumulative[k])
    out = np.empty(len(age))
    out[order] = low + inside * width
    return out


def _ranks(
    scenario: Scenario, seed: int, people: People, zone: NDArray[np.int16]
) -> NDArray[np.float64]:
    """Adoption ranks: exactly ``smartphones`` owners, drawn by weight, ranked by a keyed draw.

    Owners are a weighted sample without replacement: the largest of log(u) / w (Efraimidis and
    Spirakis 2006). Those who are known to have the app own one, and come first.
    """
    pop, weight, app = scenario.population, people.weight, people.app
    able = int(np.count_nonzero(weight))
    if pop.smartphones > able:
        raise InputError(
            f"population.smartphones: {pop.smartphones:,} owners wanted, but "
            f"population.ownership lets only {able:,} people own one: raise a weight above 0"
        )
    if pop.smartphones == 0:
        return np.full(len(weight), np.inf)
    u = rng.uniforms(rng.key(seed, "ownership"), np.arange(len(weight)))
    with np.errstate(divide="ignore"):
        score = np.where(weight > 0, np.log(np.maximum(u, 2.0**-54)) / weight, -np.inf)
    if app is not None:
        score[app] = 1.0  # logarithms of shares are below 0
    owners = np.sort(np.argpartition(-score, pop.smartphones - 1)[: pop.smartphones])
    rank = ranks_of(seed, 0, owners, people.groups, zone, scenario.adoption.together)
    if app is not None:
        order = owners[np.lexsort((rank[owners], ~app[owners]))]
        rank[order] = (np.arange(len(owners)) + 0.5) / len(owners)
    return rank


def _weights(
    ownership: Ownership, age: NDArray[np.uint8], urban: NDArray[np.bool_]
) -> NDArray[np.float64]:
    bands = np.array([ownership.under_6, ownership.age_6_17, ownership.adult, ownership.age_60_up])
    weight = bands[np.searchsorted([6, 18, 60], age, side="right")]
    return np.asarray(np.where(urban, weight * ownership.urban_factor, weight))


def _groups(
    scenario: Scenario,
    seed: int,
    zone: NDArray[np.int16],
    zone_start: NDArray[np.int64],
    household: NDArray[np.int32],
    first: NDArray[np.int64],
    age: NDArray[np.uint8],
) -> Groups:
    """Households, neighbourhoods, classes and teams, numbered through."""
    people = np.arange(len(zone))
    contacts = scenario.contacts
    local = people - zone_start[zone]
    commune = zone.astype(np.int64) * (1 << 32) + local // scenario.population.commune_people
    communes = np.unique(commune)
    # A household belongs to the neighbourhood in which its first member lives.
    block = zone.astype(np.int64) * (1 << 32) + (
        (first[household] - zone_start[zone]) // contacts.neighbours.group_size
    )
    layers: list[tuple[NDArray[np.int64], NDArray[np.int64]]] = [
        (people, household.astype(np.int64)),
        (people, block),
    ]
    for purpose, layer, (low, high) in (
        ("school", contacts.school, SCHOOL_AGES),
        ("work", contacts.work, WORK_AGES),
    ):
        eligible = np.flatnonzero((age >= low) & (age < high))
        drawn = rng.uniforms(rng.key(seed, purpose, 0), eligible)
        member = eligible[drawn < layer.member_share]
        # Classes are of one age and commune; teams of one commune.
        by = age[member] if purpose == "school" else np.zeros(len(member), np.uint8)
        shuffle = np.argsort(rng.draws(rng.key(seed, purpose, 1), member))
        at = np.searchsorted(communes, commune[member]) * 256 + by
        at = at.astype(np.min_scalar_type(len(communes) * 256))
        member = member[shuffle][np.argsort(at[shuffle], kind="stable")]
        layers.append((member, _chunks(commune[member], layer.group_size)))
    return number_through(len(people), layers)


def _chunks(boundary: NDArray[np.int64], size: int) -> NDArray[np.int64]:
    """Cuts each run of equal ``boundary`` into the fewest equal parts of at most ``size``."""
    if not len(boundary):
        return boundary
    starts = np.flatnonzero(np.diff(boundary, prepend=boundary[0] - 1))
    length = np.diff(np.append(starts, len(boundary)))
    run = np.repeat(np.arange(len(starts)), length)
    parts = -(-length // size)
    position = np.arange(len(boundary)) - starts[run]
    base = np.concatenate(([0], np.cumsum(parts)[:-1]))
    return np.asarray(base[run] + position * parts[run] // length[run])
