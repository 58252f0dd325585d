"""The executor that a name stands for."""

from scalewright.studies.executor import Executor, LocalExecutor

LOCAL = "local"


def executor_named(name: str, workers: int | None, threads: int) -> Executor:
    """Processes of this machine for `local`; else a Ray cluster by its address.

    Args:
        name: `local`, `auto` (the cluster that this machine belongs to), `HOST:PORT` (of a cluster that it belongs to) or
            `ray://HOST:PORT` (of a cluster elsewhere).
        workers: jobs side by side; by default one for each thread of this machine, or for each CPU of the cluster.
        threads: of this machine.

    Raises:
        InputError: the name is none of these, Ray is not installed, or no cluster answers.
    """
    if name == LOCAL:
        return LocalExecutor(workers or threads)
    from scalewright.studies.on_ray import RayExecutor

    return RayExecutor(name, workers)
