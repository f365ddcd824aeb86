"""Make the average heads of `predict`: the built-in heads of several ages, MR and tissues.

python studies/pretrain/averages.py
"""

import numpy as np
import SimpleITK as sitk
from pretrain import load_settings

from ssus2mri.files import whole
from ssus2mri.images import geometry
from ssus2mri.pose.placement import placement_of, transform_between
from ssus2mri.prediction.atlas import load_atlas, placement
from ssus2mri.prediction.average import AVERAGES, SIZE, SPACING_MM
from ssus2mri.prepare.align import head_of
from ssus2mri.prepare.intensity import scaled
from ssus2mri.prepare.upright import upright_rotation
from ssus2mri.simulate import mri
from ssus2mri.simulate.cohort import anatomy_of

AGES = np.arange(18.0, 31.0, 2.0)  # weeks


def main() -> None:
    """Make each head, lay it over the atlas's, and write all of them into the package."""
    settings, like = load_settings(), load_atlas().labels
    middle = [(edge - 1) / 2 for edge in like.GetSize()]
    x, y, z = like.TransformContinuousIndexToPhysicalPoint(middle)
    grid = geometry.grid(SIZE, SPACING_MM, (x, y, z))
    mr_rows, label_rows = [], []
    for ga_weeks in AGES.tolist():
        anatomy = anatomy_of(ga_weeks, None, settings.simulate)
        own = placement_of(head_of(anatomy.labels, "us"), upright_rotation(anatomy.labels))
        to_atlas = transform_between(own, placement(load_atlas()), scaled=True)
        contrast = mri.contrast(anatomy, settings.simulate.mr, ga_weeks=ga_weeks, rng=None)
        image = geometry.from_array(contrast, anatomy.labels)
        labels = sitk.GetArrayFromImage(
            geometry.resample(anatomy.labels, grid, to_atlas, nearest=True)
        )
        array = sitk.GetArrayFromImage(geometry.resample(image, grid, to_atlas))
        mr = scaled(array, mri.intracranial(labels), settings.extract.mr_percentiles)[0]
        mr_rows.append(np.rint(255 * mr).astype(np.uint8))
        label_rows.append(labels)
    with whole(AVERAGES) as partial:
        np.savez_compressed(
            partial, ages_weeks=AGES, mr=np.stack(mr_rows), labels=np.stack(label_rows)
        )


if __name__ == "__main__":
    main()
