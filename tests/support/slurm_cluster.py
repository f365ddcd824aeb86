"""A real SLURM of one node on loopback: its own key, ports, state folder and processes."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "squeue", "scontrol", "scancel")
GPUS, CPUS, MEMORY_MB = 2, 32, 200_000
SEARCHED = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"])

# What the machine really has does not count (config_overrides): no job uses as much as it asks for.
# Jobs are remembered for ten hours (MinJobAge): the tests ask for all that a slow machine has done.
CONFIG = """\
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ctld_port}
SlurmdPort={d_port}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CryptoType=crypto/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MpiDefault=none
ReturnToService=2
SlurmdParameters=config_overrides
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
SchedulerParameters=sched_interval=1,batch_sched_delay=0,defer
MinJobAge=36000
KillWait=5
GresTypes=gpu
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory={memory} Gres=gpu:{gpus} State=UNKNOWN
PartitionName=main Nodes={host} Default=YES MaxTime=7-0 State=UP
"""


class SlurmMissingError(Exception):
    """SLURM cannot be started here, and why."""


@contextmanager
def cluster(folder: Path) -> Iterator[dict[str, str]]:
    """Start SLURM, give the environment in which its commands find it, and stop it again.

    Args:
        folder: of its configuration, state and logs; its path must be short (sockets).

    Raises:
        SlurmMissingError: a program is missing, or does not start.
    """
    missing = [name for name in PROGRAMS if not shutil.which(name, path=SEARCHED)]
    if missing:
        raise SlurmMissingError(f"no {', '.join(missing)} (Debian: slurm-wlm and munge)")
    for name in ("state", "spool"):
        (folder / name).mkdir(parents=True)
    folder.chmod(0o755)
    host = socket.gethostname().split(".")[0]
    user = subprocess.run(["id", "-un"], capture_output=True, text=True).stdout.strip()
    ctld_port, d_port = _free_ports()
    config = CONFIG.format(
        folder=folder,
        host=host,
        user=user,
        ctld_port=ctld_port,
        d_port=d_port,
        cpus=CPUS,
        memory=MEMORY_MB,
        gpus=GPUS,
    )
    (folder / "slurm.conf").write_text(config, encoding="utf-8")
    for number in range(GPUS):
        (folder / f"gpu{number}").touch()  # stands for a device
    devices = f"AutoDetect=off\nName=gpu File={folder}/gpu[0-{GPUS - 1}]\n"
    (folder / "gres.conf").write_text(devices, encoding="utf-8")
    (folder / "cgroup.conf").write_text("CgroupPlugin=cgroup/v1\n", encoding="utf-8")
    key = folder / "munge.key"
    key.write_bytes(os.urandom(128))
    key.chmod(0o600)
    environment = {
        **os.environ,
        "PATH": os.pathsep.join([str(_wrap_srun(folder)), SEARCHED]),
        "SLURM_CONF": str(folder / "slurm.conf"),
    }
    munged = ["munged", "--foreground", "--force", f"--key-file={key}"]
    munged += [f"--{name}-file={folder}/munge.{name}" for name in ("pid", "seed", "log")]
    started: list[subprocess.Popen[bytes]] = []
    try:
        for command, wait_s in (
            ([*munged, f"--socket={folder}/munge.socket"], 2),
            (["slurmctld", "-D"], 3),
            (["slurmd", "-D", "-N", host], 0),
        ):
            with (folder / f"{command[0]}.said").open("wb") as said:
                started.append(subprocess.Popen(command, env=environment, stdout=said, stderr=said))
            time.sleep(wait_s)
        _wait_until_idle(folder, environment, started)
        yield environment
    finally:
        _stop(started)


def _wrap_srun(folder: Path) -> Path:
    """Write a `srun` that finds the configuration: within a job, Snakemake drops SLURM_CONF."""
    wrapper = folder / "bin" / "srun"
    wrapper.parent.mkdir()
    real = shutil.which("srun", path=SEARCHED)
    wrapper.write_text(f'#!/bin/sh\nSLURM_CONF={folder}/slurm.conf exec {real} "$@"\n')
    wrapper.chmod(0o755)
    return wrapper.parent


def _free_ports() -> list[int]:
    sockets = [socket.socket() for _ in range(2)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def _wait_until_idle(
    folder: Path, environment: dict[str, str], started: list[subprocess.Popen[bytes]]
) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        ended = [process.args[0] for process in started if process.poll() is not None]
        said = subprocess.run(
            ["sinfo", "--noheader", "--format=%T"], env=environment, capture_output=True, text=True
        )
        if said.stdout.strip() == "idle":
            return
        if ended:
            break
        time.sleep(1)
    logs = [path.read_text(errors="replace")[-600:] for path in sorted(folder.glob("*.said"))]
    raise SlurmMissingError(" ".join(["SLURM did not start:", *logs]))


def _stop(started: list[subprocess.Popen[bytes]]) -> None:
    for process in reversed(started):
        process.terminate()
    for process in reversed(started):
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=20)
        process.kill()
