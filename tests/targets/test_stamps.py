"""Stamps, which machine code in a cache of Numba's carries."""

import os

from numgrad.caching import stamping
from numgrad.targets import stamps


def test_stamps_outside_of_caches_are_nothing_special():
    assert stamps.loading() is None
    assert stamps.saving() == (None, None)
    restore, arguments = stamping.Stamp(("digest",)).__reduce__()
    assert restore(*arguments).origins == ("digest",)


def test_a_process_whose_sources_were_edited_shares_no_code(tmp_path, monkeypatch):
    path = tmp_path / "rules.py"
    path.write_text("a = 1\n", "utf-8")
    os.utime(path, (1, 1))
    monkeypatch.setattr(stamps, "PACKAGE", tmp_path)

    def digest():
        return stamps._digest_of_sources.__wrapped__()

    known = digest()
    assert digest() == known
    path.write_text("a = 2\n", "utf-8")
    os.utime(path, ns=(0, stamps._imported + 1))
    assert len({known, digest(), digest()}) == 3
    os.utime(path, (1, 1))  # as for a process that starts later
    assert digest() == digest() != known
