"""Changes of slices whose results can be told by hand."""

import torch

from ssus2mri.config.learn import AugmentSettings
from ssus2mri.learn.data.augment import DRAWS, brighten, move
from ssus2mri.slices import PLANES

NOTHING = {"mirror": False, "rotation_deg": 0.0, "scale": 0.0, "shift": 0.0, "gamma": 0.0}
AXIAL, SAGITTAL = torch.tensor([PLANES.index("axial")]), torch.tensor([PLANES.index("sagittal")])


def slice_with_spot(row: int, column: int) -> torch.Tensor:
    image = torch.zeros(1, 1, 32, 32)
    image[0, 0, row, column] = 1.0
    return image


def changed(
    image: torch.Tensor, plane: torch.Tensor, draws: list[float], **settings: float
) -> torch.Tensor:
    values = AugmentSettings.model_validate(NOTHING | settings)
    return move(image, plane, torch.tensor([draws]), values)


def spot(image: torch.Tensor) -> tuple[int, int]:
    return divmod(int(image.flatten().argmax()), image.shape[-1])


def test_nothing_changes_nothing() -> None:
    image = torch.rand(1, 1, 32, 32, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(changed(image, AXIAL, [0.9] * DRAWS), image, atol=1e-5, rtol=0)


def test_mirror_swaps_columns_but_never_of_a_sagittal_slice() -> None:
    image, draws = slice_with_spot(5, 9), [0.5, 0.5, 0.5, 0.5, 0.0, 0.5]
    assert spot(changed(image, AXIAL, draws, mirror=True)) == (5, 31 - 9)
    assert spot(changed(image, SAGITTAL, draws, mirror=True)) == (5, 9)
    assert spot(changed(image, AXIAL, [*draws[:4], 0.9, 0.5], mirror=True)) == (5, 9)


def test_shift_is_a_fraction_of_the_edge() -> None:
    image = slice_with_spot(16, 16)
    moved = changed(image, AXIAL, [0.5, 0.5, 1.0, 0.5, 0.9, 0.5], shift=0.125)
    assert spot(moved) == (16, 12)


def test_rotation_and_scale() -> None:
    right = slice_with_spot(15, 25)
    turned = spot(changed(right, AXIAL, [1.0, 0.5, 0.5, 0.5, 0.9, 0.5], rotation_deg=45.0))
    assert abs(turned[1] - 22) <= 1  # 9.5 cos 45 = 6.7 to the right of the middle
    assert abs(abs(turned[0] - 15.5) - 6.7) <= 1
    larger = spot(changed(right, AXIAL, [0.5, 1.0, 0.5, 0.5, 0.9, 0.5], scale=0.2))
    assert larger[1] in (26, 27)  # 9.5 * 1.2 = 11.4


def test_draws_decide_alone() -> None:
    image = torch.rand(4, 1, 32, 32, generator=torch.Generator().manual_seed(1))
    draws = torch.rand(4, DRAWS, generator=torch.Generator().manual_seed(2))
    settings = AugmentSettings(mirror=True, rotation_deg=10.0, scale=0.1, shift=0.1, gamma=0.0)
    plane = torch.tensor([0, 1, 2, 0])
    state = torch.random.get_rng_state()
    moved = move(image, plane, draws, settings)
    assert torch.equal(moved, move(image, plane, draws, settings))
    assert torch.equal(state, torch.random.get_rng_state())
    assert not torch.equal(moved, image)


def test_channels_of_a_slice_move_alike() -> None:
    image = torch.rand(2, 1, 32, 32, generator=torch.Generator().manual_seed(1)).expand(
        2, 3, -1, -1
    )
    draws = torch.rand(2, DRAWS, generator=torch.Generator().manual_seed(2))
    settings = AugmentSettings(mirror=True, rotation_deg=20.0, scale=0.1, shift=0.1, gamma=0.0)
    moved = move(image, torch.tensor([0, 1]), draws, settings)
    assert torch.equal(moved[:, 0], moved[:, 2])
    assert not torch.equal(moved[0], moved[1])


def test_gamma_is_a_power_between_its_inverse_and_itself() -> None:
    image = torch.tensor([0.0, 0.25, 1.0]).view(1, 1, 1, 3).expand(3, 2, 1, 3)
    draws = torch.full((3, DRAWS), 0.5)
    draws[:, 5] = torch.tensor([0.0, 0.5, 1.0])
    bright, same, dark = brighten(image, draws, AugmentSettings(**NOTHING | {"gamma": 1.0}))
    assert bright[1, 0].tolist() == [0.0, 0.5, 1.0]
    torch.testing.assert_close(same, image[1])
    assert dark[0, 0].tolist() == [0.0, 0.0625, 1.0]
    assert brighten(image, draws, AugmentSettings(**NOTHING)) is image
