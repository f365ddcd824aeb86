"""Pictures of heads and of anything else, in 2D and 3D, to learn when to refuse.

All are made here: abdomens, long bones, noise, gradients, boxes, and planes of simulated heads.
"""

from pathlib import Path

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial.transform import Rotation

from ssus2mri.images import geometry, volume

KINDS = ("abdomen", "bone", "noise", "gradient", "scene", "womb")
PLANE_PX, PLANE_MM = 320, 0.4
VOLUME_PX, VOLUME_MM = 100, 1.1


def other(kind: str, *, dimensions: int, seed: int) -> sitk.Image:
    """Make a picture that shows no fetal head.

    Args:
        kind: of `KINDS`.
        dimensions: 2 or 3.
        seed: of all that is random.

    Returns:
        float32, 1 to 255 in a fan-less field of view.
    """
    rng = np.random.default_rng([seed, KINDS.index(kind), dimensions])
    size, step = (PLANE_PX, PLANE_MM) if dimensions == 2 else (VOLUME_PX, VOLUME_MM)
    place = np.indices((size,) * dimensions).reshape(dimensions, -1).T * step
    middle = size * step / 2 + rng.normal(0, 4, dimensions)
    turn = _turn(dimensions, rng)
    own = ((place - middle) @ turn.T).T.reshape(dimensions, *(size,) * dimensions)
    echo = _DRAW[kind](own, rng, step)
    speckle = rng.rayleigh(0.8, echo.shape)
    speckle = ndimage.gaussian_filter(speckle, 0.6 / step)
    shown = 255 * np.clip(echo * (0.4 + 0.6 * speckle), 0, 1) ** rng.uniform(0.6, 1.4)
    image = sitk.GetImageFromArray(np.clip(shown, 1, 255).astype(np.float32))
    image.SetSpacing([step] * dimensions)
    return image


def plane_of(
    scan: Path, *, level_mm: float, angle_deg: float = 0.0, labels: bool = False
) -> sitk.Image:
    """Cut an axial plane out of a simulated scan.

    Args:
        scan: ``.nii.gz`` with its ``_pose.tfm`` and ``_labels.nii.gz`` beside it.
        level_mm: above the middle of the head.
        angle_deg: of the head in the plane.
        labels: cut its tissues instead.

    Returns:
        2D, float32; labels uint8.
    """
    image = volume.read(
        scan.with_name(scan.name.replace(".nii", "_labels.nii")) if labels else scan
    )
    pose = geometry.read_transform(scan.with_name(scan.name.replace(".nii.gz", "_pose.tfm")))
    turn = sitk.Euler3DTransform()
    turn.SetRotation(0.0, 0.0, np.radians(angle_deg))
    like = sitk.Image(PLANE_PX, PLANE_PX, 1, sitk.sitkUInt8)
    like.SetSpacing([PLANE_MM] * 3)
    edge = -(PLANE_PX - 1) / 2 * PLANE_MM
    like.SetOrigin([edge, edge, level_mm])
    to_plane = sitk.CompositeTransform([turn, pose])
    how = sitk.sitkNearestNeighbor if labels else sitk.sitkLinear
    cut = sitk.Resample(image, like, to_plane.GetInverse(), how, 0.0, image.GetPixelID())
    array = sitk.GetArrayFromImage(cut)[0]
    flat = sitk.GetImageFromArray(array.astype(np.uint8 if labels else np.float32))
    flat.SetSpacing([PLANE_MM] * 2)
    return flat


def _turn(dimensions: int, rng: np.random.Generator) -> NDArray[np.float64]:
    if dimensions == 3:
        return Rotation.random(random_state=rng).as_matrix()
    angle = rng.uniform(0, 2 * np.pi)
    return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])


def _abdomen(own: NDArray, rng: np.random.Generator, step: float) -> NDArray:
    """Draw a round trunk with skin, liver's texture, stomach, spine and ribs."""
    radius_mm = rng.uniform(24, 36)
    away = np.linalg.norm(own, axis=0)
    echo = np.where(away < radius_mm, 0.35, rng.uniform(0.02, 0.4))
    echo += 0.3 * np.exp(-(((away - radius_mm) / 1.5) ** 2))
    stomach = np.linalg.norm(own - _column([9, -4, 2], own), axis=0) < rng.uniform(4, 8)
    echo[stomach] = 0.03
    spine = np.linalg.norm(own - _column([0, 0.75 * radius_mm, 0], own), axis=0) < 4
    echo[spine] = 0.95
    angle = np.arctan2(own[0], own[1])
    ribs = (np.abs(away - 0.9 * radius_mm) < 1.2) & (np.cos(6 * angle) > 0.8)
    echo[ribs] = 0.8
    return echo


def _bone(own: NDArray, rng: np.random.Generator, step: float) -> NDArray:
    """Draw a long bone with its shadow, in tissue."""
    echo = 0.25 + 0.15 * _smooth(rng, own[0].shape, 6.0 / step)
    across = np.linalg.norm(own[1:], axis=0)
    shaft = (across < 2.5) & (np.abs(own[0]) < rng.uniform(14, 24))
    echo[(np.abs(own[0]) < 20) & (own[1] > 2.5)] *= 0.3
    echo[shaft] = 1.0
    return echo


def _noise(own: NDArray, rng: np.random.Generator, step: float) -> NDArray:
    return np.full(own[0].shape, rng.uniform(0.1, 0.6))


def _gradient(own: NDArray, rng: np.random.Generator, step: float) -> NDArray:
    return 0.5 + 0.45 * np.tanh(own[0] / rng.uniform(10, 60))


def _scene(own: NDArray, rng: np.random.Generator, step: float) -> NDArray:
    """Draw boxes and balls of any brightness, as in a photograph."""
    echo = np.full(own[0].shape, rng.uniform(0.1, 0.9))
    for _ in range(14):
        there = own - _column(rng.uniform(-45, 45, len(own)), own)
        size = rng.uniform(4, 22)
        box = np.abs(there).max(axis=0) < size
        ball = np.linalg.norm(there, axis=0) < size
        echo[box if rng.random() < 0.6 else ball] = rng.uniform(0, 1)
    return echo


def _womb(own: NDArray, rng: np.random.Generator, step: float) -> NDArray:
    """Draw fluid and wall without a fetus."""
    wall = _smooth(rng, own[0].shape, 12.0 / step)
    return np.where(wall > rng.uniform(-0.5, 0.5), 0.4, 0.03)


def _smooth(rng: np.random.Generator, shape: tuple[int, ...], sigma: float) -> NDArray:
    noise = ndimage.gaussian_filter(rng.standard_normal(shape), sigma)
    return noise / noise.std()


def _column(values: NDArray | list[float], own: NDArray) -> NDArray:
    return np.array(values[: len(own)], float).reshape(-1, *[1] * (own.ndim - 1))


_DRAW = {
    "abdomen": _abdomen,
    "bone": _bone,
    "noise": _noise,
    "gradient": _gradient,
    "scene": _scene,
    "womb": _womb,
}
