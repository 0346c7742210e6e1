"""The command line's root: which verbs there are, and what an error looks like. A verb is loaded when it is called."""

from __future__ import annotations

import inspect
import os
import re
import select
import sys
import textwrap
from importlib import import_module
from typing import Any

from cyclopts import App, CycloptsError

from tasks.calling import as_called, command
from tasks.stopping import deaf, stoppable

USAGE, FAILED, INTERRUPTED, UNHEARD = 2, 1, 130, 141

VERBS = {
    "new": "Profile a file of rows and write a project for it.",
    "run": "Run a project's pipeline: data, training, optimization, deployment.",
    "runs": "What ran, when, and how it ended.",
    "report": "The report of a run.",
    "predict": "Rows in, rows with predictions out.",
    "verify": "Check a package or a release offline.",
    "releases": "What is released where; history and rollback.",
    "targets": "The targets, and which of them this machine can build and measure.",
    "monitor": "Compare what a release was asked with what it was trained on.",
    "schedule": "Run a project by the clock.",
    "retrain": "Ask a worker for a run now.",
    "worker": "The process that executes scheduled and asked-for runs.",
    "ui": "Open MLflow's and Prefect's pages on this machine.",
    "doctor": "What is fine here, what is not, and the command that mends it.",
}

STOPPED = {
    "run": "stopped. What is finished is kept, and the next run goes on from there.",
    "retrain": "stopped waiting. The run that was asked for stays asked for.",
}


def assembled(called: str | None) -> App:
    """Every verb by name; only the one that is called is loaded, and tells of itself what its docstring says."""
    app = App(name="farrier", help="Raw rows to a model that runs, proven, on the hardware you have.", version="0.1.0",
              help_format="plaintext", suppress_keyboard_interrupt=False)
    for verb, summary in VERBS.items():
        if verb == called:
            app.command(_called(verb), name=verb)
        else:
            app.command(f"farrier.{verb}:{verb}", name=verb, help=summary)
    return app


def _called(verb: str) -> App:
    """The verb that is called, its examples at the end of its help."""
    found = getattr(import_module(f"farrier.{verb}"), verb)
    called = found if isinstance(found, App) else App(default_command=found)
    _tell(called, called.default_command or found)
    for name in called:
        if (below := called[name]).default_command and not name.startswith("-"):
            _tell(below, below.default_command)
    return called


def _tell(verb: App, function: Any) -> None:
    words = inspect.cleandoc(function.__doc__ or "")
    verb.help, verb.help_epilogue = _description(words), _examples(words)


def _description(words: str) -> str:
    r"""What a docstring says before its examples, in paragraphs that the help may wrap to the terminal's width.

    >>> _description("Do it.\n\nAll of it,\nand well.\n\nExamples\n--------\n  do it\n\n")
    'Do it.\n\nAll of it, and well.'
    """
    before = re.split(r"\n\n(?:Examples|Parameters)\b", words)[0]
    return re.sub(r"(?<!\n)\n(?!\n)", " ", before)


def _examples(words: str) -> str:
    """The examples of a docstring, which the help would leave out."""
    found = re.search(r"Examples:?\n(?:\s*-+\n)?(.*?)\n\s*\n", words, re.DOTALL)
    return "Examples:\n" + textwrap.indent(textwrap.dedent(found[1]), "  ") if found else ""


def main(arguments: list[str] | None = None) -> None:
    """Run a command and exit: 0 done, 1 failed, 2 usage, 3 ran but nothing could be released."""
    words = sys.argv[1:] if arguments is None else arguments
    app = assembled(words[0] if words else None)
    try:
        with stoppable():
            result: Any = app(words, exit_on_error=False, print_error=False, result_action="return_value")
        sys.stdout.flush()
    except CycloptsError as mistake:
        _complain(f"{mistake}\nSee: {' '.join((command(), *(mistake.command_chain or ())))} --help")
        sys.exit(USAGE)
    except SystemExit as end:  # what prints tables ends the process where nobody reads them
        sys.exit(UNHEARD if isinstance(end.__context__, BrokenPipeError) else end.code)
    except KeyboardInterrupt:
        deaf()
        _complain(STOPPED.get(words[0], "stopped."))
        sys.exit(INTERRUPTED)
    except Exception as problem:  # noqa: BLE001 what is not ours is raised again
        sys.exit(UNHEARD if _unheard(problem) else _explained(problem))
    sys.exit(result if isinstance(result, int) else 0)


def _unheard(problem: Exception) -> bool:
    """Whether nobody reads any more what is printed, as after `| head`: then the rest of it goes nowhere."""
    if not isinstance(problem, BrokenPipeError) or not _reader_is_gone(sys.stdout.fileno()):
        return False
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return True


def _reader_is_gone(pipe: int) -> bool:
    asked = select.poll()
    asked.register(pipe, 0)  # an error is told whatever is asked for
    return any(event & select.POLLERR for _, event in asked.poll(0))


def _explained(problem: Exception) -> int:
    """Print what went wrong on purpose and give its exit code; what was not foreseen keeps its traceback."""
    from serving.package import PackageError
    from serving.signature import SignatureError
    from tasks.errors import FarrierError, SettingsError

    if not isinstance(problem, FarrierError | PackageError | SignatureError):
        raise problem
    _complain(as_called(str(problem)))
    return USAGE if isinstance(problem, SettingsError) else FAILED


def _complain(text: str) -> None:
    from rich.console import Console

    Console(stderr=True).print(f"farrier: {text}", style="red", markup=False, highlight=False, soft_wrap=True)
