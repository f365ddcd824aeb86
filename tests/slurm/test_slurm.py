"""The tiny cohort through a real SLURM: what jobs ask for, and what happens when they fail.

`make test-slurm` runs this; it takes minutes. Without SLURM it is skipped, with the reason.
"""

import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import ROOT
from phantom_project import IMAGE, MANIFEST, Project
from slurm_cluster import SlurmMissingError, cluster

from ssus2mri import __version__

if os.environ.get("SSUS2MRI_SLURM") != "1":
    pytest.skip("make test-slurm runs this", allow_module_level=True)

# A training long enough to be killed between two checkpoints.
RUNS = "enabled_runs: [ours, matched]\ntrain: {epochs: 6}\n"
QUICK = (
    *("--slurm-init-seconds-before-status-checks", "2", "--seconds-between-status-checks", "2"),
    *("--slurm-status-command", "squeue"),
    *("--slurm-keep-successful-logs", "--latency-wait", "5"),
)
# The first training of `ours` is killed once it has saved a checkpoint, as when its node dies.
COMMAND = """\
#!/bin/bash
if [ -n "$SSUS2MRI_TEST_SLEEP" ]; then exec sleep 600; fi
if [ "$1" = train ] && [[ "$*" == *--run=ours* ]] && mkdir died 2> /dev/null; then
    {python} -m ssus2mri "$@" &
    until compgen -G 'results/checkpoints/ours-*/*' > /dev/null; do sleep 0.05; done
    kill -KILL $!
    exit 137
fi
exec {python} -m ssus2mri "$@"
"""


class SlurmProject(Project):
    """A project whose jobs go to SLURM."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        super().__init__(folder)
        manifest = MANIFEST.replace(IMAGE, "results/simulate/mr-4.nii.gz")
        (folder / "data_manifest.csv").write_text(manifest)
        (folder / "edit.yaml").write_text(RUNS)
        command = folder / "bin" / "ssus2mri"
        command.parent.mkdir()
        command.write_text(COMMAND.format(python=shutil.which("python")))
        command.chmod(0o755)
        self.started: list[subprocess.Popen[str]] = []
        self.environment = {
            **environment,
            "PYTHONPATH": str(folder),
            "PATH": os.pathsep.join([str(command.parent), environment["PATH"]]),
        }

    def start(
        self,
        *arguments: str,
        profile: str = "slurm",
        manifest: str = "data_manifest.csv",
        **more: str,
    ) -> subprocess.Popen[str]:
        """Start Snakemake there with a profile of the workflow."""
        command = [
            "python",
            "-m",
            "snakemake",
            "--workflow-profile",
            f"workflow/profiles/{profile}",
        ]
        config = ["--configfile", "tiny.yaml", "edit.yaml", "--config", f"manifest={manifest}"]
        process = subprocess.Popen(
            [*command, *QUICK, *arguments, *config],
            cwd=self.folder,
            env={**self.environment, **more},
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        self.started.append(process)
        return process

    def submit(self, *arguments: str, **more: str) -> tuple[int, str]:
        """Run Snakemake there to its end: exit code, and all that it says."""
        process = self.start(*arguments, **more)
        said, _ = process.communicate(timeout=3000)
        return process.returncode, said

    def ask(self, *command: str) -> str:
        """Ask SLURM."""
        return subprocess.run(
            command, cwd=self.folder, env=self.environment, capture_output=True, text=True
        ).stdout

    def jobs(self) -> list[dict[str, str]]:
        """What SLURM knows of every job that it has had."""
        lines = self.ask("scontrol", "show", "job", "--oneliner").splitlines()
        return [dict(re.findall(r"(\S+?)=(\S*)", line)) for line in lines if line]


@pytest.fixture(scope="module")
def slurm() -> Iterator[SlurmProject]:
    """A SLURM of its own and a project in which nothing has run."""
    folder = Path(tempfile.mkdtemp(prefix="slurm"))  # pytest's own is too long for a socket
    try:
        with cluster(folder / "s") as environment:
            project = SlurmProject(folder / "project", environment)
            try:
                yield project
            finally:
                for process in project.started:
                    process.kill()
    except SlurmMissingError as error:
        pytest.skip(str(error))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def whole_run(slurm: SlurmProject) -> str:
    """Run the whole cohort, and give what Snakemake says."""
    code, said = slurm.submit()
    assert code == 0, said[-6000:]
    return said


def test_whole_run_ends_with_a_report(slurm, whole_run):
    assert (slurm.folder / "results" / "render" / "report.html").stat().st_size > 0
    assert "Nothing to be done" in slurm.submit()[1]


def test_every_job_asks_for_what_the_profile_says(slurm, whole_run):
    asked = {}
    for job in slurm.jobs():
        rule = re.sub(r"^(rule|group)_|_(wildcards_.*|\w+-\w+)$", "", job["Comment"])
        asked[rule] = (job["NumCPUs"], job["MinMemoryNode"], job.get("TresPerJob", ""))
    print(asked)
    assert asked["train"][::2] == ("4", "gres:gpu:1")
    assert asked["synthesize"][::2] == ("4", "gres:gpu:1")
    assert asked["compare"][::2] == ("1", "")


def test_scans_of_a_group_are_one_submission(slurm, whole_run):
    jobs = {rule: int(n) for rule, n in re.findall(r"^(\w+) +(\d+)$", whole_run, re.MULTILINE)}
    scans = sum(jobs[rule] for rule in ("simulate", "crop", "align", "extract"))
    submitted = set(re.findall(r"(?:submitted|Submitted) .*?SLURM jobid:? *'?(\d+)", whole_run))
    again = 1  # the training that is killed
    assert scans == 24
    assert len(submitted) == jobs["total"] - jobs["all"] - scans + 1 + again, whole_run[-3000:]


def test_a_training_that_dies_is_submitted_again_and_resumes(slurm, whole_run):
    assert (slurm.folder / "died").is_dir()
    assert "Trying to restart job" in whole_run
    log = (slurm.folder / "logs" / "train" / "ours.log").read_text()
    assert "ours: resuming from epoch" in log


def test_a_bad_scan_is_named_and_the_others_of_its_submission_are_made(slurm, whole_run):
    (slurm.folder / "data").mkdir(exist_ok=True)
    (slurm.folder / "data" / "bad.nii.gz").write_text("not an image")
    rows = (slurm.folder / "data_manifest.csv").read_text()
    rows += "us-8,s8,us,results/simulate/us-8.nii.gz,23.0,train,\n"
    (slurm.folder / "good.csv").write_text(rows)
    (slurm.folder / "bad.csv").write_text(rows + "mr-9,s9,mr,data/bad.nii.gz,23.0,train,\n")
    good, bad = (f"results/extract/{volume}.h5" for volume in ("us-8", "mr-9"))
    code, said = slurm.submit(good, bad, "--retries", "0", manifest="bad.csv")
    assert code == 1
    assert "data/bad.nii.gz: expected" in said  # the log of the command
    job = max(slurm.jobs(), key=lambda job: int(job["JobId"]))
    assert re.search(rf"log: \S*slurm_logs/group_scan\S*/{job['JobId']}\.log", said), said[:4000]
    assert job["NumCPUs"] == "1"  # one scan after the other
    assert not (slurm.folder / bad).exists()
    assert (slurm.folder / good).is_file(), said[-4000:]
    assert "Nothing to be done" in slurm.submit(good, manifest="good.csv")[1]


def test_a_cancelled_job_is_reported_with_its_id_and_log(slurm, whole_run):
    """With the profile of clusters that understand --gres only."""
    process = slurm.start(
        *("results/train/matched/model.safetensors", "--forcerun", "train", "--retries", "0"),
        *("--allowed-rules", "train"),
        profile="slurm-gres",
        SSUS2MRI_TEST_SLEEP="1",
    )
    running: list[str] = []
    while not running and process.poll() is None:
        time.sleep(1)
        running = slurm.ask("squeue", "--noheader", "--states=R", "--format=%i").split()
    (job,) = [each for each in slurm.jobs() if each["JobId"] in running]
    assert job["TresPerNode"] == "gres:gpu:1"
    slurm.ask("scancel", job["JobId"])
    said, _ = process.communicate(timeout=600)
    assert process.returncode == 1
    assert re.search(rf"SLURM-?job '?{job['JobId']}'? failed.*CANCELLED", said), said[-4000:]
    assert re.search(rf"slurm_logs/\S*{job['JobId']}\.log", said)


def test_a_job_that_the_queue_refuses_is_reported(slurm, whole_run):
    code, said = slurm.submit(
        *("results/view/left.nii.gz", "--forcerun", "view", "--retries", "0"),
        *("--set-resources", "view:mem_mb=99999999"),
    )
    assert code == 1
    assert "Memory specification can not be satisfied" in said, said[-4000:]
    assert "view" in said


def test_torchrun_meets_over_hosts_under_srun(slurm, whole_run):
    """The batch script of docs/cluster.md, with two tasks of this node for its two hosts."""
    page = (ROOT / "docs" / "cluster.md").read_text(encoding="utf-8")
    script = "#!/bin/bash" + page.split("#!/bin/bash")[1].split("```")[0]
    for old, new in (
        ("--nodes=2 --ntasks-per-node=1 --gpus-per-node=4 --cpus-per-task=8", "--ntasks=2"),
        ("--nproc-per-node=4", "--nproc-per-node=1"),
        (script[script.index("ssus2mri train") : script.rindex("'")], "ssus2mri --version"),
    ):
        assert old in script
        script = script.replace(old, new)
    (slurm.folder / "hosts.sh").write_text(script)
    said = slurm.ask("sbatch", "--wait", "--mem=2000", "--output=hosts.log", "hosts.sh")
    log = (slurm.folder / "hosts.log").read_text()
    assert log.count(f"ssus2mri {__version__}") == 2, said + log
