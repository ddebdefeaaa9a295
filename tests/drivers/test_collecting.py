import gc
import os

import pytest

from numgrad.drivers.collecting import OBJECTS, few_collections


@pytest.fixture
def own_thresholds():
    before = gc.get_threshold()
    gc.set_threshold(900, 11, 12)
    yield (900, 11, 12)
    gc.set_threshold(*before)


def test_thresholds_come_back(own_thresholds):
    with few_collections():
        assert gc.get_threshold() == (OBJECTS, 11, 12)
        with few_collections():
            assert gc.get_threshold() == (OBJECTS, 11, 12)
        assert gc.get_threshold() == (OBJECTS, 11, 12)
    assert gc.get_threshold() == own_thresholds
    with pytest.raises(ZeroDivisionError), few_collections():
        raise ZeroDivisionError
    assert gc.get_threshold() == own_thresholds


def test_what_a_program_sets_meanwhile_stays(own_thresholds):
    with few_collections():
        gc.set_threshold(300)
    assert gc.get_threshold()[0] == 300


def test_rarer_collections_stay(own_thresholds):
    for thresholds in (0, 10, 10), (2 * OBJECTS, 10, 10):
        gc.set_threshold(*thresholds)
        with few_collections():
            assert gc.get_threshold() == thresholds
        assert gc.get_threshold() == thresholds


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # Python 3.12: forks beside threads
@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_children_have_those_of_the_program(own_thresholds):
    with few_collections():
        child = os.fork()
        if child == 0:
            os._exit(gc.get_threshold() != own_thresholds)
        assert os.waitpid(child, 0)[1] == 0
