"""Outbreaks on a trace as the model of Barrat et al. 2021 tells them: sets of people, step after step."""

from __future__ import annotations

import math
from collections import defaultdict

import numpy as np

from bluezone_sim.kernels import outbreaks as o
from bluezone_sim.kernels import rng
from bluezone_sim.kernels.contacts.meetings import permute_many

MASK = (1 << 64) - 1


def draw(key, who):
    x = (key + who * rng.GOLDEN + rng.GOLDEN) & MASK
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & MASK
    return x ^ (x >> 31)


def unit(h):
    return (h >> 11) / 2**53


class Outbreak:
    """One trial."""

    def __init__(self, rows, course, adoption, seed, trial):
        self.course = course
        names = sorted({p for _, i, j, _ in rows for p in (i, j)})
        self.people = range(len(names))
        first = min(t for t, *_ in rows)
        self.met = defaultdict(dict)  # step -> pair -> seconds
        for t, i, j, w in rows:
            pair = tuple(sorted((names.index(i), names.index(j))))
            self.met[t - first][pair] = self.met[t - first].get(pair, 0) + w
        self.length = (max(self.met) // 96 + 1) * 96
        self.number = {}  # of a contact, as the draws count them
        for t in sorted(self.met):
            for pair in sorted(self.met[t]):
                self.number[t, pair] = len(self.number)
        self.ever = {pair for pairs in self.met.values() for pair in pairs}
        self.key = draw(rng.key(seed, "outbreak"), trial)
        n = len(names)
        users = math.ceil(adoption * n - 1e-9)
        runs = np.uint64(draw(self.key, o.SUB_APP))
        self.app = set(permute_many(runs, np.arange(users), n).tolist())
        self.noticed = {p for p in self.people if self.person(o.SUB_NOTICED, p) < course.noticed}
        self.status = dict.fromkeys(self.people, ("susceptible", None))
        self.quarantine = {}  # person -> since when
        self.warning = {}  # person -> contacts before which step
        self.told = set()
        patient = int(unit(draw(self.key, o.SUB_FIRST)) * n)
        self.status[patient] = ("exposed", self.length_of(o.SUB_EXPOSED, patient, course.exposed))

    def person(self, sub, p):
        return unit(draw(draw(self.key, sub), p))

    def length_of(self, sub, p, mean):
        z = rng.NORMAL_TABLE[draw(draw(self.key, sub), p) >> 52]
        return int(mean * (1 + 0.1 * z))

    def kind(self, p):
        u = self.person(o.SUB_KIND, p)
        c = self.course
        if u < c.asymptomatic:
            return "asymptomatic"
        return "mild" if u < c.asymptomatic + c.mild else "severe"

    def strength(self, p):
        state = self.status[p][0]
        if p in self.quarantine or state not in (
            "presymptomatic", "asymptomatic", "mild", "severe",
        ):  # fmt: skip
            return 0.0
        return 1.0 if self.kind(p) == "severe" else self.course.less

    def infected(self, t):
        out = {}
        for pair, seconds in self.met.get(t % self.length, {}).items():
            for side, (u, v) in enumerate((pair, pair[::-1])):
                if self.status[v][0] != "susceptible" or v in self.quarantine:
                    continue
                p = 1 - (1 - self.course.infects * self.strength(u)) ** seconds
                step = draw(draw(self.key, o.SUB_MEETING), t)
                if unit(draw(step, 2 * self.number[t % self.length, pair] + side)) < p:
                    length = self.length_of(o.SUB_EXPOSED, v, self.course.exposed)
                    out[v] = ("exposed", t + length)
        return out

    def advanced(self, p, t):
        """A person's next status; leaves quarantine and begins to warn on the way."""
        state, c = self.status[p][0], self.course
        if state == "exposed":
            return (
                "presymptomatic",
                t + self.length_of(o.SUB_PRESYMPTOMATIC, p, c.presymptomatic),
            )
        if state == "presymptomatic":
            kind, ill = self.kind(p), self.length_of(o.SUB_ILL, p, c.ill)
            found = kind == "severe" or (
                kind == "mild" and (p in self.noticed or p in self.quarantine)
            )
            return kind, t + (min(ill, c.to_isolation) if found else ill)
        if p in self.quarantine:
            since = self.quarantine.pop(p)
            if state in ("mild", "severe"):
                self.warning[p] = since
            return ("susceptible" if state == "susceptible" else "recovered"), None
        if state == "severe" or (state == "mild" and p in self.noticed):
            self.warning[p] = t
            return "isolated", t + c.away
        self.warning.pop(p, None)
        return "recovered", None

    def held(self, u, v, t):
        """Seconds with ``u``, who warns, that ``v``'s phone still holds."""
        before = self.warning[u]
        kept = self.course.kept - (t - before) // self.course.half_day * self.course.half_day
        pair = (min(u, v), max(u, v))
        if pair not in self.ever:
            return 0
        return sum(
            self.met.get(s % self.length, {}).get(pair, 0) for s in range(before - kept, before)
        )

    def warned(self, t):
        senders = [
            u
            for u, before in self.warning.items()
            if u in self.app and u not in self.quarantine and before > t - self.course.kept
        ]
        if not senders:
            return set()
        return {
            v
            for v in self.app - set(self.quarantine)
            if self.status[v][0] != "isolated"
            and sum(self.held(u, v, t) for u in senders) > self.course.threshold_s
        }

    def run(self):
        """The share infected in the end."""
        for t in range(self.course.most):
            if all(
                s in ("susceptible", "recovered") and p not in self.quarantine
                for p, (s, _) in self.status.items()
            ):
                break
            new = self.infected(t)
            for p in self.people:
                until = self.status[p][1]
                if until is not None and t > until:
                    self.status[p] = self.advanced(p, t)
            self.status.update(new)
            warned = self.warned(t)
            for p in self.told:
                if p in self.quarantine or self.status[p][0] == "isolated":
                    continue
                self.quarantine[p] = t
                warned.discard(p)
                if self.status[p][0] == "susceptible":
                    self.noticed.add(p)
                if self.status[p][0] in ("susceptible", "recovered"):
                    self.status[p] = (self.status[p][0], t + self.course.away)
            self.told = warned
        return sum(s != "susceptible" for s, _ in self.status.values()) / len(self.people)
