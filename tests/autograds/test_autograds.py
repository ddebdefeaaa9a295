"""Autograd's own tests through ``jit=False``, if its sdist is at hand: none wrong, few refused."""

import os

import pytest

from tests.autograds.running import outcomes, summary

SDIST = os.environ.get("AUTOGRAD_SDIST")


@pytest.mark.thorough
@pytest.mark.skipif(not SDIST, reason="AUTOGRAD_SDIST names no unpacked sdist of autograd")
def test_autograds_own_tests(tmp_path):
    results = outcomes(SDIST, tmp_path)
    found = summary(results)
    wrong = [name for name, each in results.items() if each["outcome"] == "wrong"]
    assert not wrong
    assert found["passed"] >= 540
    assert found["comparisons"] > 7000
