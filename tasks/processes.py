"""Work in a process of its own: a stated number of threads, a seed, and nothing left behind.

Two fits in threads of one process give other bytes each time; a process of its own gives the same bytes again.
A fork server imports the heavy libraries once and hands out warm children.
"""

from __future__ import annotations

import contextlib
import ctypes
import multiprocessing
import os
import random
import signal
import traceback
from collections.abc import Callable
from functools import cache
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext, ForkServerProcess
from typing import Any, TypeVar, cast

from tasks.errors import FarrierError

Result = TypeVar("Result")
HEAVY = ["numpy", "pandas", "pyarrow.parquet", "onnx", "onnxruntime", "sklearn.ensemble", "sklearn.pipeline",
         "sklearn.compose", "sklearn.linear_model", "scipy.stats", "pydantic", "torch", "skl2onnx", "skops.io",
         "optuna", "safetensors.torch", "torch.onnx", "torch.export", "torch._dynamo",
         "torch.fx.experimental.proxy_tensor",
         "torch.onnx._internal.exporter._compat", "torch.export._trace", "torch._functorch.aot_autograd",
         "onnxscript.function_libs.torch_lib.ops", "onnxruntime.quantization", "torch_pruning",
         "mlperf_loadgen", "tasks.training.tuning", "tasks.optimization.optimize", "tasks.deployment.measurement"]
PR_SET_PDEATHSIG = 1
CHILDREN: set[ForkServerProcess] = set()


class ChildFailed(FarrierError):
    """A child process ended without an answer; the message holds what it printed last."""


@cache
def context() -> ForkServerContext:
    """The fork server's context; the first call only names what it will import."""
    made = multiprocessing.get_context("forkserver")
    made.set_forkserver_preload(HEAVY)
    return made


def warm_up() -> None:
    """Start the fork server where there is none, so that its imports run beside other work."""
    from multiprocessing import forkserver, resource_tracker

    context()
    resource_tracker.ensure_running()  # first: starting it takes SIGINT's block away again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # inherited: no Ctrl-C ends it amid its imports
    try:
        forkserver.ensure_running()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def cool_down() -> None:
    """End the fork server and wait for it, so that nothing of ours outlives a run; the next child starts a new one."""
    from multiprocessing import forkserver, resource_tracker

    server: Any = vars(forkserver)["_forkserver"]
    if server._forkserver_pid is not None:  # noqa: SLF001 while it still imports, it would not hear that it may go
        os.kill(server._forkserver_pid, signal.SIGTERM)  # noqa: SLF001
    for helper in (server, vars(resource_tracker)["_resource_tracker"]):
        helper._stop()  # noqa: SLF001 there is no public way to end them and wait


def run_apart(work: Callable[..., Result], *args: Any, threads: int = 1, seed: int = 0) -> Result:
    """Call `work(*args)` in a fresh process and return what it returns, or raise what it raised.

    `work` must be a function at the top of a module, its arguments and result picklable: the pipe is ours at both ends.
    Raises ChildFailed where the process died without an answer. An interruption of the caller ends the child.
    """
    warm_up()
    ours, theirs = context().Pipe(duplex=False)
    child = context().Process(target=_serve, args=(theirs, work, args, threads, seed), daemon=True)
    child.start()
    theirs.close()
    CHILDREN.add(child)
    try:
        answer, failure = _receive(ours, child)
    finally:
        CHILDREN.discard(child)
        child.join(timeout=0.5)
        child.kill()
        child.join()
        ours.close()
    if failure is not None:
        raise failure
    return cast("Result", answer)


def stop_all() -> None:
    """Kill every child at work: whoever waits for one gets ChildFailed. For the moment that a run is interrupted."""
    for child in tuple(CHILDREN):
        child.kill()


def _receive(ours: Connection, child: Any) -> tuple[Any, BaseException | None]:
    try:
        return cast("tuple[Any, BaseException | None]", ours.recv())
    except EOFError:
        child.join()
        return None, ChildFailed(f"a child process ended with exit code {child.exitcode} and no answer "
                                 f"(-9 means killed, often for memory)")


def _serve(theirs: Connection, work: Callable[..., Any], args: tuple[Any, ...], threads: int, seed: int) -> None:
    die_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends us; a second traceback would only confuse
    set_threads(threads)
    set_seed(seed)
    try:
        theirs.send((work(*args), None))
    except BaseException as problem:  # noqa: BLE001 the parent decides what to do with it
        problem.add_note("in a child process:\n" + traceback.format_exc())
        theirs.send((None, _portable(problem)))


def _portable(problem: BaseException) -> BaseException:
    """An exception that survives the pipe: itself where it can be rebuilt from its message, else its words."""
    if isinstance(problem, FarrierError) or type(problem).__module__ == "builtins":
        return problem
    return ChildFailed("\n".join([f"{type(problem).__name__}: {problem}", *getattr(problem, "__notes__", [])]))


def die_with_parent(number: int = signal.SIGKILL) -> None:
    """Have this process sent a signal as soon as its parent is gone, however that ended."""
    with contextlib.suppress(OSError, AttributeError):  # Linux only; elsewhere the parent's own clean-up must do
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, number)


def set_threads(threads: int) -> None:
    """Hold this process's numeric libraries to so many threads."""
    import torch
    from threadpoolctl import threadpool_limits

    os.environ["OMP_NUM_THREADS"] = str(threads)
    threadpool_limits(threads)
    torch.set_num_threads(threads)


def set_seed(seed: int) -> None:
    """Seed what libraries draw from when nobody hands them a generator; our own code passes seeds as arguments."""
    import numpy as np
    import torch

    random.seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002 for libraries that still draw from it
    torch.manual_seed(seed)
