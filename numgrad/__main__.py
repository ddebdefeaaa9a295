"""``python -m numgrad``: check this installation, and print a table; or show the cache."""

import sys
import time
from collections.abc import Sequence

from numgrad import installation
from numgrad.installation import Comparison, Finding

ITEM_WIDTH = 17


USAGE = """usage: python -m numgrad              check this installation
       python -m numgrad cache        list the derivatives that are kept on disk
       python -m numgrad cache clear  remove them"""


def main(command: Sequence[str] = ()) -> int:
    """Print what every check finds, or what the cache on disk holds.

    Parameters
    ----------
    command : sequence of str, optional
        What follows the name of the program.

    Returns
    -------
    int
        The exit status: 1 when a check has failed, 2 when the command isn't known.
    """
    commands = {(): check, ("cache",): list_cache, ("cache", "clear"): clear_cache}
    if tuple(command) in commands:
        return commands[tuple(command)]()
    print(USAGE, file=sys.stderr)
    return 2


def list_cache() -> int:
    """Print the derivatives that are kept on disk, those that were used last first."""
    from numgrad.caching import folder

    entries = folder.entries()
    total = sum(entry.size for entry in entries)
    print(f"{folder.folder()}: {len(entries)} derivatives, {total:,} of {folder.limit():,} bytes")
    for entry in entries:
        used = time.strftime("%Y-%m-%d", time.localtime(entry.used))
        print(f"{used} {entry.size:>10,}  {entry.label or f'broken: {entry.path.name}'}")
    return 0


def clear_cache() -> int:
    """Remove the derivatives that are kept on disk."""
    from numgrad.caching import folder

    print(f"{folder.folder()}: {folder.clear()} files removed")
    return 0


def check() -> int:
    """Print what every check finds."""
    failures = []
    for finding in installation.findings():
        print(line_of(finding), flush=True)
        if not finding.passed:
            failures.append(finding.item)
    print(f"\n{'gradient':36} {'equal to NumPy':>14} {'numgrad':>12} {'NumPy':>12}  times faster")
    try:
        for comparison in installation.comparisons():
            print(row_of(comparison), flush=True)
            if not comparison.equal:
                failures.append(comparison.work)
    except Exception as error:
        failures.append(f"gradient ({type(error).__name__}: {error})")
    print(f"\nFAILED: {', '.join(failures)}" if failures else f"\n{verdict()}")
    return 1 if failures else 0


def verdict() -> str:
    """Return what to say where nothing has failed: whether threads are any use, too."""
    found = installation.seconds_on_threads()
    if found is None or found[0] <= found[1]:
        return "All checks passed."
    several, one = (f"{seconds * 1e3:.2f} ms" for seconds in found)
    return (
        "All checks passed, but calls on several threads are slower than on one now: "
        f"{several}, {one}.\nOther programs keep the processors busy, or this one may use fewer "
        "than there are:\nset NUMBA_NUM_THREADS to what it has for itself."
    )


def line_of(finding: Finding) -> str:
    """Return a finding as a line of text, further lines set in below it."""
    text = finding.text if finding.passed else f"FAILED: {finding.text}"
    return f"{finding.item:{ITEM_WIDTH}}" + text.replace("\n", "\n" + " " * ITEM_WIDTH)


def row_of(comparison: Comparison) -> str:
    """Return a comparison as a row of the table."""
    equal = "bit for bit" if comparison.equal else "NO"
    times = [
        f"{seconds * 1e3:9.3f} ms" for seconds in (comparison.seconds, comparison.numpy_seconds)
    ]
    ratio = comparison.numpy_seconds / comparison.seconds
    return f"{comparison.work:36} {equal:>14} {times[0]} {times[1]} {ratio:13.1f}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
