"""The fit on measured scenes and what it predicts: scenes drawn from known parameters, and exp34's."""

from __future__ import annotations

import dataclasses
import json
import sqlite3

import numpy as np
import pytest
from scipy.special import log_ndtr, ndtr
from scipy.stats import chi2

from bluezone_sim.errors import InputError
from bluezone_sim.validation.radio import fit as module
from bluezone_sim.validation.radio.calibration import CALIBRATIONS
from bluezone_sim.validation.radio.fit import EXP34, RadioFit, fit_radio
from bluezone_sim.validation.radio.levels import levels_of
from bluezone_sim.validation.radio.scans import GRID_DBM, Scene, scans_of
from bluezone_sim.validation.radio.validate import predicted, simulator, validate_radio
from helpers.capture_files import RESULTS
from helpers.commands import call
from helpers.paths import MEASUREMENTS

MODELS = ("SM-A405FN", "SM-G973F")
TRUE = RadioFit(
    attenuation_1m_db=55.0,
    exponent=2.0,
    breakpoint_m=8.0,
    exponent_far=3.3,
    scene_sd_db=2.0,
    pair_sd_db=5.0,
    scan_sd_db=4.0,
    fading_sd_db=4.0,
    sensitivity_dbm=-93.0,
    softness_db=4.0,
    capture=0.6,
    receiver_db={"SM-A405FN": 2.0, "SM-G973F": -2.0},
)


def draw(
    seed: int, name: str = "drawn", n_phones: int = 16, n_scans: int = 12, level: float = 0.0
) -> Scene:
    """A scene of phones at random distances, packet by packet; only what is heard is kept."""
    rng = np.random.default_rng(seed)
    model = np.array(MODELS)[np.arange(n_phones) % 2]
    tx = np.array([CALIBRATIONS[m].tx_power_dbm for m in model])
    rx = np.array([CALIBRATIONS[m].rx_correction_db for m in model])
    place = rng.uniform(0, 6, (n_phones, 2))
    rows = []
    for a in range(n_phones):
        for b in range(n_phones):
            if a == b:
                continue
            d = max(0.3, float(np.hypot(*(place[a] - place[b]))))
            pair = rng.normal(0, TRUE.pair_sd_db)
            for scan in range(n_scans):
                m = tx[b] - rx[a] - TRUE.receiver_db[str(model[a])] + pair + level
                m += rng.normal(0, TRUE.scan_sd_db) - float(TRUE.attenuation(np.array(d)))
                rssi = np.round(rng.normal(m, TRUE.fading_sd_db, 15))
                heard = TRUE.capture * ndtr((rssi - TRUE.sensitivity_dbm) / TRUE.softness_db)
                for k in np.flatnonzero(rng.random(15) < heard):
                    rows.append((a, b, 300_000 * scan + 270 * k, rssi[k], d))
    receiver, transmitter, time, rssi, distance = (np.array(c) for c in zip(*rows, strict=True))
    return Scene(
        name=name,
        receiver=receiver.astype(np.int32),
        transmitter=transmitter.astype(np.int32),
        receiver_model=model[receiver],
        time_ms=time.astype(np.int64) + 1_596_113_489_000,
        rssi_dbm=rssi.astype(np.int16),
        distance_m=distance,
        tx_power_dbm=tx[transmitter],
        rx_correction_db=rx[receiver],
    )


@pytest.fixture(scope="module")
def drawn() -> Scene:
    return draw(1)


@pytest.fixture(scope="module")
def small() -> list[Scene]:
    return [draw(k, n_phones=10, n_scans=6) for k in (4, 5)]


@pytest.fixture(scope="module")
def apart() -> list[Scene]:
    """Two scenes of which one is 6 dB stronger."""
    return [draw(k + 4, f"scene {k}", 10, 6, level=3.0 - 6.0 * k) for k in (0, 1)]


@pytest.fixture(scope="module")
def fitted(drawn) -> RadioFit:
    return fit_radio([drawn])


def test_the_fit_finds_the_parameters_that_made_the_scene(fitted):
    """Within four standard errors, as the fits of 30 scenes so drawn spread: a right fit fails once in
    some thousand tries."""
    assert fitted.attenuation_1m_db == pytest.approx(TRUE.attenuation_1m_db, abs=2.8)
    assert fitted.exponent == pytest.approx(TRUE.exponent, abs=0.6)
    assert fitted.pair_sd_db == pytest.approx(TRUE.pair_sd_db, abs=1.2)
    assert fitted.scan_sd_db == pytest.approx(TRUE.scan_sd_db, abs=0.3)
    assert fitted.fading_sd_db == pytest.approx(TRUE.fading_sd_db, abs=0.12)
    assert fitted.sensitivity_dbm == pytest.approx(TRUE.sensitivity_dbm, abs=0.5)
    assert fitted.capture == pytest.approx(TRUE.capture, abs=0.03)
    lead = fitted.receiver_db["SM-A405FN"] - fitted.receiver_db["SM-G973F"]
    assert lead == pytest.approx(4.0, abs=2.2)


def test_what_differs_by_scene_is_in_no_other_deviation(apart):
    """The fit has a level for each scene; left out of it, the 6 dB widen the pairs' deviation."""
    found = fit_radio(apart, TRUE)
    assert found.scene_db["scene 0"] - found.scene_db["scene 1"] == pytest.approx(6, abs=1.6)
    assert found.pair_sd_db == pytest.approx(TRUE.pair_sd_db, abs=1.2)
    as_one = fit_radio([dataclasses.replace(scene, name="one") for scene in apart], found)
    assert as_one.pair_sd_db > found.pair_sd_db + 0.4
    assert as_one.levels is not None
    assert as_one.levels.sd_db is None
    levels = found.levels
    assert levels is not None
    # Two levels 6 dB apart: the spread is 6 / sqrt 2, less what their errors make of it.
    apart_db = levels.level_db[1] - levels.level_db[0]
    assert apart_db == pytest.approx(6, abs=1.6)
    assert levels.sd_db == pytest.approx(apart_db / np.sqrt(2), abs=0.3)
    # Two scenes do not tell the spread: the search's own is kept, and widens what is predicted.
    assert found.scene_sd_db == EXP34.scene_sd_db
    assert found.level_error_db >= EXP34.scene_sd_db / np.sqrt(2)


def test_the_spread_of_levels_is_that_of_textbooks():
    """With equal, independent errors both estimate and interval have closed forms."""
    level, error = np.array([60.0, 63.0, 58.0, 66.0, 61.0, 64.5]), 0.8
    found = levels_of(level, error**2 * np.eye(6), 2.0)
    squares = float(np.sum((level - level.mean()) ** 2))
    assert found.mean_db == pytest.approx(level.mean())
    assert found.sd_db == pytest.approx(np.sqrt(squares / 5 - error**2), abs=1e-3)
    wanted = [np.sqrt(squares / chi2.ppf(q, 5) - error**2) for q in (0.975, 0.025)]
    assert found.sd_ci95_db == pytest.approx(wanted, abs=1e-6)
    # From six scenes the spread is taken; the mean is as well known as six draws of it allow.
    assert found.used_sd_db == found.sd_db
    assert found.mean_error_db == pytest.approx(np.sqrt(squares / 5 / 6), abs=1e-3)
    # An error that all share moves the mean, and is no spread.
    common = levels_of(level, error**2 * np.eye(6) + 4.0, 2.0)
    assert common.sd_db == pytest.approx(found.sd_db, abs=1e-3)
    assert common.mean_error_db == pytest.approx(np.hypot(found.mean_error_db, 2.0), abs=1e-3)


def test_levels_closer_than_their_errors_have_no_spread():
    found = levels_of(np.array([60.0, 60.1, 59.9]), np.eye(3), 2.0)
    assert found.sd_db == 0
    low, high = found.sd_ci95_db
    assert low == 0
    assert high < 1
    assert found.used_sd_db == 2.0
    alone = levels_of(np.array([60.0]), np.eye(1), 2.0)
    assert (alone.sd_db, alone.sd_ci95_db, alone.used_sd_db) == (None, None, 2.0)
    assert alone.mean_error_db == pytest.approx(np.hypot(1, 2))


@pytest.mark.slow
def test_the_interval_of_the_spread_covers():
    """95 % of 2,000 campaigns of three scenes, whose errors are those of exp34."""
    rng = np.random.default_rng(3)
    error = np.array([0.49, 0.38, 0.67])
    inside = 0
    for _ in range(2000):
        level = rng.normal(0, np.hypot(2.0, error))
        low, high = levels_of(level, np.diag(error**2), 2.0).sd_ci95_db
        inside += low <= 2.0 <= high
    assert abs(inside / 2000 - 0.95) < 4 * np.sqrt(0.95 * 0.05 / 2000)


def test_a_scene_at_another_level_is_off_and_its_interval_says_so(drawn):
    """Beside a fit that expects the same scene weaker, by two thirds of what 2 dB allow or by twice."""
    as_it_is = predicted(drawn, TRUE, ("the truth",))
    weaker = [
        dataclasses.replace(TRUE, attenuation_1m_db=TRUE.attenuation_1m_db + db)
        for db in (2.6, 8.0)
    ]
    strong, stronger = (predicted(drawn, fit, ()) for fit in weaker)
    assert strong.level_db == pytest.approx(as_it_is.level_db + 2.6, abs=0.05)
    assert stronger.level_db == pytest.approx(as_it_is.level_db + 8.0, abs=0.05)
    assert strong.level_sd_db == 2.0
    assert all(share.covered for share in as_it_is.shares + strong.shares)
    assert not any(share.covered for share in stronger.shares[:2])
    # What the level leaves is what it left before.
    assert strong.remains() == pytest.approx(as_it_is.remains(), abs=0.005)
    assert stronger.worst() > 3 * stronger.remains()
    # The ends are the shares at the ends of the level, and what pairs there are.
    share = strong.shares[1]
    weakest = weaker[0].at_level(drawn, -1.96 * 2.0)
    off = share.predicted - predicted(drawn, weakest, ()).shares[1].predicted
    half = share.measured_ci95[1] - share.measured
    assert share.predicted_ci95[0] == pytest.approx(share.predicted - np.hypot(off, half))


def test_a_line_through_what_was_heard_is_too_flat(drawn, fitted):
    """What the censoring does to a plain regression, and not to the fit."""
    slope = np.polyfit(10 * np.log10(drawn.distance_m), drawn.attenuation_db, 1)[0]
    assert slope < 1.8
    assert fitted.exponent > slope + 0.3


def naive_log_likelihood(fit: RadioFit, scene: Scene) -> float:
    """Pair by pair and scan by scan, both deviations integrated over a fine grid."""
    total = 0.0
    z = np.linspace(-6, 6, 241)
    weight = np.exp(-0.5 * z**2)
    weight /= weight.sum()
    most = 15
    for a, b in sorted(set(zip(scene.receiver.tolist(), scene.transmitter.tolist(), strict=True))):
        mine = (scene.receiver == a) & (scene.transmitter == b)
        by_pair = np.zeros(len(z))
        for scan in np.unique(scene.time_ms[mine] // 300_000):
            rows = mine & (scene.time_ms // 300_000 == scan)
            r = scene.rssi_dbm[rows].astype(float)
            model = str(scene.receiver_model[rows][0])
            mean = (scene.tx_power_dbm - scene.rx_correction_db)[rows][0] - fit.receiver_db[model]
            mean -= float(fit.attenuation(scene.distance_m[rows][:1])[0])
            m = mean + fit.pair_sd_db * z[:, None] + fit.scan_sd_db * z
            wide = np.hypot(fit.fading_sd_db, fit.softness_db)
            miss = 1 - fit.capture * ndtr((m - fit.sensitivity_dbm) / wide)
            packets = np.exp(-np.sum((r - m[..., None]) ** 2, axis=-1) / (2 * fit.fading_sd_db**2))
            some = packets * miss ** (most - len(r)) @ weight
            by_pair += np.log(some) - np.log((1 - miss**most) @ weight)
            total += len(r) * np.log(fit.capture / fit.fading_sd_db)
            total += log_ndtr((r - fit.sensitivity_dbm) / fit.softness_db).sum()
        top = by_pair.max()
        total += top + np.log(np.exp(by_pair - top) @ weight)
    return total


@pytest.mark.parametrize("change", [{}, {"pair_sd_db": 3.0}, {"sensitivity_dbm": -88.0}])
def test_the_likelihood_equals_its_naive_twin(change):
    scene = draw(3, n_phones=5, n_scans=4)
    start = scene.time_ms.min() // 300_000 * 300_000
    scene = dataclasses.replace(scene, time_ms=scene.time_ms - 1_596_113_489_000 + start)
    fit = dataclasses.replace(TRUE, **change)
    # The naive twin keeps the constants that do not depend on the parameters.
    value = module.log_likelihood(fit, scans_of([scene]))[0]
    reference = module.log_likelihood(TRUE, scans_of([scene]))[0]
    wanted = naive_log_likelihood(fit, scene) - naive_log_likelihood(TRUE, scene)
    assert value - reference == pytest.approx(wanted, abs=0.05)


def test_the_derivative_is_that_of_the_likelihood(drawn):
    scans = scans_of([drawn])
    slope = module.log_likelihood(TRUE, scans)[1]
    by_model = np.bincount(scans.model, slope)
    values = []
    for step in (-0.02, 0.02):
        near = {**TRUE.receiver_db, "SM-G973F": TRUE.receiver_db["SM-G973F"] + step}
        values.append(module.log_likelihood(dataclasses.replace(TRUE, receiver_db=near), scans)[0])
    measured = (values[1] - values[0]) / 0.04
    at = scans.models.index("SM-G973F")
    assert measured == pytest.approx(-by_model[at], rel=0.02, abs=1)


def test_predictions_are_distributions_of_what_is_heard(drawn):
    p = TRUE.predict(drawn)
    assert p.shape == (len(drawn), len(GRID_DBM))
    np.testing.assert_allclose(p.sum(axis=1), 1)
    # Farther means weaker, and what is heard is never as weak as what is sent.
    mean = p @ GRID_DBM
    far, near = drawn.distance_m.argmax(), drawn.distance_m.argmin()
    assert mean[far] < mean[near]
    sent = drawn.tx_power_dbm - drawn.rx_correction_db - TRUE.attenuation(drawn.distance_m)
    assert mean[far] > sent[far]


def test_a_scene_is_predicted_by_the_parameters_that_made_it(drawn):
    """Shares within the sampling of 240 pairs: four standard errors of a share are 0.14."""
    result = predicted(drawn, TRUE, ("the truth",))
    assert result.n_near > 1000
    for share in result.shares:
        assert abs(share.difference) < 0.14
        assert share.measured_ci95[0] <= share.measured <= share.measured_ci95[1]
        assert share.precision_predicted == pytest.approx(share.precision_measured, abs=0.14)
        assert share.predicted_ci95[0] <= share.predicted <= share.predicted_ci95[1]
    # Shares by hand.
    near = drawn.distance_m <= 2
    below = drawn.attenuation_db <= 55
    assert result.shares[1].measured == pytest.approx(np.mean(below[near]))
    assert result.shares[1].precision_measured == pytest.approx(np.mean(near[below]))
    assert sum(b.n for b in result.bins) == len(drawn)
    for part in result.bins:
        inside = (drawn.distance_m >= part.from_m) & (drawn.distance_m < part.to_m)
        assert part.measured_db[2] == pytest.approx(np.median(drawn.attenuation_db[inside]), abs=1)


def write_scene(path, scene: Scene, names=MODELS) -> None:
    database = sqlite3.connect(path)
    database.execute(RESULTS)
    rows = [
        (
            None,
            str(scene.receiver[i]),
            names[scene.receiver[i] % 2],
            str(scene.transmitter[i]),
            names[scene.transmitter[i] % 2],
            float(scene.time_ms[i]) / 1000,
            int(scene.rssi_dbm[i]),
            0,
            float(scene.distance_m[i]) if i % 10 else None,
        )
        for i in range(len(scene))
    ]
    database.executemany(f"INSERT INTO results VALUES ({', '.join('?' * 9)})", rows)
    database.commit()
    database.close()


def test_validate_radio_predicts_scenes_by_the_others(small, tmp_path, capsys):
    (tmp_path / "data").mkdir()
    write_scene(tmp_path / "data" / "one.sqlite", small[0])
    write_scene(tmp_path / "data" / "two.sqlite", small[1])
    out = tmp_path / "out"
    code = call("validate", "radio", "--data", tmp_path / "data", "--json", "--out", out)
    document = json.loads(capsys.readouterr().out)
    assert code == (0 if document["passed"] else 1)
    assert document["passed"] == all(s["worst_difference"] <= 0.1 for s in document["scenes"])
    assert [s["scene"] for s in document["scenes"]] == ["one", "two"]
    assert [s["fitted_on"] for s in document["scenes"]] == [["two"], ["one"]]
    assert [s["threshold_db"] for s in document["scenes"][0]["shares"]] == [50, 55, 63, 70]
    for scene in document["scenes"]:
        by_default = scene["simulator_defaults"]
        assert by_default == sorted(by_default)
        assert 0 < by_default[0] < by_default[-1] <= 1
    assert document["fit_on_all"]["exponent"] == pytest.approx(2, abs=1)
    assert sorted(p.name for p in out.iterdir()) == ["digests.json", "radio-qq.png", "radio.json"]
    assert json.loads((out / "radio.json").read_text(encoding="utf-8")) == document
    assert (out / "radio-qq.png").read_bytes().startswith(b"\x89PNG")
    assert call("validate", "radio", "--data", tmp_path / "data", "--out", out) == 2
    assert "exists already" in capsys.readouterr().err


@pytest.mark.slow
def test_a_share_that_is_off_fails_and_says_by_how_much(small, tmp_path, capsys):
    """A scene 15 dB stronger than the other one is not predicted by it."""
    strong = (small[1].rssi_dbm + 15).astype(np.int16)
    write_scene(tmp_path / "one.sqlite", small[0])
    write_scene(tmp_path / "two.sqlite", dataclasses.replace(small[1], rssi_dbm=strong))
    assert call("validate", "radio", "--data", tmp_path) == 1
    captured = capsys.readouterr()
    assert "two: a share is off by" in captured.err
    assert "Every share within 0.1: no" in captured.out
    assert " !" in captured.out


def test_one_scene_alone_is_predicted_by_the_built_in_fit(small, tmp_path, capsys):
    write_scene(tmp_path / "one.sqlite", small[0], ("unheard of", "SM-G973F"))
    call("validate", "radio", "--data", tmp_path, "--json")
    document = json.loads(capsys.readouterr().out)
    assert document["scenes"][0]["fitted_on"] == ["exp34, built in"]
    assert document["fit_on_all"] is None
    assert document["unknown_models"] == ["UNHEARD OF"]


def test_folders_without_scenes_are_named(tmp_path, capsys):
    assert call("validate", "radio", "--data", tmp_path / "none") == 2
    assert "no such folder" in capsys.readouterr().err
    assert call("validate", "radio", "--data", tmp_path) == 2
    assert "holds no *.sqlite" in capsys.readouterr().err


def test_scenes_that_cannot_be_fitted_are_named(drawn):
    unknown = dataclasses.replace(drawn, distance_m=np.full(len(drawn), np.nan))
    with pytest.raises(InputError, match="no sample has a true distance"):
        validate_radio([unknown])
    few = drawn.take(np.arange(20))
    with pytest.raises(InputError, match="a fit needs"):
        fit_radio([few])


def test_a_scene_without_near_samples_has_no_shares(drawn):
    far = drawn.take(drawn.distance_m > 2.5)
    result = predicted(far, TRUE, ("the truth",))
    assert result.shares == ()
    assert result.worst() == 0
    assert set(result.qq) == {"far"}


def test_a_scenarios_radio_is_the_fit_that_the_package_carries():
    """But for what calibration leaves of a model, which a scenario's shadowing holds."""
    by_default = simulator()
    for name in RadioFit.__dataclass_fields__:
        if name not in ("receiver_db", "pair_sd_db", "level_error_db"):
            assert getattr(by_default, name) == getattr(EXP34, name), name
    left = np.array(list(EXP34.receiver_db.values()))
    pair_sd_db = np.hypot(EXP34.pair_sd_db, np.sqrt(np.mean(left**2)))
    assert by_default.pair_sd_db == pytest.approx(pair_sd_db, abs=0.05)


@pytest.mark.data
@pytest.mark.skipif(
    not MEASUREMENTS.is_dir(), reason=f"needs the measured scenes in {MEASUREMENTS}"
)
@pytest.mark.slow
def test_the_measured_scenes_are_predicted_when_left_out(capsys):
    assert call("validate", "radio", "--data", MEASUREMENTS, "--json") == 0
    document = json.loads(capsys.readouterr().out)
    measured = {s["scene"]: [x["measured"] for x in s["shares"]] for s in document["scenes"]}
    # Attenuations with each transmitter's own calibration.
    assert measured == {
        "scenario01-lunch": [0.3197, 0.5609, 0.9008, 0.9977],
        "scenario02-train": [0.3094, 0.5398, 0.8694, 0.9884],
        "scenario03-office": [0.338, 0.6111, 0.9522, 1.0],
    }
    for scene in document["scenes"]:
        assert scene["worst_difference"] <= 0.10
        # So is the radio that a scenario has by default, though no scene is left out of it.
        for share, of_simulator in zip(
            measured[scene["scene"]], scene["simulator_defaults"], strict=True
        ):
            assert abs(share - of_simulator) <= 0.10
        assert scene["scene"] not in scene["fitted_on"]
        # One level by scene is most of what is left, and the interval allows for it.
        assert scene["worst_difference_at_its_level"] <= 0.05
        assert abs(scene["level_db"]) <= 1.96 * scene["level_sd_db"]
        assert sum(share["covered"] for share in scene["shares"]) >= 3
    # The fit that the package carries is the fit on all of them.
    fit = document["fit_on_all"]
    for name, value in fit.items():
        if name not in ("receiver_db", "scene_db", "levels"):
            assert value == pytest.approx(getattr(EXP34, name), abs=0.06)
    # Three scenes tell little of how scenes differ: the 2 dB that are used are well within.
    assert fit["levels"]["sd_db"] == pytest.approx(0.78, abs=0.02)
    assert fit["levels"]["sd_ci95_db"] == pytest.approx([0, 6.44], abs=0.05)
    assert fit["scene_sd_db"] == EXP34.scene_sd_db == 2.0
