"""Pictures of the report: upright, on a fixed grey scale, edges laid over them."""

import numpy as np
import pandas as pd
import pytest
from phantom_render import decoded

from ssus2mri.render.losses import losses_svg
from ssus2mri.render.pictures import edges, grey, upright


@pytest.mark.parametrize(
    ("plane", "spot", "expected"),
    [
        ("axial", (0, 2), (0, 2)),  # anterior: already at the top
        ("coronal", (9, 2), (0, 2)),  # superior: the last row comes to the top
        ("sagittal", (9, 2), (0, 2)),
    ],
)
def test_pictures_are_upright(plane: str, spot: tuple[int, int], expected: tuple[int, int]) -> None:
    image = np.zeros((10, 10), np.float16)
    image[spot] = 1.0
    drawn = np.asarray(decoded(grey(upright(image, plane))))
    assert np.unravel_index(drawn.argmax(), drawn.shape) == expected


def test_grey_scale_is_fixed() -> None:
    image = np.array([[0.0, 0.5], [1.0, 2.0]], np.float32)
    assert np.asarray(decoded(grey(image))).tolist() == [[0, 128], [255, 255]]
    dark = np.asarray(decoded(grey(np.full((4, 4), 0.25, np.float16))))
    assert (dark == 64).all()


def test_edges_are_a_transparent_overlay() -> None:
    image = np.zeros((32, 32))
    image[8:24, 8:24] = 1.0
    drawn = np.asarray(decoded(edges(image, 1.0)).convert("RGBA"))
    assert drawn[16, 16, 3] == 0
    assert drawn[16, 6:10, 3].max() == 255


def test_losses_without_rows_have_no_figure() -> None:
    table = pd.DataFrame({"epoch": [], "step": [], "learning_rate": []})
    assert losses_svg(table, "Losses", []) == ""
