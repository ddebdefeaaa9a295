"""Sixty random programs: each is right, or refused by its line.

The number of a test is the seed of its program: `python -m tests.programs --seed N --count 1
--print --shrink` shows it, and the smallest that fails like it.
"""

import pytest

from tests.programs.checking import WAYS, check
from tests.programs.generating import program

# The programs to compile, which takes the time: they come from 85 of 100 lines of the generator.
# The thorough tests compile every one.
QUICK = {14, 16, 38, 41, 54}


def cases():
    for seed in range(60):
        quick, thorough = (WAYS, ()) if seed in QUICK else (("plain",), ("compiled",))
        yield pytest.param(seed, quick, id=str(seed))
        if thorough:
            yield pytest.param(seed, thorough, marks=pytest.mark.thorough, id=f"{seed}-compiled")


@pytest.mark.parametrize(("seed", "ways"), list(cases()))
def test_program(seed, ways):
    text = program(seed)
    for outcome in check(text, ways):
        good = ["right", "invalid", "refused"]
        assert outcome.kind in good, f"{outcome.kind}, {outcome.way}: {outcome.reason}\n\n{text}"
