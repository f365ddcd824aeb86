"""Two runs at once, a job killed for memory, an input that changes: each is said, and can go on."""

import os
import signal
import time

import pytest
from phantom_failures import Smallest, jobs, kill_all


@pytest.fixture
def training(copied: Smallest):
    """A run whose job of `train` works at the moment, as a process and the number of the job."""
    run = copied.start("--forcerun", "train")
    try:
        while "train" not in jobs(run.pid):
            assert run.poll() is None, run.communicate()[0]
            time.sleep(0.02)
        yield run, jobs(run.pid)["train"]
    finally:
        if run.poll() is None:
            kill_all(run)


def test_a_second_run_is_refused_and_a_killed_job_says_why(copied: Smallest, training) -> None:
    run, job = training
    os.kill(job, signal.SIGSTOP)  # on a busy machine it would end before it is killed
    with pytest.raises(pytest.fail.Exception) as refused:
        copied.snakemake()
    assert f"one that is running there (process {run.pid} on " in str(refused.value)
    assert "Wait for it to end, or stop it" in str(refused.value)
    assert copied.plan("--forcerun", "train")["train"] == 2  # looking is allowed
    os.kill(job, signal.SIGKILL)
    said = run.communicate()[0]
    assert run.returncode == 1
    assert "a process was killed (signal 9). Most often memory has run out" in said
    assert "rule train" in said
