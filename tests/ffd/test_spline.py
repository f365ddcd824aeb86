import numpy as np
import pytest
import SimpleITK as sitk
import torch

from ssus2mri.ffd.spline import EXTRA_KNOTS, determinant, displacement, refine

SPACING = 0.7


def affine(matrix, size, cells):
    """Coefficients of the field (A - 1) x, which splines hold exactly; x in mm."""
    axes = [
        ((torch.arange(count + EXTRA_KNOTS, dtype=torch.float64) - 1) * edge / count - 0.5)
        * SPACING
        for edge, count in zip(size, cells, strict=True)
    ]
    at = torch.stack(torch.meshgrid(*axes, indexing="ij"))
    change = torch.tensor(matrix, dtype=torch.float64) - torch.eye(len(size))
    return torch.einsum("ij,j...->i...", change, at)[None]


def wild(size, cells):
    knots = [count + EXTRA_KNOTS for count in cells]
    generator = torch.Generator().manual_seed(0)
    return torch.randn(3, len(size), *knots, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize(("size", "cells"), [((20, 31), (2, 3)), ((9, 12, 10), (1, 2, 2))])
def test_translation_moves_all_pixels_alike_and_leaves_areas_alone(size, cells):
    coefficients = torch.zeros(1, len(size), *[count + EXTRA_KNOTS for count in cells])
    coefficients[:, 0], coefficients[:, 1] = 3.0, -5.0

    field = displacement(coefficients, size)

    assert torch.allclose(field[:, 0], torch.tensor(3.0))
    assert torch.allclose(field[:, 1], torch.tensor(-5.0))
    assert torch.allclose(determinant(coefficients, size, SPACING), torch.tensor(1.0), atol=1e-5)


@pytest.mark.parametrize("factor", [0.5, 1.3, 2.0, -1.0])
@pytest.mark.parametrize("axes", [2, 3])
def test_scaling_by_s_gives_s_to_the_number_of_axes(factor, axes):
    size, cells = (14, 10, 12)[:axes], (2, 1, 3)[:axes]
    coefficients = affine(np.eye(axes) * factor, size, cells)

    determinants = determinant(coefficients, size, SPACING)

    assert determinants.shape == (1, *size)
    assert np.allclose(determinants, factor**axes)


def test_shear_and_rotation_leave_areas_alone():
    turn = np.deg2rad(20)
    rotation = [[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]

    for matrix in (rotation, [[1.0, 0.4], [0.0, 1.0]]):
        determinants = determinant(affine(matrix, (20, 30), (2, 3)), (20, 30), SPACING)
        assert np.allclose(determinants, 1.0)


@pytest.mark.parametrize("size", [(40, 50), (30, 26, 34)])
def test_determinant_agrees_with_central_differences_of_simpleitk(size):
    coefficients = 2 * wild(size, [2] * len(size))[:1]
    field = displacement(coefficients, size)[0].numpy()
    image = sitk.GetImageFromArray(np.moveaxis(field[::-1], 0, -1), isVector=True)
    image.SetSpacing([SPACING] * len(size))
    library = sitk.GetArrayFromImage(sitk.DisplacementFieldJacobianDeterminant(image))

    ours = determinant(coefficients, size, SPACING)[0].numpy()

    inner = (slice(1, -1),) * len(size)
    assert np.ptp(ours) > 0.4
    assert np.allclose(ours[inner], library[inner], atol=0.02)


@pytest.mark.parametrize("size", [(40, 50), (21, 26, 18)])
def test_field_agrees_with_simpleitk(size):
    cells = [2, 3, 1][: len(size)]
    coefficients = wild(size, cells)[:1]
    like = sitk.GetImageFromArray(np.zeros(size, np.float32))
    like.SetSpacing([SPACING] * len(size))
    transform = sitk.BSplineTransformInitializer(like, cells[::-1])
    transform.SetParameters(coefficients[0].flip(0).flatten().tolist())
    vectors = sitk.TransformToDisplacementField(
        transform, sitk.sitkVectorFloat64, like.GetSize(), like.GetOrigin(), like.GetSpacing()
    )
    library = np.moveaxis(sitk.GetArrayFromImage(vectors), -1, 0)[::-1]

    ours = displacement(coefficients, size)[0].numpy()

    # Its mesh is wider than the image by a tenth of a pixel.
    assert np.allclose(ours, library, atol=0.05)


@pytest.mark.parametrize("factor", [1, 2, 3])
def test_finer_mesh_holds_the_same_field(factor):
    size, cells = (24, 36), (1, 3)
    coarse = wild(size, cells)

    fine = refine(coarse, cells, factor)

    assert fine.shape[2:] == (factor + EXTRA_KNOTS, 3 * factor + EXTRA_KNOTS)
    assert torch.allclose(displacement(fine, size), displacement(coarse, size), atol=1e-12)
