"""Stage rate: the opinion study for observers, and the collection of their ratings."""

from pathlib import Path
from typing import Annotated

import typer

from ssus2mri.commands.options import (
    DEFAULT,
    Out,
    Settings,
    apart,
    files_argument,
    listed,
    paths,
    paths_option,
    section_option,
)
from ssus2mri.config.base import load_section

app = typer.Typer(
    no_args_is_help=True, help="Opinion study: write its page, and collect the ratings."
)


@app.command()
def study(
    synthetic: Annotated[list[Path], files_argument("Synthetic slice files of all runs")],
    references: Annotated[str, paths_option("Slice files of real MR")],
    out: Out,
    settings: Settings = DEFAULT,
) -> None:
    """Write the page for observers, and beside it key.csv, which they must not see."""
    from ssus2mri.config.rate import RateSettings
    from ssus2mri.rate.study import run_rate

    synthetic_files, real = listed(synthetic), paths(references)
    apart({"--out": out, "--out key.csv": out.with_name("key.csv")}, *synthetic_files, *real)

    run_rate(
        synthetic_files,
        references=real,
        out=out,
        settings=load_section(RateSettings, settings, "rate"),
    )


@app.command()
def collect(
    ratings: Annotated[
        list[Path] | None, typer.Argument(help="Files that the observers sent, ratings-*.csv.")
    ] = None,
    key: Annotated[Path, typer.Option(help="key.csv of the study.")] = Path("results/rate/key.csv"),
    out: Annotated[Path, typer.Option(help="Folder: ratings.csv, mos.csv, agreement.csv.")] = Path(
        "results/rate"
    ),
    score: Annotated[str, section_option("score")] = DEFAULT,
    settings: Settings = DEFAULT,
) -> None:
    """Check the observers' files; write mean opinion scores, intervals and agreement."""
    from ssus2mri.config.evaluate import ScoreSettings
    from ssus2mri.config.rate import RateSettings
    from ssus2mri.rate.collect import OUTPUTS, run_collect

    apart({f"--out {name}": out / name for name in OUTPUTS}, *(ratings or []), key)

    run_collect(
        ratings or [],
        key=key,
        out=out,
        settings=load_section(RateSettings, settings, "rate"),
        score=load_section(ScoreSettings, score, "score"),
    )
