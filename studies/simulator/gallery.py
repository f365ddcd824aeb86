"""Draw simulated heads at four ages in three planes, and every pathology, in one figure.

    python studies/simulator/gallery.py [docs/results/simulator.png]

Rows of ages: labels, ultrasound and MR of one subject, each axial, coronal and sagittal through the
thalami, brought upright by the true pose. Below, MR and ultrasound of every entry of `pathologies`
in the plane that shows it.
"""

import sys
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.gridspec import SubplotSpec
from numpy.typing import NDArray
from PIL import Image

from ssus2mri.config.base import load_yaml
from ssus2mri.config.pathology import Pathology
from ssus2mri.config.project import Project
from ssus2mri.config.simulate import SimulateSettings
from ssus2mri.images import geometry
from ssus2mri.render.pictures import upright
from ssus2mri.simulate.cohort import anatomy_of, settings_of, simulate
from ssus2mri.simulate.pathology import add_pathology
from ssus2mri.slices import PLANES
from ssus2mri.tissues import Tissue

CONFIG = Path(__file__).parents[2] / "config" / "config.yaml"
AGES = (20.0, 23.0, 26.0, 30.0)
SIZE, SPACING_MM = 120, 0.8
MR_WHITE = 3000.0
GREYS = 40
CELL_INCHES = 1.1
TITLE = 0.33  # height of the pathologies' names, cells
# Of the head's centre: where the plane lies that shows most.
OFFSETS_MM = {"axial": 2.0, "coronal": 0.0, "sagittal": 4.0}
VIEWS = {
    "cyst": ("axial", 11.0),
    "absent_cavum": ("coronal", -12.0),
    "absent_corpus_callosum": ("sagittal", 0.0),
    "large_cisterna_magna": ("sagittal", 0.0),
}

OTHERS = "black"
COLOURS = {
    Tissue.WHITE_MATTER: "#e8e3d3",
    Tissue.VENTRICLES: "#2f7fc1",
    Tissue.CEREBELLUM: "#8c6bb1",
    Tissue.EXTRA_AXIAL_CSF: "#a6cee3",
    Tissue.CORTEX: "#d9826b",
    Tissue.DEEP_GREY: "#b3de69",
    Tissue.BRAINSTEM: "#bc80bd",
    Tissue.CORPUS_CALLOSUM: "#fdb462",
    Tissue.SKULL: "#ffffff",
    Tissue.SCALP: "#c49a6c",
    Tissue.MIDLINE: "#ffff33",
    Tissue.CAVUM: "#08519c",
    Tissue.CHOROID_PLEXUS: "#e7298a",
    Tissue.AMNIOTIC_FLUID: "#20384f",
    Tissue.UTERINE_WALL: "#6b3a3a",
    Tissue.GERMINAL_MATRIX: "#a50f15",
    Tissue.SUTURE: "#33a02c",
    Tissue.SOFT_TISSUE: "#a1887f",
    Tissue.FACIAL_BONE: "#dddddd",
}

Views = dict[str, NDArray]


def main() -> None:
    out = Path(sys.argv[1] if len(sys.argv) > 1 else "docs/results/simulator.png")
    project = Project.model_validate(load_yaml(CONFIG))
    rows = [(f"{weeks:g} weeks", subject(weeks, project.simulate, None)) for weeks in AGES]
    with_pathology = {
        name: subject(23.0, project.simulate, pathology)
        for name, pathology in project.pathologies.items()
    }
    columns = 9
    heights = [1.0] * len(rows) + [TITLE, 1.0, 1.0]
    size = (CELL_INCHES * columns, CELL_INCHES * (sum(heights) + TITLE))
    figure = Figure(figsize=size, dpi=100, facecolor="white")
    grid = figure.add_gridspec(
        len(heights), columns, height_ratios=heights, wspace=0.03, hspace=0.03
    )
    for line, (name, views) in enumerate(rows):
        for column in range(columns):
            kind, plane = ("labels", "us", "mr")[column // 3], PLANES[column % 3]
            axes = cell(figure, grid[line, column], views[kind], plane, OFFSETS_MM[plane])
            if line == 0:
                axes.set_title(f"{kind if kind == 'labels' else kind.upper()}, {plane}", fontsize=7)
            if column == 0:
                axes.set_ylabel(name, fontsize=8)
    for column, (name, views) in enumerate(with_pathology.items()):
        plane, offset = VIEWS.get(name, ("axial", 5.0))
        for line, kind in ((len(rows) + 1, "mr"), (len(rows) + 2, "us")):
            axes = cell(figure, grid[line, column], views[kind], plane, offset)
            if kind == "mr":
                axes.set_title(name.replace("_", "\n", 1).replace("_", " "), fontsize=6)
            if column == 0:
                axes.set_ylabel(f"{kind.upper()}, 23 weeks", fontsize=7)
    figure.subplots_adjust(left=0.03, right=0.995, top=0.955, bottom=0.005)
    figure.savefig(out, metadata={"Software": None})
    # Speckle does not compress; fewer greys do. The labels' colours stay.
    picture = np.asarray(Image.open(out).convert("RGB"))
    grey = np.ptp(picture, axis=2, keepdims=True) == 0
    step = 255 / (GREYS - 1)
    few = np.where(grey, np.rint(np.rint(picture / step) * step), picture).astype(np.uint8)
    Image.fromarray(few).quantize(256, dither=Image.Dither.NONE).save(out, optimize=True)
    print(f"{out}: {out.stat().st_size / 1000:.0f} kB")


def subject(weeks: float, settings: SimulateSettings, pathology: Pathology | None) -> Views:
    """Simulate both scans of one subject and bring them upright."""
    settings = settings.model_copy(update={"size": SIZE, "spacing_mm": SPACING_MM})
    anatomy = anatomy_of(weeks, None, settings_of("gallery", settings))
    if pathology is not None:
        anatomy = add_pathology(anatomy, pathology)
    x, y, z = anatomy.centre_mm.tolist()
    grid = geometry.grid(SIZE, SPACING_MM, (x, y, z))
    views = {}
    for modality in ("us", "mr"):
        scan = simulate(
            f"gallery-{modality}",
            subject="gallery",
            modality=modality,
            ga_weeks=weeks,
            anatomy=anatomy,
            settings=settings,
        )
        image = sitk.Cast(scan.image, sitk.sitkFloat32)
        views[modality] = geometry.resample(image, grid, scan.pose)
        views["labels"] = geometry.resample(scan.labels, grid, scan.pose, nearest=True)
    return {name: sitk.GetArrayFromImage(image) for name, image in views.items()}


def cell(figure: Figure, place: SubplotSpec, volume: NDArray, plane: str, offset_mm: float) -> Axes:
    """Draw one slice."""
    axes = figure.add_subplot(place)
    axes.set_xticks([])
    axes.set_yticks([])
    middle = round((SIZE - 1) / 2 + offset_mm / SPACING_MM)
    image = upright(np.take(volume, middle, axis=PLANES.index(plane)), plane)
    if volume.dtype == np.uint8:
        table = np.array([to_rgb(COLOURS.get(tissue, OTHERS)) for tissue in Tissue])
        axes.imshow(table[image], interpolation="nearest")
    else:
        white = 255 if volume.max() <= 255 else MR_WHITE
        axes.imshow(image, cmap="gray", vmin=0, vmax=white)
    return axes


if __name__ == "__main__":
    main()
