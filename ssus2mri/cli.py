"""One subcommand per stage: parse, call one function, exit code. No logic, no heavy import.

A stage's package is imported inside its command: `ssus2mri --help` loads none of them, and a
thousand crop jobs never load torch.
"""

import logging
import sys
from pathlib import Path
from typing import Annotated

import typer

from ssus2mri.config.base import load_section
from ssus2mri.errors import InputError

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="US-to-MR synthesis of the fetal brain. Each command is a stage of the workflow.",
)

Settings = Annotated[
    str, typer.Option(help="The stage's section as JSON, or a whole configuration file (YAML).")
]
Ga = Annotated[float, typer.Option(help="Gestational age, weeks.")]
Modality = Annotated[str, typer.Option(help="`us` or `mr`.")]
Out = Annotated[Path, typer.Option(help="File to write.")]
Plane = Annotated[str, typer.Option(help="Plane of a 2D image; empty for a volume.")]
Template = Annotated[Path, typer.Option(help="Template of the modality, written by `template`.")]
DEFAULT = "config/config.yaml"


@app.callback()
def _root(
    debug: Annotated[bool, typer.Option(help="Show tracebacks and debug messages.")] = False,
) -> None:
    logging.basicConfig(
        level=logging.DEBUG if debug else logging.INFO,
        format="%(asctime)s %(name)s: %(message)s",
        datefmt="%H:%M:%S",
        stream=sys.stderr,
        force=True,
    )
    for noisy in ("matplotlib", "PIL"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


@app.command()
def check(
    config: Annotated[
        list[Path] | None, typer.Argument(help="Configuration files, later over earlier.")
    ] = None,
    manifest: Annotated[str, typer.Option(help="Manifest instead of the configured one.")] = "",
) -> None:
    """Report everything wrong with configuration, manifest and images, before days are spent."""
    from ssus2mri.check import run_check

    messages, checked = run_check(config or [Path(DEFAULT)], manifest)
    for message in messages:
        typer.echo(message, err=True)
    if messages:
        raise InputError.several([f"{len(messages)} problem(s) in {checked}"])
    typer.echo(f"Checked {checked}: all in order.")


@app.command()
def template(
    out: Annotated[Path, typer.Option(help="Folder: mr, us, labels and head .nii.gz.")],
    labels: Annotated[str, typer.Option(help="Label atlas; empty: built-in anatomy.")] = "",
    image: Annotated[str, typer.Option(help="MR of the label atlas; empty: simulated.")] = "",
    atlas: Annotated[str, typer.Option(help="Section `atlas`: JSON or file.")] = DEFAULT,
    settings: Settings = DEFAULT,
) -> None:
    """Make the atlas: MR, ultrasound, labels and head on one grid."""
    from ssus2mri.config.prepare import AtlasSettings
    from ssus2mri.config.simulate import SimulateSettings
    from ssus2mri.simulate.template import run_template

    run_template(
        load_section(AtlasSettings, atlas, "atlas"),
        load_section(SimulateSettings, settings, "simulate"),
        out=out,
        labels=Path(labels) if labels else None,
        image=Path(image) if image else None,
    )


@app.command()
def simulate(
    volume: Annotated[str, typer.Argument(help="Name of the volume; seeds its acquisition.")],
    subject: Annotated[str, typer.Option(help="The person; seeds the anatomy.")],
    modality: Modality,
    ga_weeks: Ga,
    out: Annotated[Path, typer.Option(help="Image; labels, truth and pose are put beside it.")],
    labels: Annotated[str, typer.Option(help="Label atlas; empty: built-in anatomy.")] = "",
    settings: Settings = DEFAULT,
) -> None:
    """Simulate one scan of one subject, with its labels, true MR and true pose."""
    from ssus2mri.config.simulate import SimulateSettings
    from ssus2mri.simulate.cohort import run_simulate

    run_simulate(
        volume,
        subject=subject,
        modality=modality,
        ga_weeks=ga_weeks,
        labels=Path(labels) if labels else None,
        out=out,
        settings=load_section(SimulateSettings, settings, "simulate"),
    )


@app.command()
def crop(
    image: Annotated[Path, typer.Argument(help="A volume, a DICOM folder or a plane.")],
    modality: Modality,
    ga_weeks: Ga,
    out: Out,
    out_mask: Out,
    mask: Annotated[str, typer.Option(help="Head or brain mask; empty: found.")] = "",
    pixel_mm: Annotated[float, typer.Option(help="Pixel of a 2D plane, mm; 0: volume.")] = 0.0,
    settings: Settings = DEFAULT,
) -> None:
    """Cut an image to the head, and say where the head is."""
    from ssus2mri.config.prepare import CropSettings
    from ssus2mri.prepare.crop import run_crop

    run_crop(
        image,
        modality=modality,
        ga_weeks=ga_weeks,
        mask=Path(mask) if mask else None,
        pixel_mm=pixel_mm or None,
        out=out,
        out_mask=out_mask,
        settings=load_section(CropSettings, settings, "crop"),
    )


@app.command()
def align(
    image: Annotated[Path, typer.Argument(help="A cropped image.")],
    mask: Annotated[Path, typer.Option(help="Its mask, written by `crop`.")],
    template: Template,
    template_labels: Annotated[Path, typer.Option(help="Labels of the atlas.")],
    modality: Modality,
    ga_weeks: Ga,
    out: Annotated[Path, typer.Option(help="Image; .tfm, .json and .png are put beside it.")],
    plane: Plane = "",
    transform: Annotated[str, typer.Option(help="ITK file, image -> atlas; empty: found.")] = "",
    settings: Settings = DEFAULT,
) -> None:
    """Bring a cropped image to atlas space."""
    from ssus2mri.config.prepare import AlignSettings
    from ssus2mri.prepare.align import run_align

    run_align(
        image,
        mask=mask,
        template=template,
        template_labels=template_labels,
        modality=modality,
        ga_weeks=ga_weeks,
        plane=plane,
        transform=Path(transform) if transform else None,
        out=out,
        settings=load_section(AlignSettings, settings, "align"),
    )


@app.command()
def extract(
    image: Annotated[Path, typer.Argument(help="An aligned image.")],
    mask: Annotated[Path, typer.Option(help="Mask of the cropped image, written by `crop`.")],
    transform: Annotated[Path, typer.Option(help="Image -> atlas, written by `align`.")],
    volume: Annotated[str, typer.Option(help="Name of the volume.")],
    subject: Annotated[str, typer.Option(help="The person.")],
    modality: Modality,
    ga_weeks: Ga,
    split: Annotated[str, typer.Option(help="train, val or test.")],
    out: Out,
    plane: Plane = "",
    labels: Annotated[str, typer.Option(help="Labels in the image's own space.")] = "",
    truth: Annotated[str, typer.Option(help="True MR in the image's own space.")] = "",
    settings: Settings = DEFAULT,
) -> None:
    """Slice an aligned image and scale its intensities."""
    from ssus2mri.config.prepare import ExtractSettings
    from ssus2mri.prepare.extract import run_extract

    run_extract(
        image,
        mask=mask,
        transform=transform,
        volume=volume,
        subject=subject,
        modality=modality,
        ga_weeks=ga_weeks,
        split=split,
        plane=plane,
        labels=Path(labels) if labels else None,
        truth=Path(truth) if truth else None,
        out=out,
        settings=load_section(ExtractSettings, settings, "extract"),
    )


@app.command()
def train(
    extracts: Annotated[list[Path], typer.Argument(help="Slice files of train and val.")],
    run: Annotated[str, typer.Option(help="Name of the run.")],
    out: Annotated[Path, typer.Option(help="model.safetensors; losses.csv, train.json beside it.")],
    checkpoints: Annotated[Path, typer.Option(help="Folder to resume from.")],
    settings: Annotated[str, typer.Option(help="The run's settings: `train` and differences.")],
    threads: Annotated[int, typer.Option(help="CPU threads.")] = 1,
) -> None:
    """Train one run; the same command resumes it."""
    from ssus2mri.config.learn import TrainSettings
    from ssus2mri.learn.train import run_train

    run_train(
        extracts,
        run=run,
        out=out,
        checkpoints=checkpoints,
        settings=load_section(TrainSettings, settings, "train"),
        threads=threads,
    )


@app.command()
def synthesize(
    model: Annotated[Path, typer.Argument(help="model.safetensors of the run.")],
    extracts: Annotated[list[Path], typer.Argument(help="US slice files.")],
    run: Annotated[str, typer.Option(help="Name of the run.")],
    out: Annotated[Path, typer.Option(help="Folder: {volume}.h5 and .nii.gz.")],
    settings: Settings = DEFAULT,
    threads: Annotated[int, typer.Option(help="CPU threads.")] = 1,
) -> None:
    """Synthesise MR for every slice of every US file."""
    from ssus2mri.config.learn import SynthesizeSettings
    from ssus2mri.learn.synthesize import run_synthesize

    run_synthesize(
        model,
        extracts,
        run=run,
        out=out,
        settings=load_section(SynthesizeSettings, settings, "synthesize"),
        threads=threads,
    )


@app.command()
def register(
    synthetic: Annotated[list[Path], typer.Argument(help="Synthetic slice files of one run.")],
    references: Annotated[str, typer.Option(help="Slice files of real MR, separated by spaces.")],
    out: Out,
    settings: Settings = DEFAULT,
) -> None:
    """Score how far synthetic MR must deform to become real MR: a row per slice."""
    from ssus2mri.config.evaluate import RegisterSettings
    from ssus2mri.evaluate.register import run_register

    run_register(
        synthetic,
        references=[Path(path) for path in references.split()],
        out=out,
        settings=load_section(RegisterSettings, settings, "register"),
    )


@app.command()
def compare(
    synthetic: Annotated[list[Path], typer.Argument(help="Synthetic slice files of one run.")],
    extracts: Annotated[
        str, typer.Option(help="Slice files of the test scans, US and MR, separated by spaces.")
    ],
    out: Out,
    settings: Settings = DEFAULT,
) -> None:
    """Compare synthetic MR with the true or pseudo-paired MR: a row per slice."""
    from ssus2mri.config.evaluate import CompareSettings
    from ssus2mri.evaluate.compare import run_compare

    run_compare(
        synthetic,
        extracts=[Path(path) for path in extracts.split()],
        out=out,
        settings=load_section(CompareSettings, settings, "compare"),
    )


@app.command()
def score(
    register: Annotated[str, typer.Option(help="CSVs of `register`, separated by spaces.")],
    compare: Annotated[str, typer.Option(help="CSVs of `compare`, separated by spaces.")],
    labels: Annotated[str, typer.Option(help="JSON: run -> name in tables, in their order.")],
    out: Annotated[Path, typer.Option(help="Folder: table2.csv, table4.csv, summary.csv.")],
    settings: Settings = DEFAULT,
) -> None:
    """Derive the tables from the rows."""
    from ssus2mri.config.evaluate import ScoreSettings
    from ssus2mri.evaluate.score import run_score

    run_score(
        register=[Path(path) for path in register.split()],
        compare=[Path(path) for path in compare.split()],
        labels=labels,
        out=out,
        settings=load_section(ScoreSettings, settings, "score"),
    )


@app.command()
def render(
    results: Annotated[Path, typer.Argument(help="The results folder.")],
    labels: Annotated[str, typer.Option(help="JSON: run -> name in tables, in their order.")],
    volumes: Annotated[str, typer.Option(help="Test US volumes, separated by spaces.")],
    out: Out,
    scans: Annotated[
        str, typer.Option(help="All volumes, separated by spaces; empty: all there are.")
    ] = "",
    settings: Settings = DEFAULT,
) -> None:
    """Put tables, pictures, losses and alignment into one HTML file."""
    from ssus2mri.config.evaluate import RenderSettings
    from ssus2mri.render.report import run_render

    run_render(
        results,
        labels=labels,
        volumes=volumes.split(),
        scans=scans.split(),
        out=out,
        settings=load_section(RenderSettings, settings, "render"),
    )


def main() -> None:
    """Run the command; turn the user's mistakes into one message and exit code 1."""
    debug = "--debug" in sys.argv[1:]
    try:
        app()
    except InputError as error:
        if debug:
            raise
        print(f"ssus2mri: {error}", file=sys.stderr)
        sys.exit(1)
