"""The list of examples: ``python -m numgrad.examples``."""

from numgrad import examples

print(examples.__doc__)
