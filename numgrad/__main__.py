"""``python -m numgrad``: check this installation, and print a table."""

import sys

from numgrad import installation
from numgrad.installation import Comparison, Finding

ITEM_WIDTH = 17


def main() -> int:
    """Print what every check finds.

    Returns
    -------
    int
        The exit status: 1 when a check has failed.
    """
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
    print(f"\nFAILED: {', '.join(failures)}" if failures else "\nAll checks passed.")
    return 1 if failures else 0


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
    sys.exit(main())
