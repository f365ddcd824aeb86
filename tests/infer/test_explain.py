"""Grad-CAM by hand, and what `explain` writes of a run with and without a backward path."""

import numpy as np
import phantom_render as phantom
import torch
from conftest import configured

from ssus2mri.config.evaluate import ProbeSettings
from ssus2mri.infer.explain import explain, grad_cam, middle_slices, stamped
from ssus2mri.models.encoder_decoder import Shape
from ssus2mri.models.generator import Generator
from ssus2mri.models.learned_atlas import Place

SHAPE = Shape(4, 4, (4, 4), norm="batch", activation="relu", output="sigmoid")


def generator(*, back: bool) -> Generator:
    torch.manual_seed(0)
    network = Generator(
        SHAPE,
        neighbours=0,
        attention_level=4,
        attention_channels=4,
        locator_channels=(),
        reconstruct=False,
        encode_back=back,
        infer_back=back,
    )
    return network.eval().requires_grad_(False)


def test_grad_cam_of_two_features() -> None:
    """Mean gradients 2 and -1, so the map is ReLU(2 a - b), scaled to a highest value of 1."""
    a = torch.tensor([[1.0, 0.0], [0.0, 2.0]])
    b = torch.tensor([[0.0, 1.0], [0.0, 1.0]])
    features = torch.stack([a, b])[None].requires_grad_()
    cam = grad_cam(features, (2 * features[:, 0] - features[:, 1]).sum(), (2, 2))
    assert torch.allclose(cam[0], torch.tensor([[2 / 3, 0.0], [0.0, 1.0]]))
    nothing = grad_cam(features, -features.sum(), (2, 2))
    assert nothing.max() == 0


def test_both_paths_are_explained() -> None:
    us, head = torch.rand(1, 1, 64, 64), torch.ones(64, 64, dtype=torch.bool)
    place = Place(*(torch.tensor([value]) for value in (0, 32, 23.0)))
    there, back = explain(generator(back=True), us, place, head)
    assert back is not None
    for look in (there, back):
        assert look.latent.shape == (4, 2, 2)
        assert look.attention.shape == look.output.shape == (64, 64)
        assert 0 <= look.attention.min() <= look.attention.max() <= 1
        assert not look.output.requires_grad
    alone, none = explain(generator(back=False), us, place, head)
    assert none is None
    assert alone.latent.shape == (4, 2, 2)


def test_the_middle_slice_of_every_plane_is_taken() -> None:
    volume = phantom.cut(np.ones((32,) * 3), phantom.header("us-7", "us", "test", 32), 5)
    assert middle_slices(volume) == [2, 7, 12]


def test_patterns_are_stamped_and_synthesised() -> None:
    volume = phantom.cut(phantom.head(32, 0), phantom.header("us-7", "us", "test", 32), 5)
    settings = configured(ProbeSettings, "probe")
    small = settings.model_copy(update={"margin_mm": 3.0})
    us, mr = stamped(generator(back=False), volume, [2, 7, 12], 0, small)
    assert us.shape == mr.shape == (2, 3, 32, 32)
    changed = us != volume.image[[2, 7, 12]].astype(np.float32)
    assert changed[0].any(axis=(1, 2)).all()
    assert (us[changed] == 1).all()
    assert (mr[:, ~volume.head[[2, 7, 12]]] == 0).all()
