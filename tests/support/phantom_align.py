"""A small labelled head, its template, and scans of it in any pose."""

import numpy as np
import SimpleITK as sitk
from conftest import configured
from scipy import ndimage
from scipy.spatial.transform import Rotation

from ssus2mri.config.prepare import AlignSettings
from ssus2mri.images import geometry
from ssus2mri.prepare.align import head_of
from ssus2mri.tissues import Tissue

SETTINGS = configured(AlignSettings, "align", coarse_mm=4.0, fine_mm=2.5, starts=6, steps=40)
SIZE, SPACING = 48, 2.0


def labelled_head() -> sitk.Image:
    """A head without any symmetry but left-right: skull, brain, ventricles, cerebellum, thalami."""
    grid = geometry.grid(SIZE, SPACING, (0.0, 0.0, 0.0))
    z, y, x = (np.indices([SIZE] * 3) - (SIZE - 1) / 2) * SPACING
    out = np.zeros([SIZE] * 3, np.uint8)
    out[_ball(x, y, z, (0, 0, 0), (29, 36, 28))] = Tissue.SKULL
    out[_ball(x, y, z, (0, 0, 0), (26, 33, 25))] = Tissue.WHITE_MATTER
    for side in (-1, 1):
        out[_ball(x, y, z, (side * 9, 4, 6), (4, 16, 5))] = Tissue.VENTRICLES
        out[_ball(x, y, z, (side * 6, 2, -5), (5, 7, 5))] = Tissue.DEEP_GREY
    out[_ball(x, y, z, (0, 20, -13), (14, 7, 7))] = Tissue.CEREBELLUM
    return geometry.from_array(out, grid)


def template_of(labels: sitk.Image) -> sitk.Image:
    echo = np.zeros(16)
    tissues = [Tissue.SKULL, Tissue.WHITE_MATTER, Tissue.VENTRICLES]
    echo[tissues] = 200.0, 60.0, 20.0
    echo[[Tissue.DEEP_GREY, Tissue.CEREBELLUM]] = 40.0, 130.0
    folds = ndimage.gaussian_filter(np.random.default_rng(1).normal(size=[SIZE] * 3), 2.0)
    values = echo[sitk.GetArrayFromImage(labels)] * (1 + 0.3 * folds / folds.std())
    values = ndimage.gaussian_filter(values, 0.7)
    return geometry.from_array(values.astype(np.float32), labels)


def _ball(x, y, z, center, radii):
    return sum(((a - c) / r) ** 2 for a, c, r in zip((x, y, z), center, radii, strict=True)) <= 1


def pose_of(degrees: tuple[float, float, float], shift=(0.0, 0.0, 0.0), scale=1.0):
    transform = sitk.Similarity3DTransform()
    turn = Rotation.from_rotvec(np.radians(degrees)).as_matrix()
    transform.SetMatrix((scale * turn).ravel().tolist(), 1e-8)
    transform.SetTranslation(shift)
    return transform


def scan_at(template: sitk.Image, labels: sitk.Image, pose: sitk.Transform, oblique: bool = False):
    """The template as a scan at a pose (image -> atlas), with speckle; and its brain's mask."""
    grid = geometry.grid(SIZE + 12, SPACING, (0.0, 0.0, 0.0))
    if oblique:
        turn = Rotation.from_rotvec([0.4, -0.3, 0.5]).as_matrix() @ np.diag([-1.0, 1.0, -1.0])
        grid.SetDirection(turn.ravel().tolist())
        middle = (SIZE + 11) / 2 * SPACING
        grid.SetOrigin((-turn @ np.full(3, middle)).tolist())
    image = sitk.Resample(template, grid, pose, sitk.sitkLinear, 0.0)
    speckle = np.random.default_rng(3).rayleigh(0.8, [SIZE + 12] * 3)
    noisy = (sitk.GetArrayFromImage(image) * speckle).astype(np.float32)
    brain = sitk.Resample(head_of(labels, "mr"), grid, pose, sitk.sitkNearestNeighbor, 0)
    return geometry.from_array(noisy, grid), brain
