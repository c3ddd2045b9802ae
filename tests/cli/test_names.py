"""Names that are too long are bad input to every command, and told before it works."""

from __future__ import annotations

import pytest

from bluezone_sim.scenario import resolved_toml
from bluezone_sim.simulation import engine
from helpers.commands import call
from helpers.small import scenario

LONG = "a" * 260
COMMANDS = [
    "run s.toml --out L",
    "run s.toml --out none/L",
    "run L",
    'run s.toml --set name="L"',
    'run s.toml --set radio.profile="L"',
    'run s.toml --set phones.models="L"',
    "sweep s.toml --out L",
    'sweep s.toml --set name="L"',
    "report L",
    "compare L L",
    "verify L",
    "show L.toml",
    "new L",
    "import L --out x.parquet",
    "import s.toml --out L",
    "match --keys L --history L",
    "keys check L",
    "trace info L",
    "validate contacts --out L",
    "validate radio --data L",
    "validate tracing --trace L",
    "validate radio --data . --out L",
    "bench --json L",
    "bench --baseline L",
    "ble record L.pcapng",
    "ble advertise --keys L",
    "ble drive s.toml --out L",
    "ble drive s.toml --out L --history L",
    "ble conformance L",
    "ble conformance gaen --recording L",
    "ble conformance gaen --keys L --recording s.toml",
    "ble conformance gaen --junit L",
    "ble conformance gaen --html L",
    "ble range --profile L",
    "ble range --figure L",
    "ble matrix --out L",
]


@pytest.mark.parametrize("command", COMMANDS)
def test_a_name_of_260_characters_is_bad_input_before_anything_runs(
    tmp_path, monkeypatch, capsys, command
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "s.toml").write_text(resolved_toml(scenario()), encoding="utf-8")
    monkeypatch.setattr(engine, "run", lambda *given, **more: pytest.fail("it was simulated"))
    assert call(*command.replace("L", LONG).split(" ")) == 2
    said = "".join(capsys.readouterr())
    assert LONG in said
    assert "Traceback" not in said
    assert [p.name for p in tmp_path.iterdir()] == ["s.toml"]
