"""Operators on Dask arrays beside the plain kernel: ``python -m benchmarks.chunked [gigabytes]``.

A field in chunks of 128 MB is derived by Dask's threads into an array that is there, and as a whole
by one call, of whose throughput Dask is to have at least 0.8. Beside it Dask copies the chunks,
which is its limit: whatever is computed, each block comes in new memory and is copied to where it
is stored. It takes 8 gigabytes by default, and twice as many are needed.
"""

import sys
from functools import partial

import dask.array as da
import numpy as np

import numgrad
from benchmarks.timing import turn_about

CHUNK = 128 * 10**6
PLANE = 1000, 1000


def main(gigabytes):
    planes = max(1, CHUNK // (8 * PLANE[0] * PLANE[1]))
    count = max(1, round(gigabytes * 10**9 / CHUNK)) * planes
    field, out = np.zeros((count, *PLANE)), np.zeros((count, *PLANE))
    field[:] = np.sin(np.arange(count))[:, None, None] + np.arange(PLANE[1])
    chunked = da.from_array(field, chunks=(planes, *PLANE), name=False)
    ways = {
        "laplacian": partial(numgrad.laplacian, accuracy=2),
        "derivative": partial(numgrad.differentiate, axis=0, order=2, accuracy=4),
        "gradient": partial(numgrad.gradient, axis=1),
    }
    print(f"{field.nbytes / 1e9:.2f} GB in {chunked.numblocks[0]} chunks")
    for name, operator in ways.items():

        def plain(operator=operator):
            operator(field, out=out)

        def by_dask(operator=operator):
            da.store(operator(chunked), out, lock=False, scheduler="threads")

        def copied():
            da.store(chunked.map_blocks(np.copy), out, lock=False, scheduler="threads")

        plain()
        expected = out.copy() if field.nbytes < 10**9 else None
        by_dask()
        assert expected is None or np.array_equal(out, expected)
        calls = {"plain": plain, "Dask": by_dask, "copied": copied}
        seconds = turn_about(calls, rounds=5, seconds=30.0)
        moved = 2e-9 * field.nbytes / seconds["plain"]
        share, of_copy = (seconds["plain"] / seconds[way] for way in ("Dask", "copied"))
        print(f"{name:12} plain {moved:5.2f} GB/s, Dask {share:.2f} of it, a copy {of_copy:.2f}")


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 8.0)
