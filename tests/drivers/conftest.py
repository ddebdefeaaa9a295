"""What the drivers do between passes is forward mode's: their tests go forward unless told."""

import os

import pytest


@pytest.fixture(autouse=True)
def forward_by_default(monkeypatch):
    monkeypatch.setenv("NUMGRAD_MODE", os.environ.get("NUMGRAD_MODE", "forward"))
