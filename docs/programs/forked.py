"""Children by fork: what is compiled before is there in all of them."""

import multiprocessing

import numpy as np

import numgrad


def energy(x):
    return np.sum(x**4) / 4.0


slope = numgrad.grad(energy)

if __name__ == "__main__":
    slope(np.zeros(3))  # compiles, once for all children
    with multiprocessing.get_context("fork").Pool(2) as pool:
        for gradient in pool.map(slope, [np.full(3, 1.0), np.full(3, 2.0)]):
            print(gradient)
