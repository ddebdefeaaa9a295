"""Programs checked in a process of their own, so that one that ends its process is found."""

import multiprocessing
import re
import sys
from dataclasses import dataclass, field
from typing import Any

from tests.programs.checking import WAYS, Outcome, check

PROGRAMS_A_PROCESS = 40  # machine code is never freed
SECONDS = 300  # for one program


def serve(pipe: Any) -> None:
    """Check what comes through a pipe, until it closes."""
    sys.setrecursionlimit(3000)
    while True:
        try:
            text, ways = pipe.recv()
        except EOFError:
            return
        pipe.send(check(text, ways))


@dataclass
class Child:
    """A process that checks programs, started again where one ended it."""

    process: Any = None
    pipe: Any = None
    checked: int = 0
    context: Any = field(
        default_factory=lambda: multiprocessing.get_context(
            "fork" if sys.platform == "linux" else "spawn"
        )
    )

    def check(self, text: str, ways: tuple[str, ...] = WAYS) -> list[Outcome]:
        if self.process is None or self.checked == PROGRAMS_A_PROCESS:
            self.restart()
        self.checked += 1
        self.pipe.send((text, ways))
        try:
            if self.pipe.poll(SECONDS):
                return self.pipe.recv()
            reason = f"not finished after {SECONDS} seconds"
        except EOFError:
            self.process.join()
            reason = f"the process ended with {self.process.exitcode}"
        self.stop()
        return [Outcome("crashed", reason)]

    def restart(self) -> None:
        self.stop()
        self.pipe, theirs = self.context.Pipe()
        self.process = self.context.Process(target=serve, args=(theirs,), daemon=True)
        self.process.start()
        theirs.close()
        self.checked = 0

    def stop(self) -> None:
        if self.process is not None:
            self.pipe.close()
            self.process.terminate()
            self.process.join()
        self.process = None


def signature(outcome: Outcome) -> str:
    """Return what two failures of the same kind have in common."""
    lines = outcome.reason.splitlines() or [""]
    told = lines[2] if outcome.kind == "refused" and len(lines) > 2 else lines[-3:][0]
    if outcome.kind in ("wrong", "rounded", "error"):
        told = lines[0] if outcome.kind == "error" else lines[0].split()[0]
    told = re.sub(r"0x[0-9a-f]+|\$?[\w.]*\d[\w.]*", "…", told)
    return f"{outcome.kind}, {outcome.way}: {told[:90]}"
