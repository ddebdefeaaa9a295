"""A plugin of pytest that runs autograd's own tests with numgrad, and sorts the outcomes."""

import json
import os
from pathlib import Path

import numpy as np
import pytest

from tests.autograds import checking, stand_in
from tests.autograds.checking import COUNTS, RefusedError, WrongError

OUTCOMES = {}
stand_in.install()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    if call.when != "call":
        return
    made = {k: COUNTS[k] - item.counted[k] for k in COUNTS}
    if call.excinfo is None:
        outcome = "passed" if made["calls"] else "without derivatives"
    elif call.excinfo.errisinstance(WrongError):
        outcome = "wrong"
    elif call.excinfo.errisinstance(RefusedError):
        outcome = "refused"
    else:
        outcome = "other"
    reason = "" if call.excinfo is None else f"{call.excinfo.type.__name__}: {call.excinfo.value}"
    OUTCOMES[item.nodeid] = {"outcome": outcome, "reason": reason, **made}
    report.longrepr = None
    Path(os.environ["AUTOGRADS_OUTCOMES"]).write_text(json.dumps(OUTCOMES, indent=1))


def pytest_runtest_setup(item):
    np.random.seed(42)  # noqa: NPY002 - as its tests draw
    item.counted = dict(COUNTS)
    checking.left_to_compile[0] = checking.COMPILED
