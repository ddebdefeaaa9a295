"""Classes of jitclass for tests of objects that hold derivatives."""

import numpy as np
from numba import boolean, float64, int64, types
from numba.experimental import jitclass


@jitclass([("x", float64), ("y", float64), ("tag", int64)])
class Vec:
    def __init__(self, x, y):
        self.x = x
        self.y = y
        self.tag = 1

    def __add__(self, other):
        return Vec(self.x + other.x, self.y + other.y)

    def __mul__(self, s):
        return Vec(self.x * s, self.y * s)

    def __getitem__(self, k):
        return self.x if k == 0 else self.y

    def __setitem__(self, k, value):
        if k == 0:
            self.x = value
        else:
            self.y = value

    def __abs__(self):
        return np.sqrt(self.x**2 + self.y**2)

    def __lt__(self, other):
        return self.x < other.x

    def dot(self, other):
        return self.x * other.x + self.y * other.y

    @property
    def size(self):
        return np.hypot(self.x, self.y)

    @size.setter
    def size(self, s):
        f = s / self.size
        self.x *= f
        self.y *= f

    @staticmethod
    def cube(x):
        return x * x * x

    def itself(self):
        return self


@jitclass(
    [
        ("a", float64[:]),
        ("b", float64[:]),
        ("n", int64),
        ("on", boolean),
        ("k", float64),
        ("grid", float64[:]),
        ("count", int64[:]),
    ]
)
class Field:
    def __init__(self, n, k):
        self.a = np.zeros(n)
        self.b = np.ones(n)
        self.n = n
        self.on = True
        self.k = k
        self.grid = np.linspace(0.0, 1.0, n)
        self.count = np.zeros(2, np.int64)

    def swap(self):
        self.a, self.b = self.b, self.a

    def step(self, q):
        for i in range(self.n):
            self.a[i] = self.b[i] * q + self.grid[i] * self.k
        self.count[0] += 1
        self.swap()

    def renew(self, q):
        self.a = self.b * q

    def total(self):
        return np.sum(self.a * self.grid) + self.b.sum()


@jitclass(
    [("v", Vec.class_type.instance_type), ("m", float64), ("pos", types.UniTuple(float64, 2))]
)
class Body:
    def __init__(self, v, m):
        self.v = v
        self.m = m
        self.pos = (m, 1.0)

    def push(self, f):
        self.v.x += f / self.m
        self.pos = (self.pos[0] + f, self.pos[1] * f)


node = types.deferred_type()


@jitclass([("a", float64[:]), ("next", types.optional(node))])
class Node:
    def __init__(self, a, next):
        self.a = a
        self.next = next


node.define(Node.class_type.instance_type)


@jitclass([("a", float64[:]), ("maybe", types.optional(float64[:]))])
class Optional:
    def __init__(self, a, maybe):
        self.a = a
        self.maybe = maybe
