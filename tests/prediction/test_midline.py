"""The midline of a plane whose midline is known, and the plane upright afterwards."""

import numpy as np
import pytest
import SimpleITK as sitk
from phantom_prediction import SIZE, SPACING_MM, network, prepared, saying

from ssus2mri.images import geometry
from ssus2mri.prediction.midline import midline
from ssus2mri.prediction.prepare import turned
from ssus2mri.tissues import SHOWN, Tissue


def tissue(lean_deg: float, aside_px: float, size: int = 64) -> np.ndarray:
    """Two thalami and a midline between them, leaning."""
    lean = np.radians(lean_deg)
    y, x = np.indices((size, size)) - (size - 1) / 2
    along, across = (
        (x - aside_px) * np.sin(lean) + y * np.cos(lean),
        (x - aside_px) * np.cos(lean) - y * np.sin(lean),
    )
    maps = np.zeros((len(SHOWN), size, size))
    maps[SHOWN.index(Tissue.MIDLINE)] = (np.abs(across) < 1.5) & (np.abs(along) < 20)
    thalami = np.hypot(np.abs(across) - 8, along - 3) < 5
    maps[SHOWN.index(Tissue.DEEP_GREY)] = thalami
    maps[SHOWN.index(Tissue.WHITE_MATTER)] = (np.hypot(across / 18, along / 24) < 1) & ~thalami
    maps[0] = 1 - maps.sum(axis=0).clip(0, 1)
    return maps


@pytest.mark.parametrize(("lean_deg", "aside_px"), [(0.0, 0.0), (7.0, 2.0), (-12.0, -1.0)])
def test_a_leaning_midline(lean_deg, aside_px):
    found = midline(tissue(lean_deg, aside_px))
    assert found == pytest.approx((lean_deg, aside_px), abs=0.5)


def test_tissue_on_one_side_alone_does_not_draw_it_aside():
    maps = tissue(5.0, 1.0)
    maps[:, 34:46, 44:52] = 0
    assert midline(maps) == pytest.approx((5.0, 1.0), abs=1.0)


def test_nothing_to_mirror():
    assert midline(np.zeros((len(SHOWN), 64, 64))) is None


def test_a_turned_plane_is_upright():
    lean_deg, aside_px = 10.0, 2.0
    seen = tissue(lean_deg, aside_px, SIZE)
    line = seen[SHOWN.index(Tissue.MIDLINE)]
    net = network(saying(Tissue.CORTEX))
    grid = net.atlas.labels[:, :, SIZE // 2]
    image = sitk.Cast(geometry.from_array((50 + 200 * line).astype(np.float32), grid), 8)
    like = sitk.Image(SIZE, SIZE, sitk.sitkFloat32)
    like.SetSpacing(image.GetSpacing())
    like.SetOrigin(image.GetOrigin())
    image = geometry.from_array(sitk.GetArrayFromImage(image), like)
    mask = geometry.from_array((seen[0] < 1).astype(np.uint8), like)
    to_atlas = sitk.Similarity2DTransform()
    to_atlas.SetCenter((5.0, -4.0))
    shown = prepared(line[None], to_atlas, index=SIZE // 2, mask=mask, head=seen[:1] < 1)
    upright = turned(shown, image, net, (lean_deg, aside_px))
    rows, columns = np.nonzero(upright.us[0] > 0.9)
    assert len(rows) > 10
    assert np.abs(columns - (SIZE - 1) / 2).max() <= 2.0
    assert upright.pose["turned_deg"] == lean_deg
    assert upright.pose["shifted_mm"] == pytest.approx(aside_px * SPACING_MM)
