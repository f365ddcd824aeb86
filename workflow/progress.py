"""Show the progress of a Snakemake run as one line: what runs, jobs done of all, time left.

    snakemake ... 2>&1 | python workflow/progress.py logs/demo.log

What Snakemake says goes to the log; its errors are shown too. A training says in its own log how
many of its epochs are done. On a terminal the line is rewritten every few seconds; elsewhere a new
one appears when other stages run, and every minute.
"""

import os
import queue
import re
import shutil
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

# CPU seconds of a job of the demo, from its records in results/benchmark; others take a second.
# Trainings were measured over ten epochs; these are eight tenths. What takes longest comes last, so
# the mean pace of the first jobs would promise too much.
COST_S = {
    **{"simulate": 1.8, "crop": 1.4, "align": 2.8, "extract": 0.4, "view": 2.5, "match": 2.5},
    **{"probe": 2.9, "synthesize": 2.2, "delineate": 11.0, "segment": 8.0, "register": 2.0},
    **{"compare": 4.8, "score": 4.0, "illustrate": 4.4, "render": 4.0},
    "train": 57.0,  # the mean of its runs, which are known by name once they start
    **{"train ours": 146.0, "train ours_match": 152.0, "train ae": 59.0, "train gan": 56.0},
    **{"train paired": 35.0, "train copy": 2.4, "train atlas": 2.4, "train matched": 2.4},
}
_COUNT = re.compile(r"^(\w+) +(\d+)$")
_START = re.compile(r"^(?:local)?(?:rule|checkpoint) (\w+):$")
_DETAIL = re.compile(r"^(\w+): (.+)$")
_DONE = re.compile(r"^Finished jobid: (\d+) \(Rule: \w+\)$")
_ERROR = re.compile(r"error|exception|fail|refused|lock", re.IGNORECASE)
_EPOCH = re.compile(r"epoch (\d+) of (\d+):")
_TICK_S, _SILENT_S = 2.0, 60.0


@dataclass
class Job:
    """A job as Snakemake announces it."""

    rule: str
    number: str = ""
    log: str = ""
    run: str = ""
    finished: bool = False

    @property
    def cost_s(self) -> float:
        """What the job takes."""
        return COST_S.get(self.name, COST_S.get(self.rule, 1.0))

    @property
    def name(self) -> str:
        """The rule, and of a training the run."""
        return f"train {self.run}" if self.rule == "train" else self.rule

    def epochs(self) -> tuple[int, int]:
        """Return how many epochs of a training are done, and of how many; 0 of 0 if it is none."""
        lines = _EPOCH.findall(_end_of(Path(self.log))) if self.rule == "train" else []
        return (int(lines[-1][0]), int(lines[-1][1])) if lines else (0, 0)


class Progress:
    """The jobs of a run: of each rule all, and each that was started."""

    def __init__(self) -> None:
        self.total: Counter[str] = Counter()
        self.jobs: dict[str, Job] = {}
        self.latest: Job | None = None

    def read(self, line: str) -> bool:
        """Take in a line of Snakemake's output; return whether the progress changed."""
        if count := _COUNT.match(line):
            if count[1] != "total":
                self.total[count[1]] = int(count[2])
        elif start := _START.match(line):
            self.latest = Job(start[1])
        elif self.latest and (detail := _DETAIL.match(line)):
            self._detail(self.latest, detail[1], detail[2])
        elif (done := _DONE.match(line)) and done[1] in self.jobs:
            self.jobs[done[1]].finished = True
        else:
            self.latest = None
            return False
        return bool(self.jobs)

    def _detail(self, job: Job, name: str, value: str) -> None:
        """Take in a line that follows where Snakemake announces a job."""
        if name == "jobid":
            job.number = value
        elif name == "resources":  # the last line
            self.jobs[job.number] = job
        elif name == "log":
            job.log = value
        elif name == "wildcards" and (run := re.search(r"\brun=([^,\s]+)", value)):
            job.run = run[1]

    def running(self) -> str:
        """Return the stages at work."""
        return " ".join(sorted({job.rule for job in self.jobs.values() if not job.finished}))

    def describe(self, elapsed_s: float) -> str:
        """Return the line: what runs, jobs done of all, share and time left."""
        stages, done_s, finished = set(), 0.0, 0
        for job in self.jobs.values():
            epoch, epochs = (0, 0) if job.finished else job.epochs()
            done_s += job.cost_s * (1 if job.finished else epoch / max(epochs, 1))
            finished += job.finished
            if not job.finished:
                stages.add(f"train {job.run} {epoch}/{epochs}" if epochs else job.name)
        total_s = sum(count * COST_S.get(rule, 1.0) for rule, count in self.total.items())
        share = min(done_s / max(total_s, 1.0), 1.0)
        left = "..."
        if share > 0:
            minutes = elapsed_s * (1 / share - 1) / 60
            left = "less than a minute left" if minutes < 1 else f"about {minutes:.0f} min left"
        jobs = f"{finished} of {self.total.total()} jobs"
        return f"{100 * share:3.0f} %  {left:<18}  {jobs}  {', '.join(sorted(stages)) or '-'}"


def _end_of(path: Path) -> str:
    """Return the end of a log; nothing where there is none."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - 4096))
            return file.read().decode(errors="replace")
    except OSError:
        return ""


def ticking(lines: Iterable[str], seconds: float) -> Iterator[str]:
    """Yield lines as they come, and an empty text whenever none came for some seconds."""
    waiting: queue.Queue[str | None] = queue.Queue()

    def pump() -> None:
        for line in lines:
            waiting.put(line)
        waiting.put(None)

    threading.Thread(target=pump, daemon=True).start()
    while True:
        try:
            line = waiting.get(timeout=seconds)
        except queue.Empty:
            yield ""
            continue
        if line is None:
            return
        yield line


def follow(lines: Iterable[str], log: TextIO, screen: TextIO) -> None:
    """Copy lines to the log, and show progress and errors on the screen.

    Args:
        lines: of Snakemake; an empty text (no line) asks for the progress so far.
        log: takes all lines.
        screen: takes the progress and the errors.
    """
    progress, begin, paragraph = Progress(), time.monotonic(), False
    terminal, stages, shown_at = screen.isatty(), "", begin
    for line in lines:
        log.write(line)
        log.flush()
        text = line.strip()
        if progress.read(text) or (not line and progress.jobs):
            now = time.monotonic()
            if terminal:
                width = shutil.get_terminal_size().columns - 1
                screen.write(f"\r{progress.describe(now - begin)[:width]}\x1b[K")
            elif progress.running() != stages or now - shown_at > _SILENT_S:
                screen.write(f"{progress.describe(now - begin)}\n")
                shown_at = now
            stages = progress.running()
            screen.flush()
            continue
        # An error is a paragraph: it ends with an empty line.
        paragraph = bool(text) and (paragraph or bool(_ERROR.search(text)))
        if paragraph or text.startswith("Nothing to be done"):
            screen.write(f"{chr(10) if stages and terminal else ''}{line}")
            screen.flush()
    if terminal and stages:
        screen.write("\n")


def main() -> None:
    """Follow what comes in; the log is named by the first argument."""
    path = Path(sys.argv[1])
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8") as log:
        follow(ticking(sys.stdin, _TICK_S), log, sys.stdout)


if __name__ == "__main__":
    main()
