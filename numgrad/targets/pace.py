"""Whether launches on several threads pay, as the last ones went.

The threads of GNU OpenMP wait for each other without giving way. Where other programs keep the
processors busy, a launch waits for the scheduler's turns, 8 ms and more, whatever there is to do.
Nothing but its time tells: so launches are timed, and one that takes longer than a single thread
would is followed by calls on one thread, with the same results. Several threads are tried again
where that costs little beside the time that has gone by.
"""

import math
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any

USUAL_SECONDS = 2e-9  # a result: what takes no longer isn't compared with a single thread
RARE = 50  # times as long as a launch took, until the next one is tried
MOST_KINDS = 1024

Launch = Callable[[int], Any]


@dataclass(slots=True)
class Way:
    """What is known of calls on one thread, or on several."""

    calls: int = 0  # of which the first isn't counted: it may load or compile
    seconds: float | None = None  # that the last one took
    ended: float = 0.0

    def note(self, seconds: float, now: float) -> None:
        """Take down how long a call took."""
        self.calls += 1
        self.ended = now
        if self.calls > 1:
            self.seconds = seconds


class Pace:
    """The times of launches, by what was launched and about how many results it had.

    Threads may call at once: what one of them takes down is as good as what another does.
    """

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._known: dict[Hashable, tuple[Way, Way]] = {}

    def forget(self) -> None:
        """Know nothing: calls are on several threads at first."""
        self._known.clear()

    def run(
        self,
        kind: Hashable,
        results: int,
        threads: int,
        launch: Launch,
        trial: float = math.inf,
    ) -> Any:
        """Launch what has so many results, on several threads or on one; return what it returns.

        A single thread is tried only where that takes no longer than a ``trial``, in seconds.
        """
        if threads == 1:
            return launch(1)
        key = kind, threads, results.bit_length()
        if len(self._known) >= MOST_KINDS and key not in self._known:
            self.forget()
        one, several = self._known.setdefault(key, (Way(), Way()))
        start = self._clock()
        launches = pays(one, several, results, start, most=trial / threads)
        returned = launch(threads if launches else 1)
        end = self._clock()
        (several if launches else one).note(end - start, end)
        return returned


def pays(one: Way, several: Way, results: int, now: float, most: float = math.inf) -> bool:
    """Whether to take several threads this time; they took so long at most if one is to be tried.

    One thread takes no longer than all of them together.
    """
    if several.seconds is None or several.seconds <= USUAL_SECONDS * results:
        return True
    if one.seconds is None:
        return several.seconds > most
    return several.seconds <= one.seconds or now - several.ended >= RARE * several.seconds


PACE = Pace()
