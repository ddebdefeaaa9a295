"""The layout of complex carriers in memory."""

from llvmlite import ir
from numba.core import cgutils
from numba.extending import models

from numgrad.numbers.carrier import IMAG, REAL, complex_of_parts, complex_parts, real_of


class HalvesModel(models.StructModel):
    """A carrier of complex numbers, in memory two of real numbers.

    A subclass says what it is in registers: it calls ``__init__`` with its members.
    """

    def __init__(self, manager, carrier, *members):
        super().__init__(manager, carrier, *members)
        self.part = manager.lookup(real_of(carrier))

    def get_data_type(self):
        return ir.LiteralStructType([self.part.get_data_type()] * 2)

    def as_data(self, builder, value):
        parts = complex_parts(builder, self.fe_type, value)
        return cgutils.pack_struct(builder, [self.part.as_data(builder, part) for part in parts])

    def from_data(self, builder, value):
        parts = [
            self.part.from_data(builder, builder.extract_value(value, half))
            for half in (REAL, IMAG)
        ]
        return complex_of_parts(builder, self.fe_type, parts)

    def load_from_data_pointer(self, builder, ptr, align=None):
        places = [cgutils.gep_inbounds(builder, ptr, 0, half) for half in (REAL, IMAG)]
        parts = [self.part.load_from_data_pointer(builder, place, align) for place in places]
        return complex_of_parts(builder, self.fe_type, parts)

    def as_return(self, builder, value):
        return self.as_data(builder, value)

    def from_return(self, builder, value):
        return self.from_data(builder, value)
