"""An input that changes under a command, or memory that runs out, is named."""

import os
import sys
from collections.abc import Callable
from pathlib import Path

import phantom_inputs
import pytest

from ssus2mri import cli
from ssus2mri.errors import InputError
from ssus2mri.files import steady

CHANGES: dict[str, Callable[[Path], object]] = {
    "a changed file": lambda path: path.write_bytes(b"longer than before"),
    "that it has vanished": lambda path: path.unlink(),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_file_that_changes_is_named(tmp_path: Path, change: str) -> None:
    path = tmp_path / "us.nii.gz"
    path.write_bytes(b"before")
    require_steady = steady([path, tmp_path / "never there", tmp_path])
    require_steady()
    CHANGES[change](path)
    with pytest.raises(InputError, match=rf"us\.nii\.gz: .*found {change}\. Discard"):
        require_steady()


def test_the_same_content_at_another_time_counts_as_changed(tmp_path: Path) -> None:
    """Whoever writes a file again may write anything into it."""
    path = tmp_path / "us.nii.gz"
    path.write_bytes(b"before")
    require_steady = steady([path])
    os.utime(path, ns=(10**18, 10**18))
    with pytest.raises(InputError, match="a changed file"):
        require_steady()


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("image", ["us.mha", "series"])
def test_a_stage_fails_when_its_input_changes_under_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys, image: str, change: str
) -> None:
    path = changed = tmp_path / image
    if image == "series":
        phantom_inputs.series(path)
        changed = sorted(path.iterdir())[3]
    else:
        path.write_bytes(b"before")
    monkeypatch.setattr("ssus2mri.prepare.crop.run_crop", lambda *_, **__: CHANGES[change](changed))
    options = ["--row=modality=us ga_weeks=23", "--settings", "config/config.yaml"]
    outputs = [f"--out={tmp_path / 'a.nii.gz'}", f"--out-mask={tmp_path / 'b.nii.gz'}"]
    monkeypatch.setattr(sys, "argv", ["ssus2mri", "crop", str(path), *options, *outputs])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 1
    said = capsys.readouterr().err
    assert f"ssus2mri: {changed}: expected an input that stays as it is" in said
    assert change in said


SHORT = {
    "numpy": MemoryError("Unable to allocate 7.45 GiB"),
    "torch": RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried 8000000000 bytes"),
    "CUDA": RuntimeError("CUDA out of memory. Tried to allocate 20.00 MiB"),
    "ITK": RuntimeError("Failed to allocate memory for image."),
}


@pytest.mark.parametrize("library", SHORT)
def test_memory_that_runs_out_is_no_fault_of_the_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys, library: str
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise SHORT[library]

    monkeypatch.setattr("ssus2mri.prepare.crop.run_crop", fail)
    options = ["--row=modality=us ga_weeks=23", "--settings", "config/config.yaml"]
    outputs = [f"--out={tmp_path / 'a.nii.gz'}", f"--out-mask={tmp_path / 'b.nii.gz'}"]
    monkeypatch.setattr(sys, "argv", ["ssus2mri", "crop", "us.mha", *options, *outputs])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 1
    assert "not enough memory. Use a machine with more" in capsys.readouterr().err
