"""joblib's workers (loky), to which the functions of a program are sent as they are."""

import numpy as np
from joblib import Parallel, delayed

import numgrad

numgrad.cache()


def energy(x):
    return np.sum(x**4) / 4.0


slope = numgrad.grad(energy)

if __name__ == "__main__":
    slope(np.zeros(3))
    points = [np.full(3, 1.0), np.full(3, 2.0)]
    for gradient in Parallel(n_jobs=2)(delayed(slope)(point) for point in points):
        print(gradient)
