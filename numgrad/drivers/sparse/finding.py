"""Runs of a function on numbers that know which inputs they depend on."""

from numgrad.drivers.forward.passes import Passes
from numgrad.drivers.sparse import entries
from numgrad.drivers.sparse.numbering import AsAsked
from numgrad.drivers.structure import leaves
from numgrad.numbers.conversions import converted
from numgrad.numbers.pattern import sets
from numgrad.numbers.pattern.seeds import inputs_a_pass, seeded
from numgrad.numbers.pattern.type import LISTED, PatternType


class PatternPasses(AsAsked, Passes):
    """The runs, and the entries that they find.

    The outputs are one column of numbers, those of one after another; so are the inputs.
    """

    returns_arrays = True

    def __init__(self, function, kinds, argnums, words, out_argnum=None):
        self.words = words
        super().__init__(function, kinds, argnums, out_argnum=out_argnum, watched=False)

    def carrier(self, most, careful):
        return PatternType(self._value_type(), self.words, self._depth(careful=False))

    def dual_of(self, element):
        return PatternType(element, self.words, self.dual.depth)

    def _seeded(self, each, number, position):
        function, pattern = self.name(seeded, "seeded"), self._dual_name(each)
        return f"{function}({pattern}, {number}, {each.name}_offset + {position}, place)"

    def _seeded_number(self, each):
        return self._seeded(each, each.leaf.expression, "0")

    def _made(self, each):
        number = f"{each.name}_numbers[k]"
        if each.seeded:
            return self._seeded(each, number, "k")
        return f"{self.name(converted, 'converted')}({number}, {self._dual_name(each)})"

    def _constant(self, expression, kind):
        pattern = self.dual_of(kind)
        name = self.name(pattern, "pattern")
        return f"{self.name(converted, 'converted')}({expression}, {name})", pattern

    def _seed(self, each, indent, *, start, partial):
        """Nothing: inputs are filled in with their sets."""

    def implementation(self):
        """Return the body of a function of ``arguments`` and ``block``, the memory of sets.

        It returns the starts of rows, the columns of their entries, and the number of inputs. The
        caller's memory is as it was before: who asks for a pattern will call the function yet.
        """
        self.check_unshared()
        self.prepare()
        self.save("True")
        (self._run_listed if self.words == LISTED else self._run_bits)()
        self.put_back(1)
        return self.body("found[0], found[1], total")

    def _run_listed(self):
        """Add the one run; where the memory of sets is too little, its caller makes another."""
        self.add(f"place = {self.name(entries.address_of, 'address_of')}(block)")
        self.evaluate(1, first=True)
        lines = self._lines()
        rows = " + ".join(f"len({line})" for line in lines) or "0"
        self.add(f"found = {self.name(entries.no_rows, 'no_rows')}({rows}, total)")
        self.add(f"if not {self.name(sets.is_full, 'is_full')}(block):", "    pass")
        gather = self.name(entries.with_listed_rows, "with_rows")
        for line in lines:
            self.add(
                f"found = {gather}({self.name(self.dual, 'pattern')}, {line}, found)", indent=2
            )

    def _run_bits(self):
        """Add a run for as many inputs as there are bits, and those for all others."""
        count = inputs_a_pass(self.words)
        self.add(f"found = {self.name(entries.no_pairs, 'no_pairs')}()")
        self.add(f"for place in range(0, max(total, 1), {count}):", "    if place > 0:")
        self.add(f"{self.name(entries.next_part, 'next_part')}(found)", indent=3)
        self.put_back(3)
        self.evaluate(2, first=True)
        gather, pattern = self.name(entries.with_bits, "with_bits"), self.name(self.dual, "pattern")
        for line in self._lines():
            self.add(f"found = {gather}({pattern}, {line}, {self.words}, place, found)", indent=2)
        self.add(f"found = {self.name(entries.by_rows, 'by_rows')}(found)")

    def _lines(self):
        """The sources of all outputs, each as a line of numbers."""
        return [
            self.flat(output.kind, output.expression)
            if output.is_array
            else f"({output.expression},)"
            for output in leaves(self.outputs())
            if output.is_floating
        ]
