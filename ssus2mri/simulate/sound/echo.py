"""Acoustic properties of an anatomy, on its own grid and along the beams.

The numbers by tissue stand in ``simulate.ultrasound.tissues``. Where they come from:

- Impedance: Duck, *Physical Properties of Tissue*, 1990, ch. 4; Szabo, *Diagnostic Ultrasound
  Imaging*, 2nd ed. 2014, app. B: water-like fluids 1.51, brain 1.55 to 1.62, muscle and skin 1.65
  to 1.75, collagen above, adult cortical bone 6 to 8 MRayl. Fetal vault bone is thin and little
  mineralised: it is set between soft tissue and adult bone.
- Attenuation: Duck 1990 and Szabo 2014 (soft tissue 0.3 to 1, amniotic fluid and CSF below 0.02,
  blood 0.15 to 0.2 dB/cm/MHz); Kremkau et al., JASA 70, 1981 (adult brain 0.4 to 0.9; the fetal
  brain has no myelin and more water: set lower); excised human uterus 0.83 at 5 MHz (PubMed Central
  PMC3056396); Fry and Barger, JASA 63, 1978, and Wells, *Biomedical Ultrasonics*, 1977 (adult skull
  10 to 20; fetal bone is set to a fraction). Drewniak et al., JASA 86, 1989, show how absorption of
  fetal bone grows with age.
- Scatterers: above about 10 in a resolution cell the echo is fully developed speckle (Wagner et
  al., IEEE Trans Son Ultrason 30, 1983); particles in fluids are sparser.
- Echogenicity: no source gives absolute backscatter of fetal brain. Order and rough distances are
  those that textbooks of neurosonography describe (ISUOG guidelines, Malinger et al., Ultrasound
  Obstet Gynecol 56, 2020): choroid plexus brightest, then bone, membranes, cerebellar vermis;
  white matter and thalami dark; fluid nearly free of echoes.

Source: not in TMI 2020, which has no simulation.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ssus2mri.config.ultrasound import UltrasoundSettings
from ssus2mri.simulate.anatomy import Anatomy
from ssus2mri.simulate.pose import Points, index_of, lattice
from ssus2mri.simulate.sound.beam import Fan
from ssus2mri.tissues import Tissue

BONE = (Tissue.SKULL, Tissue.FACIAL_BONE)

Beams = NDArray[np.float32]
"""An array ``(depth, lateral, elevation)``."""


@dataclass(frozen=True)
class EchoMaps:
    """What sound meets, float32 on the anatomy's grid ``[z, y, x]``.

    ``echo`` root-mean-square amplitude of scatterers, 1 = 0 dB; ``impedance`` half the logarithm of
    impedance: its step at a border is artanh of the reflection coefficient; ``bone`` share of bone.
    Borders are smoothed by ``blur_mm``.
    """

    echo: NDArray[np.float32]
    impedance: NDArray[np.float32]
    bone: NDArray[np.float32]
    blur_mm: float


@dataclass(frozen=True)
class BeamMaps:
    """The same along the beams, ``(depth, lateral, elevation)``, and ``tissue``, uint8 labels."""

    echo: Beams
    impedance: Beams
    bone: Beams
    tissue: NDArray[np.uint8]


def echo_maps(anatomy: Anatomy, settings: UltrasoundSettings, *, blur_mm: float) -> EchoMaps:
    """Make the maps of an anatomy.

    Args:
        anatomy: the labelled head.
        settings: properties of each tissue.
        blur_mm: standard deviation of the smoothing of borders, mm.
    """
    labels, sigma = anatomy.array, blur_mm / anatomy.spacing_zyx
    echo = decibel(table(settings, "echogenicity_db"))
    impedance = np.log(table(settings, "impedance_mrayl")) / 2
    bone = np.isin(np.arange(len(Tissue)), BONE).astype(np.float32)
    maps = (ndimage.gaussian_filter(part[labels], sigma) for part in (echo, impedance, bone))
    return EchoMaps(next(maps), next(maps), next(maps), blur_mm)


def along_beams(
    anatomy: Anatomy,
    maps: EchoMaps,
    fan: Fan,
    to_canonical: Callable[[Points], Points],
    settings: UltrasoundSettings,
) -> BeamMaps:
    """Read the maps along the beams; beyond the anatomy's grid is uterine wall.

    Args:
        anatomy: whose maps they are.
        maps: of that anatomy.
        fan: the beams, in image coordinates.
        to_canonical: image points ``(3, ...)`` to atlas points.
        settings: properties of each tissue.
    """
    to_index = index_of(anatomy.labels)
    indices = lattice(lambda index: to_index(to_canonical(fan.points(index))), fan.shape)
    wall = Tissue.UTERINE_WALL

    def read(array: NDArray, order: int, outside: float) -> NDArray:
        return ndimage.map_coordinates(array, indices, order=order, cval=outside, prefilter=False)

    return BeamMaps(
        echo=read(maps.echo, 1, decibel(table(settings, "echogenicity_db"))[wall].item()),
        impedance=read(
            maps.impedance, 1, np.log(table(settings, "impedance_mrayl")[wall]).item() / 2
        ),
        bone=read(maps.bone, 1, 0.0),
        tissue=read(anatomy.array, 0, wall),
    )


def table(settings: UltrasoundSettings, name: str) -> NDArray[np.float32]:
    """Turn one property of all tissues into a look-up table; background is as amniotic fluid."""
    array = np.zeros(len(Tissue), np.float32)
    for tissue, values in settings.tissues.items():
        array[Tissue[tissue.upper()]] = getattr(values, name)
    array[Tissue.BACKGROUND] = array[Tissue.AMNIOTIC_FLUID]
    return array


def decibel(values: NDArray[np.float32] | float) -> NDArray[np.float32]:
    """Turn dB into amplitude."""
    return np.exp(np.asarray(values, np.float32) * np.float32(np.log(10) / 20))
