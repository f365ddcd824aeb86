"""What is shown: the first test scans, and real MR only where no truth is known."""

from pathlib import Path

import pytest
from conftest import CONFIG

from ssus2mri import manifest, pictured
from ssus2mri.config.base import load_yaml
from ssus2mri.manifest import Manifest

TABLE = """\
volume,subject,modality,image,ga_weeks,split,plane,pixel_mm
us-1,s1,us,us-1.nii.gz,22.0,train,,
mr-2,s2,mr,mr-2.nii.gz,25.0,train,,
mr-3,s3,mr,mr-3.nii.gz,23.4,train,,
us-4,s4,us,us-4.nii.gz,23.0,test,,
us-5,s5,us,results/simulate/us-5.nii.gz,23.0,test,,
us-6,s6,us,us-6.png,24.6,test,axial,0.5
mr-4,s4,mr,mr-4.nii.gz,23.0,test,,
mr-5,s5,mr,results/simulate/mr-5.nii.gz,23.0,test,,
"""


@pytest.fixture
def table(tmp_path: Path) -> Manifest:
    (tmp_path / "table.csv").write_text(TABLE)
    return manifest.read(tmp_path / "table.csv", val=0.0, test=0.0)


def names(rows: list) -> list[str]:
    return [row.volume for row in rows]


def test_real_mr_stands_beside_scans_without_truth(table: Manifest) -> None:
    assert names(pictured.beside(table, table.rows["us-4"])) == ["mr-4", "mr-3"]
    assert names(pictured.beside(table, table.rows["us-6"])) == ["mr-2"]
    assert pictured.beside(table, table.rows["us-5"]) == []  # simulated: the truth is known


def test_figures_show_the_first_scans_and_their_mr(table: Manifest) -> None:
    us, mr = pictured.pictured(table, 2)
    assert (names(us), names(mr)) == (["us-4", "us-5"], ["mr-4", "mr-5", "mr-3"])
    assert "us-6" not in pictured.images_json(pictured.pictured(table, 3)[0])


def test_the_first_run_of_the_sources_method_is_explained() -> None:
    runs = {"a": {"method": "copy"}, "b": {}, "c": {}}
    values = load_yaml(CONFIG) | {"runs": runs}
    assert pictured.explained(values | {"enabled_runs": ["a", "c", "b"]}) == "c"
    assert pictured.explained(values | {"enabled_runs": ["a"]}) == ""
