import re

import pytest
from conftest import ROOT

from ssus2mri import resources
from ssus2mri.errors import InputError
from ssus2mri.manifest import Row
from ssus2mri.resources import Proposal, profile, propose

HEADER = "s\th:m:s\tmax_rss\tmax_vms\tmax_uss\tmax_pss\tio_in\tio_out\tmean_load\tcpu_time\n"


def record(folder, stage, volume, seconds, peak_mb, load):
    path = folder / stage / f"{volume}.tsv"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{HEADER}{seconds}\t0:00:10\t{peak_mb}\t1\t1\t1\t0\t0\t{load}\t9\n")


def row(volume: str, plane: str = "") -> Row:
    values = {"subject": volume, "modality": "us", "ga_weeks": 23, "split": "train"}
    return Row(volume=volume, image=f"{volume}.mha", plane=plane, **values)


def test_the_most_of_all_records_counts_with_something_to_spare(tmp_path):
    record(tmp_path, "crop", "a", 20, 400, 90)
    record(tmp_path, "crop", "b", 400, 900, 100)
    record(tmp_path, "train", "ours", 7200, 6000, 390)
    assert propose(tmp_path) == [
        Proposal("crop", jobs=2, mem_mb=1500, runtime=20, threads=1),
        Proposal("train", jobs=1, mem_mb=9000, runtime=360, threads=4),
    ]


def test_a_job_too_short_to_be_measured_counts_as_nothing(tmp_path):
    record(tmp_path, "score", "score", 0.4, "-", "NA")
    assert propose(tmp_path) == [Proposal("score", jobs=1, mem_mb=500, runtime=5, threads=1)]


def test_a_profile_asks_for_more_at_each_attempt_but_no_longer_for_a_training():
    text = profile([Proposal("crop", 2, 1500, 20, 1), Proposal("train", 1, 9000, 360, 4)])
    assert text == (
        "set-resources:\n"
        "  crop:  # from 2 jobs\n"
        "    mem_mb: attempt * 1500\n"
        "    runtime: attempt * 20\n"
        "  train:  # from 1 job\n"
        "    mem_mb: attempt * 9000\n"
        "    runtime: 360\n"
        "set-threads:\n"
        "  train: 4\n"
    )


def test_no_records_and_no_record_are_said(tmp_path):
    with pytest.raises(InputError, match="expected records of finished jobs"):
        propose(tmp_path)
    (tmp_path / "crop").mkdir()
    (tmp_path / "crop" / "a.tsv").write_text("nonsense\n1\n")
    with pytest.raises(InputError, match=r"a\.tsv: expected a record of a job"):
        propose(tmp_path)


def test_memory_grows_with_the_files_of_an_image(tmp_path):
    assert resources.image_mb(str(tmp_path / "none.nii.gz")) == 0
    (tmp_path / "a.nii.gz").write_bytes(bytes(1_000_000))
    assert resources.image_mb(str(tmp_path / "a.nii.gz")) == 12
    folder = tmp_path / "dicom"
    folder.mkdir()
    for name in "ab":
        (folder / name).write_bytes(bytes(1_000_000))
    assert resources.image_mb(str(folder)) == 24


def test_memory_grows_with_the_slices_trained_on():
    assert resources.slices_mb([], 160) == 0
    assert resources.slices_mb([row("a", "axial")] * 1000, 160) == 52  # 51,200 bytes each
    assert resources.slices_mb([row("a")], 160) == 20


def test_every_rule_asks_for_more_at_each_attempt():
    rules = "".join(path.read_text() for path in (ROOT / "workflow" / "rules").glob("*.smk"))
    named = dict(re.findall(r"^rule (\w+):\n(.*?)(?=^rule |\Z)", rules, re.MULTILINE | re.DOTALL))
    assert {"crop", "prepare", "segment", "train", "render"} <= set(named)
    memory = {rule for rule, text in named.items() if "mem_mb=grow(" not in text}
    time = {rule for rule, text in named.items() if "runtime=grow(" not in text}
    assert (memory, time) == (set(), {"train"})  # a training resumes
