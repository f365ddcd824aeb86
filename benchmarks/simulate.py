"""Measure time and memory of the simulator, and how they grow with the grid.

    [SSUS2MRI_DATA=...] python benchmarks/simulate.py [96 160 224]

Each line is the better of two runs, each in its own process: time of the step alone, peak memory of
the whole process with the libraries that it loads. An anatomy has a grid of its own, of 0.7 mm as
configured; other lines show finer and coarser ones, and a real label atlas. A volume is one call of
`simulate` on an existing anatomy: fluid and wall around the head, deformation, labels, truth, pose
and image, in a cube of 96 mm with smaller and smaller voxels.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

CONFIG = Path(__file__).parents[1] / "config" / "config.yaml"
CUBE_MM = 96.0
REPEATS = 2
ATLAS = "mr_atlases/crl-23w_labels.nii.gz"
NAMES = {"anatomy": "built-in head", "atlas": "head of labels", "us": "ultrasound", "mr": "MR"}
LIMITS = "target on two cores: 8 s for an anatomy, 8 s for a volume of 160, 2000 MB"


def main() -> None:
    if sys.argv[1:2] == ["--step"]:
        print(json.dumps(measure(sys.argv[2], float(sys.argv[3]))))
        return
    sizes = [int(word) for word in sys.argv[1:]] or [96, 160, 224]
    print(f"{'':22s}{'grid':>16s}{'CPU s':>9s}{'wall s':>9s}{'peak MB':>9s}")
    for step in (1.0, 0.7, 0.5):
        line("anatomy", step)
    if "SSUS2MRI_DATA" in os.environ:
        line("atlas", 0.8)
    for modality in ("us", "mr"):
        for size in sizes:
            line(modality, CUBE_MM / size)
    print(LIMITS)


def line(what: str, spacing_mm: float) -> None:
    """Print the best of some runs of one step."""
    runs = []
    for _ in range(REPEATS):
        command = [sys.executable, __file__, "--step", what, str(spacing_mm)]
        runs.append(json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout))
    cpu, wall, peak = (min(run[key] for run in runs) for key in ("cpu_s", "wall_s", "peak_mb"))
    name = f"{NAMES[what]}, {spacing_mm:.2g} mm"
    print(f"{name:22s}{runs[0]['grid']:>16s}{cpu:9.2f}{wall:9.2f}{peak:9.0f}", flush=True)


def measure(what: str, spacing_mm: float) -> dict[str, float | str]:
    """Run one step in this process; return its time and the peak memory of the process."""
    # A child starts with its parent's peak memory: the parent must not load these.
    import resource

    from ssus2mri.config.base import load_section
    from ssus2mri.config.simulate import SimulateSettings
    from ssus2mri.simulate.anatomy import built_in
    from ssus2mri.simulate.atlas import from_labels
    from ssus2mri.simulate.cohort import simulate

    settings = load_section(SimulateSettings, str(CONFIG), "simulate")
    if what == "anatomy":
        finer = settings.anatomy.model_copy(update={"spacing_mm": spacing_mm})
        start = time.perf_counter(), time.process_time()
        image = built_in(23.0, finer).labels
    elif what == "atlas":
        start = time.perf_counter(), time.process_time()
        image = from_labels(Path(os.environ["SSUS2MRI_DATA"]) / ATLAS, settings.anatomy).labels
    else:
        size = round(CUBE_MM / spacing_mm)
        settings = settings.model_copy(update={"size": size, "spacing_mm": spacing_mm})
        anatomy = built_in(23.0, settings.anatomy)
        start = time.perf_counter(), time.process_time()
        image = simulate(
            "volume", subject="a", modality=what, ga_weeks=23.0, anatomy=anatomy, settings=settings
        ).image
    return {
        "grid": " x ".join(map(str, image.GetSize())),
        "cpu_s": time.process_time() - start[1],
        "wall_s": time.perf_counter() - start[0],
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


if __name__ == "__main__":
    main()
