"""Plan the workflow as ``snakemake --dry-run`` does, and write each job with its reason to a file.

``python -m ssus2mri.dry_run FILE ARGUMENT...`` is a process of its own: Snakemake ends by exiting.
"""

import json
import logging
import sys
from pathlib import Path
from typing import Any

from snakemake.cli import main as snakemake
from snakemake_interface_logger_plugins.common import LogEvent

from ssus2mri import provenance


def main(out: Path, arguments: list[str]) -> int:
    """Plan the workflow.

    Args:
        out: JSON to write: ``jobs``, each with ``stage``, ``wildcards``, ``reason`` and
            ``benchmark``, and ``noted``, the meaning of hashes.
        arguments: of Snakemake.

    Returns:
        Its exit code.
    """
    jobs: list[dict[str, Any]] = []

    def collect(record: logging.LogRecord) -> bool:
        if getattr(record, "event", None) == LogEvent.JOB_INFO:
            said = vars(record)
            jobs.append(
                {
                    "stage": said["rule_name"],
                    "wildcards": dict(said["wildcards"] or {}),
                    "reason": said["reason"],
                    "benchmark": said["benchmark"],
                }
            )
        return True

    logging.getLogger("snakemake.logging").addFilter(collect)
    try:
        snakemake(["--dry-run", *arguments])
        code: Any = 0
    except SystemExit as end:
        code = end.code
    out.write_text(json.dumps({"jobs": jobs, "noted": provenance.noted}, default=str))
    return int(code or 0)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
