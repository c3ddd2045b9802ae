"""The page's table: a row a figure, each machine's rate beside its limit."""

from __future__ import annotations

import json

from verification.performance_table import machine, markdown


def written(folder, name, rate, limit):
    figure = {"name": "ids/x", "baseline": "a loop", "processor": "Zen 4", "units": name}
    entries = [{**figure, "value": 12.34, "rate": rate, "rate_unit": "ids/s"}]
    if name == "vaes":
        entries.append({**entries[0], "name": "parse/y"})
    limits = [{"name": "ids/x", "unit": "ids/s", "limit": limit, "ratio": rate / limit}]
    (folder / f"{name}.json").write_text(json.dumps(entries), encoding="utf-8")
    (folder / f"{name}-limit.json").write_text(json.dumps({"figures": limits}), encoding="utf-8")
    return f"{name.upper()}:{folder}/{name}.json:{folder}/{name}-limit.json"


def test_the_page_has_each_machine_beside_its_limit(tmp_path):
    given = [written(tmp_path, "vaes", 65e6, 70e6), written(tmp_path, "aesni", 21e6, 60e6)]
    assert markdown([machine(g) for g in given]).splitlines() == [
        "| figure | VAES (Zen 4, vaes) | of C's limit | times "
        "| AESNI (Zen 4, aesni) | of C's limit | times | its baseline |",
        "|---|---|---|---|---|---|---|---|",
        "| `ids/x` | 65 M ids/s | 0.93 of 70 M ids/s | 12.3 "
        "| 21 M ids/s | 0.35 of 60 M ids/s | 12.3 | a loop |",
        "| `parse/y` | 65 M ids/s | – | 12.3 | – | – | – | a loop |",
    ]
