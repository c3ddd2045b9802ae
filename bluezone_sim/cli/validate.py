"""``bluezone-sim validate …``: the model beside measurements and surveys."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import CriterionError
from .common import Json, Settings, progress_bar, settings_of, show
from .printing import console, echo, print_json

if TYPE_CHECKING:
    from ..validation.radio.found import Validation

#: Faults that are told one by one.
_MOST_FAULTS = 20


def register(app: typer.Typer) -> None:
    """Adds the group; each command judges one part of the model by its exit code."""
    group = typer.Typer(
        help="Compare the model with measurements; exit 1 where it is off by more than a tolerance.",
        no_args_is_help=True,
    )
    group.command()(radio)
    group.command()(contacts)
    group.command()(cascades)
    group.command()(tracing)
    group.command()(epidemic)
    app.add_typer(group, name="validate")


def radio(
    data: Annotated[
        Path, typer.Option(help="Folder of measured scenes: sqlite files with a table `results`.")
    ],
    out: Annotated[
        Path | None, typer.Option(help="Folder to write radio.json and a QQ figure to.")
    ] = None,
    partial: Annotated[
        bool, typer.Option("--partial", help="Leave out rows and files that are at fault.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Predict each measured scene by a fit on the others; compare attenuations."""
    from ..files import check_absent
    from ..validation.radio.save import save_validation
    from ..validation.radio.scenes import read_scenes
    from ..validation.radio.validate import validate_radio

    if out is not None:
        check_absent(out)
    left_out: list[str] = []
    scenes, unknown = read_scenes(data, left_out.append if partial else None)
    for fault in left_out[:_MOST_FAULTS]:
        echo(f"bluezone-sim: left out: {fault}", err=True)
    if len(left_out) > _MOST_FAULTS:
        echo(f"bluezone-sim: left out: {len(left_out):,} faults in all", err=True)
    result = validate_radio(scenes, unknown, len(left_out))
    if out is not None:
        save_validation(result, out)
    if as_json:
        print_json("validate radio", result.to_dict())
    else:
        _print(result)
    if out is not None:
        echo(f"Written: {out}/", err=as_json)
    if not result.passed:
        off = [s for s in result.scenes if s.worst() > result.tolerance]
        raise CriterionError(
            "; ".join(f"{s.name}: a share is off by {s.worst():.3f}" for s in off)
            + f"; the tolerance is {result.tolerance:g}"
        )


def _print(result: Validation) -> None:
    from ..validation.radio.summary import level_table, quantile_table, share_table, spread_lines

    terminal = console()
    terminal.print(share_table(result))
    terminal.print(level_table(result))
    terminal.print(quantile_table(result))
    echo("simulator: the shares that a scenario's radio gives by default")
    for scene in result.scenes:
        echo(
            f"{scene.name}: {scene.n_near:,} near samples of {scene.n_pairs:,} pairs; predicted by a fit "
            f"on {', '.join(scene.fitted_on)}"
        )
    if result.unknown_models:
        echo(
            f"No calibration for {', '.join(result.unknown_models)}: the mean of the known models stands."
        )
    if result.fit is not None:
        fit = result.fit
        echo(
            f"Fitted on all: A(1 m) {fit.attenuation_1m_db:.1f} dB, exponent {fit.exponent:.2f}; "
            f"deviations {fit.scene_sd_db:.1f} dB by scene, {fit.pair_sd_db:.1f} by pair, "
            f"{fit.scan_sd_db:.1f} by scan, "
            f"{fit.fading_sd_db:.1f} by packet; sensitivity {fit.sensitivity_dbm:.1f} dBm, soft over "
            f"{fit.softness_db:.1f} dB"
        )
    for line in spread_lines(result):
        echo(line)
    echo(f"Every share within {result.tolerance:g}: {'yes' if result.passed else 'no'}")


def contacts(
    scenario: Annotated[
        str, typer.Argument(help="Name of a shipped scenario, or path of a TOML file.")
    ] = "yen-bai-2020",
    settings: Settings = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder to write contacts.json and a figure to.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Set generated contacts beside the diary survey of rural north Vietnam (Horby et al. 2011)."""
    from ..files import check_absent
    from ..kernels.threads import available_threads
    from ..scenario import load
    from ..validation.contacts.survey import save, survey, table

    if out is not None:
        check_absent(out)
    chosen = load(scenario, settings_of(settings))
    result = survey(chosen, chosen.seed, threads=available_threads())
    if out is not None:
        save(result, out)
    if as_json:
        print_json("validate contacts", result.to_dict())
    else:
        console().print(table(result))
        echo(
            f"{result.participants:,} participants, each of 14 days; every number within its "
            f"tolerance: {'yes' if result.passed else 'no'}"
        )
    if out is not None:
        echo(f"Written: {out}/", err=as_json)
    if not result.passed:
        off = [f"{c.name} is {c.generated:.3g}" for c in result.checks if not c.passed]
        raise CriterionError("; ".join(off))


def cascades(
    scenario: Annotated[
        str, typer.Argument(help="Name of a shipped scenario, or path of a TOML file.")
    ] = "yen-bai-2020",
    settings: Settings = None,
    cases: Annotated[int, typer.Option(min=1, help="Index cases for each app.")] = 1000,
    threads: Annotated[
        int | None, typer.Option(help="Threads; by default one a core. Results do not change.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Set each step from case to warning beside what apps did in the field; nothing is fitted."""
    from ..scenario import load
    from ..validation.cascades import cascades as follow
    from ..validation.cascades import sources, table

    chosen = load(scenario, settings_of(settings))
    with progress_bar(quiet=as_json) as report:
        found = follow(chosen, chosen.seed, cases=cases, threads=threads, progress=report)
    if as_json:
        print_json("validate cascades", found.to_dict())
        return
    show(console(), [table(found)])
    echo("\n".join(sources(found)))


def tracing(
    trace: Annotated[
        Path | None,
        typer.Option(
            help="SocioPatterns' InVS15, one week in steps of 15 minutes (tij_InVS15_1week.dat of "
            "github.com/barrat/digitalcontacttracing): outbreaks on it too."
        ),
    ] = None,
    trials: Annotated[int, typer.Option(min=1, help="Outbreaks at each adoption.")] = 10_000,
    seed: Annotated[int, typer.Option(help="Seed of the outbreaks.")] = 1,
    threads: Annotated[
        int | None, typer.Option(help="Threads; by default one a core. Results do not change.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Set published models of contact tracing, as written here, beside their known answers."""
    from ..kernels.threads import available_threads
    from ..validation.tracing.barrat import read_trace
    from ..validation.tracing.known import known_answers, notes, table

    office = None if trace is None else read_trace(trace)
    with progress_bar(quiet=as_json or office is None) as report:
        found = known_answers(
            office,
            trials=trials,
            seed=seed,
            threads=threads or available_threads(),
            progress=report,
        )
    if as_json:
        print_json("validate tracing", found.to_dict())
    else:
        show(console(), [table(found.answers)])
        echo("\n".join(notes(found)))
    if not found.passed:
        off = [
            f"{a.model}, {a.what}: {a.ours:.3f}, expected {a.known:.3f} ± {a.tolerance:g}"
            for a in found.answers
            if not a.passed
        ]
        raise CriterionError("; ".join(off))


def epidemic(
    scenario: Annotated[
        str, typer.Argument(help="Name of a shipped scenario, or path of a TOML file.")
    ] = "yen-bai-2020",
    settings: Settings = None,
    people: Annotated[
        int, typer.Option(min=100, help="People of the town: those of the scenario, scaled down.")
    ] = 20_000,
    seeds: Annotated[int, typer.Option(min=1, help="Towns, upwards from the scenario's seed.")] = 1,
    threads: Annotated[
        int | None, typer.Option(help="Threads; by default one a core. Results do not change.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Run one epidemic on the built-in engine and on Covasim, with and without the app."""
    from ..scenario import load
    from ..validation.epidemic.engines import compare_engines, covasim_version, table
    from ..validation.epidemic.scaled import scaled

    covasim_version()  # told before anything is made
    chosen = scaled(load(scenario, settings_of(settings)), people)
    with progress_bar(quiet=as_json) as report:
        found = compare_engines(
            chosen,
            range(chosen.seed, chosen.seed + seeds),
            threads=threads,
            progress=report,
        )
    if as_json:
        print_json("validate epidemic", found.to_dict())
    else:
        show(console(), [table(found)])
