"""Sixty random programs: each is right, or refused by its line.

The number of a test is the seed of its program: `python -m tests.programs --seed N --count 1
--print --shrink` shows it, and the smallest that fails like it.
"""

import pytest

from tests.programs.checking import check
from tests.programs.generating import program


@pytest.mark.parametrize("seed", range(60))
def test_program(seed):
    text = program(seed)
    for outcome in check(text):
        good = ["right", "invalid", "refused"]
        assert outcome.kind in good, f"{outcome.kind}, {outcome.way}: {outcome.reason}\n\n{text}"
