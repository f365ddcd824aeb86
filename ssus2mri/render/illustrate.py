"""Stage `illustrate`: Figures 5 to 9 of the source, drawn of this project's scans and runs.

``figure5`` to ``figure9``, each ``.png`` and ``.svg``. A figure says what it cannot show, since a
run is not enabled or no subject has both modalities.

Source: TMI 2020, Figs. 5 to 9.
"""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib.figure import Figure

from ssus2mri.config.evaluate import IllustrateSettings
from ssus2mri.render.explained import latent_figure, pattern_figure, read_explained
from ssus2mri.render.names import shown_label
from ssus2mri.render.picture_grid import picture_grid, write_figure
from ssus2mri.render.samples import Files, PairSample, Sample, pair_sample, sample
from ssus2mri.slices import read_header

logger = logging.getLogger(__name__)


def synthesis_figure(
    samples: Sequence[Sample], wanted: Sequence[str], labels: Mapping[str, str]
) -> Figure:
    """Draw Figure 6: what every run makes of the same slices.

    Args:
        samples: a row each.
        wanted: runs, in the figure's order; those without a label are not enabled.
        labels: run -> name.
    """
    runs, notes = _enabled(wanted, labels)
    notes = [
        "* Real MR: the true MR where it is known, else no MR of the same subject and place, but"
        " an example for comparison, named below each picture.",
        *notes,
    ]
    rows = [
        (
            row.name,
            [row.whole, row.us, *(row.synthetic[run] for run in runs), row.real],
        )
        for row in samples
    ]
    heads = ["Full US", "Source US", *(labels[run] for run in runs), "Real MR*"]
    return picture_grid("Figure 6: US-to-MR synthesis", heads, rows, notes=notes)


def pair_figure(
    samples: Sequence[PairSample], wanted: Sequence[str], labels: Mapping[str, str]
) -> Figure:
    """Draw Figure 8: synthesis beside the MR of the same subject."""
    runs, notes = _enabled(wanted, labels)
    if not samples:
        notes = ["No data: no test subject has both ultrasound and MR.", *notes]
    else:
        notes = [
            "* Aligned by itself: not exactly the place of the ultrasound on the left.",
            *notes,
        ]
    heads = [
        *("Full US", "Source US"),
        *(f"Synth. MR ({labels[run]})" for run in runs),
        *("Real cropped MR*", "Real full MR*"),
    ]
    rows = [
        (
            row.sample.name,
            [
                *(row.sample.whole, row.sample.us),
                *(row.sample.synthetic[run] for run in runs),
                *(row.cropped, row.whole),
            ],
        )
        for row in samples
    ]
    title = "Figure 8: preserved anatomy, pseudo-pairs"
    return picture_grid(title, heads if rows else [], rows, notes=notes)


def auxiliary_figure(
    samples: Sequence[Sample], wanted: Sequence[str], labels: Mapping[str, str]
) -> Figure:
    """Draw Figure 9: the runs with 3D auxiliaries beside the base model.

    Args:
        samples: a row each.
        wanted: runs, in the figure's order, the base model first.
        labels: run -> name.
    """
    runs, notes = _enabled(wanted, labels)
    if runs == list(wanted[:1]):
        notes = ["No data: no run with 3D auxiliaries is enabled.", *notes]
    rows = [
        (row.name, [row.us, *(row.synthetic[run] for run in runs), row.real]) for row in samples
    ]
    heads = ["Source US", *(labels[run] for run in runs), "Real MR"]
    return picture_grid("Figure 9: 3D auxiliaries", heads, rows, notes=notes)


def run_illustrate(
    results: Path,
    *,
    volumes: Sequence[str],
    labels: Mapping[str, str],
    methods: Mapping[str, str],
    images: Mapping[str, Path],
    mr: Sequence[str],
    out: Path,
    settings: IllustrateSettings,
    explained: Path | None = None,
) -> None:
    """Draw Figures 5 to 9 and write each as PNG and SVG.

    Args:
        results: the results folder.
        volumes: test US volumes, a row each in Figures 6, 8 and 9.
        labels: run -> name in tables.
        methods: run -> its method.
        images: volume -> its file of the manifest.
        mr: MR volumes: of the same subjects, and of training, to show beside them.
        out: folder.
        settings: section ``illustrate``.
        explained: what `explain` wrote; None: no enabled run can be explained.

    Raises:
        InputError: a file is missing or is not what its stage writes.
    """
    names = {run: shown_label(label, methods.get(run, "")) for run, label in labels.items()}
    files = Files(results, images, mr)
    wanted = dict.fromkeys((*settings.figure6, *settings.figure8, *settings.figure9))
    runs = [run for run in wanted if run in names]
    samples = [sample(files, volume, n, runs)[0] for n, volume in enumerate(volumes)]
    of_subject = _mr_by_subject(files, mr)
    pairs = [
        pair_sample(files, volume, number, runs, of_subject[subject])
        for number, volume in enumerate(volumes)
        if (subject := read_header(files.extract(volume)).subject) in of_subject
    ]
    seen = read_explained(explained) if explained else None
    drawn = {
        "figure5": latent_figure(seen, names),
        "figure6": synthesis_figure(samples, settings.figure6, names),
        "figure7": pattern_figure(seen, names),
        "figure8": pair_figure(pairs, settings.figure8, names),
        "figure9": auxiliary_figure(samples, settings.figure9, names),
    }
    for name, figure in drawn.items():
        write_figure(figure, out / name)
    logger.info("%s: %s", out, ", ".join(drawn))


def _enabled(wanted: Sequence[str], labels: Mapping[str, str]) -> tuple[list[str], list[str]]:
    """Return the runs of a figure that are enabled, and a note about the others."""
    missing = [run for run in wanted if run not in labels]
    notes = [f"Not shown, since not among the enabled runs: {', '.join(missing)}."]
    return [run for run in wanted if run in labels], notes if missing else []


def _mr_by_subject(files: Files, mr: Sequence[str]) -> dict[str, str]:
    headers = [read_header(files.extract(volume)) for volume in mr]
    return {header.subject: header.volume for header in headers if header.split == "test"}
