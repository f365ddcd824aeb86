"""Snakemake's limiter of job rates, which would keep its main process busy: see `common.smk`."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import ROOT

# As in workflow/Snakefile; the long job waits until the test has measured, a last one for it.
SNAKEFILE = """\
{function}

onstart:
    unlimit_rate(workflow.scheduler)

rule all:
    input: "long", "last"

rule short:
    output: "short/{{n}}"
    shell: "true > {{output}}"

rule long:
    input: [f"short/{{n}}" for n in range({jobs})]
    output: "long"
    resources: slot=1
    shell: "touch started; while [ ! -e measured ]; do sleep 0.2; done; true > long"

rule waiting:
    output: "last"
    priority: -1
    input: [f"short/{{n}}" for n in range({jobs})]
    resources: slot=1
    shell: "true > {{output}}"
"""


def cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@pytest.mark.slow
@pytest.mark.skipif(not os.path.exists("/proc/self/stat"), reason="no /proc: not Linux")
def test_after_a_thousand_jobs_the_main_process_rests(tmp_path):
    """A job waits for its turn behind a long one: the situation in which the chains never end."""
    text = (ROOT / "workflow" / "rules" / "common.smk").read_text(encoding="utf-8")
    function = text[text.index("def unlimit_rate") :].split("\n\n\n")[0]
    (tmp_path / "Snakefile").write_text(SNAKEFILE.format(function=function, jobs=1000))
    process = subprocess.Popen(
        [sys.executable, "-m", "snakemake", "--cores", "2", "--resources", "slot=1", "--quiet"],
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        while not (tmp_path / "started").exists():
            assert process.poll() is None
            time.sleep(0.5)
        time.sleep(3)
        before, begun = cpu_s(process.pid), time.monotonic()
        time.sleep(5)
        busy = (cpu_s(process.pid) - before) / (time.monotonic() - begun)
    finally:
        (tmp_path / "measured").touch()
        process.wait(timeout=120)
    assert process.returncode == 0
    assert busy < 0.05, f"{busy:.0%} of a core"
