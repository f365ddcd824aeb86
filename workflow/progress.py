"""Show the progress of a Snakemake run as one line: stage, jobs done of all, time left.

    snakemake ... 2>&1 | python workflow/progress.py logs/demo.log

What Snakemake says goes to the log; its errors are shown too. On a terminal the line is rewritten,
elsewhere a new line appears when the stage changes.
"""

import re
import sys
import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import TextIO

# CPU seconds of a job of the demo, from its records in results/*/benchmark: what takes longest
# comes last, so the mean pace of the first jobs would promise too much.
COST_S = {"train": 75.0, "simulate": 4.0, "match": 5.0, "register": 6.0, "compare": 10.0}
_COUNT = re.compile(r"^(\w+) +(\d+)$")
_START = re.compile(r"^(?:local)?(?:rule|checkpoint) (\w+):$")
_DONE = re.compile(r"^Finished jobid: \d+ \(Rule: (\w+)\)$")
_ERROR = re.compile(r"error|exception|fail|refused|lock", re.IGNORECASE)


class Progress:
    """The jobs of a run: of each rule all, started and finished."""

    def __init__(self) -> None:
        self.total: Counter[str] = Counter()
        self.started: Counter[str] = Counter()
        self.finished: Counter[str] = Counter()

    def read(self, line: str) -> bool:
        """Take in a line of Snakemake's output; return whether the progress changed."""
        if count := _COUNT.match(line):
            if count[1] != "total":
                self.total[count[1]] = int(count[2])
        elif start := _START.match(line):
            self.started[start[1]] += 1
        elif done := _DONE.match(line):
            self.finished[done[1]] += 1
        else:
            return False
        return bool(self.started)

    def describe(self, elapsed_s: float) -> str:
        """Return the line: the stages at work, jobs done of all, share and time left."""
        stages = " ".join(sorted(self.started - self.finished)) or "-"
        total, done = cost(self.total), cost(self.finished)
        left = "..."
        if done > 0:
            minutes = elapsed_s * (total - done) / done / 60
            left = "less than a minute left" if minutes < 1 else f"about {minutes:.0f} min left"
        jobs = f"{self.finished.total()} of {self.total.total()} jobs"
        return f"{stages:<24} {jobs:<18} {100 * done / max(total, 1):3.0f} %  {left}"


def cost(jobs: Counter[str]) -> float:
    """Return how much work some jobs are."""
    return sum(count * COST_S.get(rule, 1.0) for rule, count in jobs.items())


def follow(lines: Iterable[str], log: TextIO, screen: TextIO) -> None:
    """Copy lines to the log, and show progress and errors on the screen."""
    progress, begin, stages, paragraph = Progress(), time.monotonic(), "", False
    for line in lines:
        log.write(line)
        log.flush()
        text = line.strip()
        if progress.read(text):
            shown = progress.describe(time.monotonic() - begin)
            if screen.isatty():
                screen.write(f"\r{shown}\x1b[K")
            elif shown[:24] != stages:
                screen.write(f"{shown}\n")
            stages = shown[:24]
            screen.flush()
            continue
        # An error is a paragraph: it ends with an empty line.
        paragraph = bool(text) and (paragraph or bool(_ERROR.search(text)))
        if paragraph or text.startswith("Nothing to be done"):
            screen.write(f"{'' if not stages or not screen.isatty() else chr(10)}{line}")
            screen.flush()
    if screen.isatty() and stages:
        screen.write("\n")


def main() -> None:
    """Follow what comes in; the log is named by the first argument."""
    path = Path(sys.argv[1])
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8") as log:
        follow(sys.stdin, log, sys.stdout)


if __name__ == "__main__":
    main()
