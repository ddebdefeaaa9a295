"""Processes that start afresh, of a program whose functions are its own."""

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np

import numgrad


def energy(x):
    return np.sum(x**4) / 4.0


slope = numgrad.grad(energy)

if __name__ == "__main__":
    numgrad.cache()
    slope(np.zeros(3))  # compiles, and keeps it on disk for the others
    with ProcessPoolExecutor(2, get_context("spawn"), initializer=numgrad.cache) as pool:
        for gradient in pool.map(slope, [np.full(3, 1.0), np.full(3, 2.0)]):
            print(gradient)
