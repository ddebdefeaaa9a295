"""Check any number of random programs.

python -m tests.programs --seed 0 --count 100 --shrink
python -m tests.programs FILE ...
"""

import argparse
import sys
import time
from collections import Counter
from pathlib import Path

from tests.programs.checking import KINDS, WAYS, Outcome
from tests.programs.generating import GROUPS, program, runs
from tests.programs.running import Child, signature
from tests.programs.shrinking import shrunk

FAILURES = ("unnamed", "error", "wrong", "crashed")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.programs", description=__doc__)
    parser.add_argument("files", nargs="*", type=Path, help="programs to check instead")
    parser.add_argument("--seed", type=int, default=0, help="of the first program")
    parser.add_argument("--count", type=int, default=60, help="how many programs")
    parser.add_argument("--groups", help=f"statements of these alone, of {', '.join(GROUPS)}")
    parser.add_argument("--size", type=int, default=6, help="statements of a program")
    parser.add_argument(
        "--shrink",
        type=int,
        nargs="?",
        const=200,
        default=0,
        metavar="TRIES",
        help="print the smallest that still fails, found in so many tries",
    )
    parser.add_argument("--also", default="", help="shrink these kinds too: refused, rounded")
    parser.add_argument("--ways", default=",".join(WAYS), help="compiled, plain, or both")
    parser.add_argument("--print", action="store_true", help="print every program")
    return parser.parse_args()


def smallest(child: Child, text: str, outcome: Outcome, tries: int) -> str:
    """Return the smallest program found that fails in the same way."""

    def fails(candidate: str) -> bool:
        if not runs(candidate):
            return False
        found = child.check(candidate, (outcome.way,))
        return any(signature(each) == signature(outcome) for each in found)

    return shrunk(text, fails, tries)


def main() -> int:
    options = arguments()
    groups = None if options.groups is None else frozenset(options.groups.split(","))
    texts = (
        ((str(path), path.read_text()) for path in options.files)
        if options.files
        else (
            (str(seed), program(seed, groups, options.size))
            for seed in range(options.seed, options.seed + options.count)
        )
    )
    child, kinds, found, programs = Child(), Counter(), Counter(), Counter()
    entries = skipped = 0
    for name, text in texts:
        if options.print:
            print(text)
        start = time.perf_counter()
        outcomes = child.check(text, tuple(options.ways.split(",")))
        seconds = time.perf_counter() - start
        worst = max(outcomes, key=lambda outcome: KINDS.index(outcome.kind))
        programs[worst.kind] += 1
        print(f"{name}: {worst.kind} ({seconds:.1f} s)", flush=True)
        for outcome in outcomes:
            kinds[f"{outcome.kind}, {outcome.way}"] += 1
            entries, skipped = entries + outcome.entries, skipped + outcome.skipped
            if outcome.kind == "right":
                continue
            found[signature(outcome)] += 1
            if outcome.kind in (*FAILURES, *options.also.split(",")):
                print(f"    {signature(outcome)}\n    {outcome.reason[:600]}")
                if options.shrink and found[signature(outcome)] <= 3:
                    print(smallest(child, text, outcome, options.shrink))
    child.stop()
    print("\nprograms: " + ", ".join(f"{n} {kind}" for kind, n in programs.most_common()))
    print("ways:     " + ", ".join(f"{n} {kind}" for kind, n in sorted(kinds.items())))
    print(f"entries of derivatives: {entries}, of which {skipped} have no two steps that agree")
    for told, n in found.most_common():
        print(f"{n:5} {told}")
    return int(any(programs[kind] for kind in FAILURES))


if __name__ == "__main__":
    sys.exit(main())
