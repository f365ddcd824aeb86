"""Groups of jobs that share a cluster submission: workarounds for Snakemake 9.27.

To see whether a group waits for itself, Snakemake walks, for every job of it, through everything
that the job depends on: where a thousand jobs of `match` depend on the mean of a thousand scans,
that is a million walks. Sorting the graph once, with a group as a single node, gives the same
answer. And where one job of a group fails, Snakemake starts no other, and deletes the outputs of
all of them.
"""

from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any

from snakemake.exceptions import WorkflowError


def install() -> None:
    """Replace these methods of Snakemake; versions without them are left alone."""
    from snakemake.dag import DAG  # which only Snakemake can load first: they import each other
    from snakemake.jobs import GroupJob

    if hasattr(DAG, "validate_group") and hasattr(DAG, "_check_groups"):
        DAG.validate_group = lambda self, group: None
        DAG._check_groups = _check_and_go_on
    if GroupJob.postprocess.__module__ != __name__:
        GroupJob.postprocess = _keeping(GroupJob.postprocess)


def check(dag: Any) -> None:
    """Refuse groups of which one waits for itself.

    Raises:
        WorkflowError: a path leaves a group and comes back to it.
    """

    def node(job: Any) -> Any:
        return dag.get_job_group(job) or job

    sorter: TopologicalSorter[Any] = TopologicalSorter()
    for job in dag.jobs:
        sorter.add(node(job), *({node(other) for other in dag._dependencies[job]} - {node(job)}))
    try:
        sorter.prepare()
    except CycleError as error:
        names = [each.groupid if each.is_group() else each.rule.name for each in error.args[1]]
        raise WorkflowError(
            f"A group of jobs waits for itself: {' <- '.join(names)}. Put what lies between into"
            " the group too, or take its rules out of it (`groups` of the profile)."
        ) from error


def _check_and_go_on(dag: Any) -> None:
    """Check groups; within a submission, have a job that fails stop no other.

    Snakemake passes `keep-going` to no submission, and knows its settings only after the Snakefile.
    """
    check(dag)
    if not dag.workflow.is_main_process:
        dag.workflow.execution_settings.keep_going = True


def succeeded(outputs: list[str], record: str | None) -> bool:
    """Return whether a job of a failed group ended well: its record is written last, and only then.

    Args:
        outputs: files that it writes.
        record: its benchmark record; None: it has none.
    """
    if record is None or not all(Path(path).exists() for path in [*outputs, record]):
        return False
    return max(Path(path).stat().st_mtime_ns for path in outputs) <= Path(record).stat().st_mtime_ns


def _keeping(original: Any) -> Any:
    """Return a method that ends a group as `original` does, but keeps outputs of finished jobs."""

    async def postprocess(self: Any, error: bool = False, **more: Any) -> None:
        if not error:
            await original(self, error=False, **more)
            return
        for level in self.toposorted:
            for job in level:
                ended = succeeded(list(job.output), job.benchmark)
                await job.postprocess(error=not ended, check_output_mtime=False, **more)

    return postprocess
