"""The width of a pass: how many partials it carries.

Measured (``benchmarks/chunks.py``): a pass costs least a partial when the partials of one number
fill four vector registers, of which a processor has 16 or 32. LLVM splits powers of two into whole
registers; other counts of more than one register it takes apart, at several times the cost.
"""

from functools import cache

from llvmlite import binding

from numgrad.numbers.carrier import is_carrier, number_of
from numgrad.targets import cuda_device

REGISTERS = 4
FEWEST = 8  # partials in arrays: fewer cost as much


@cache
def register_bytes():
    """Return the width of this processor's vector registers."""
    features = binding.get_host_cpu_features()
    if features.get("avx512f"):
        return 64
    return 32 if features.get("avx") else 16


def most_partials(value):
    """The most partials of a type of value that a pass carries."""
    if cuda_device.in_kernel() and not is_carrier(value):
        return FEWEST  # a thread of a GPU has no vectors, and its registers are those of its block
    if is_carrier(value):
        # a dual of duals has the product of both counts: together about as many as one has alone,
        # and never many, since they are no vector
        return max(1, min(FEWEST, most_partials(number_of(value)) // value.count))
    return max(FEWEST, REGISTERS * register_bytes() * 8 // value.bitwidth)


def counts_for_arrays(value):
    """Return the two counts for as many inputs as arrays hold: for few, and for more than that."""
    most = most_partials(value)
    return max(1, most // 2), most


def count_for(value, inputs):
    """The number of partials to carry for so many inputs."""
    most = most_partials(value)
    if inputs >= most:
        return most
    if inputs <= FEWEST or is_carrier(value):
        return inputs
    count = FEWEST
    while count < inputs:
        count *= 2
    return count
