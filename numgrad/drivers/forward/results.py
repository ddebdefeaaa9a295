"""The passes that differentiate by all inputs, and the arrays that they fill."""

from dataclasses import dataclass
from functools import partial
from itertools import groupby

from numba import get_num_threads, prange, types

from numgrad.drivers import chunks
from numgrad.drivers.forward import care, lanes
from numgrad.drivers.forward.inputs import Input, check_place, derivative_element
from numgrad.drivers.forward.passes import Passes
from numgrad.drivers.forward.widths import FEWEST
from numgrad.drivers.structure import Leaf, leaves, mapped, source_of, structure_of
from numgrad.numbers.dual import nans, parts
from numgrad.targets import cuda_device
from numgrad.targets.options import internal_njit, internal_parallel_njit
from numgrad.twin.source import function_of


@dataclass(frozen=True)
class Result:
    """The derivatives of one output by one input."""

    name: str
    output: Leaf
    by: Input
    element: types.Type

    @property
    def is_array(self):
        return self.output.is_array or self.by.leaf.is_array

    @property
    def rank(self):
        return sum(leaf.kind.ndim for leaf in (self.output, self.by.leaf) if leaf.is_array)

    def shape(self):
        """Return the source of the shape of the result."""
        shapes = [
            f"{leaf.expression}.shape" for leaf in (self.output, self.by.leaf) if leaf.is_array
        ]
        return " + ".join(shapes)


class JacobianPasses(Passes):
    """All passes over a function, and the results that they fill."""

    looks_back = False  # whether to look for nan among results, and not at every pass
    begin = "0"  # the first input that counts; derivatives by those before it are left undefined

    def __init__(
        self,
        function,
        kinds,
        argnums,
        out,
        *,
        single,
        out_argnum=None,
        shared=False,
        derives_all=False,
        **options,
    ):
        super().__init__(function, kinds, argnums, out_argnum=out_argnum, **options)
        self.settings = {"single": single, "out_argnum": out_argnum, "derives_all": derives_all}
        self.results: list[Result] = []
        self.single = single
        self.derives_all = derives_all  # whether a result that is no float has derivative 0
        self.structure = mapped(self._of_output, self.outputs())
        self.out = None if out is None else self._checked_out(out)
        by_arrays = all(result.by.leaf.is_array for result in self.results)
        self.shared = shared and by_arrays and not self.state  # which is one for all threads

    @property
    def returns_arrays(self):
        return any(result.is_array for result in self.results)

    def _of_output(self, output):
        if not (output.is_floating or (self.derives_all and output.expression == "value")):
            return None
        by_argument = [
            mapped(lambda leaf: self._result(output, leaf), self.structures[position])
            for position in self.argnums
        ]
        return by_argument[0] if self.single else tuple(by_argument)

    def _result(self, output, leaf):
        (by,) = [each for each in self.inputs if each.leaf == leaf]
        element = derivative_element(output, self.dual)
        self.results.append(Result(f"r{len(self.results)}", output, by, element))
        return self.results[-1]

    def _checked_out(self, out):
        places = leaves(structure_of("out", out))
        expected = [result for result in self.results if result.is_array]
        if len(places) != len(self.results) or len(expected) != len(self.results):
            raise TypeError(
                f"out must hold one array for each of the {len(self.results)} derivatives, "
                f"arranged as the result is, and not be {out}"
            )
        for place, result in zip(places, self.results, strict=True):
            check_place(place, result.element, result.rank)
        return places

    def implementation(self, *, value=False):
        """Return the body of a function of ``arguments`` and ``out``."""
        self._compute()
        self._look_back()
        self.take_care(self._found())
        self.restore()
        if self.out is not None:
            self._copy_to(self.out)
            result = "out"
        else:
            result = source_of(mapped(lambda r: self.if_there(r.output, r.name), self.structure))
        return self.body(f"{self.values()}, {result}" if value else result)

    def _look_back(self):
        """Take down whether derivatives are lacking, where the passes themselves didn't."""
        numbers = ""
        for result, (name, is_array) in zip(self.results, self._found(), strict=True):
            if not is_array:
                numbers += f"{name}, "
            elif self.is_watched and (self.looks_back or not result.output.is_array):
                self.add(f"lacking = lacking | {self.name(nans.any_nan, 'any_nan')}({name})")
        if numbers and self.is_watched:
            self.add(f"lacking = lacking | {self.name(nans.is_any_nan, 'is_any_nan')}(({numbers}))")

    def _found(self):
        """Return the names of results, arrays as one dimension, and whether they are arrays."""
        return [(f"{r.name}_flat" if r.is_array else r.name, r.is_array) for r in self.results]

    def careful(self):
        return partial(
            again_function, type(self), self.function, self.kinds, self.argnums, self.settings
        )

    def again(self):
        """Return the body of a function of ``arguments`` and ``results``, which it fills."""
        self._compute()
        self._look_back()
        self.take_care(self._found())
        return self.filling(self._found())

    def _compute(self):
        """Add all passes, and what takes their results to their places."""
        self.check_unshared()
        if self.out is not None and not cuda_device.in_kernel():
            self.check_out(self.out)
            self._check_disjoint(self.out)
        self.prepare()
        self.add(f"start = {self.begin}")
        self.save(self._needs_more_passes() and f"{self.begin} + {self.dual.count} < total")
        if self.is_watched:
            self.add("lacking = False")
        self.evaluate(1, first=True)
        for k, result in enumerate(self.results):
            self._allocate(result, None if self.out is None else self.out[k])
        self._store(1, first=True)
        if self._needs_more_passes():
            self._add_more_passes()
        self.complete()

    def complete(self):
        """Add what results need that passes don't compute."""

    def _add_more_passes(self):
        """Add the passes after the first: a loop, or one on each thread."""
        count = self.dual.count
        if not self.shared:
            self._add_loop(f"{self.begin} + {count}", "total")
            return
        results = ", ".join(f"{result.name}_flat" for result in self.results)
        if self.is_watched:
            results += ", lackings"
            self.add(f"lackings = {self.name(care.one_flag, 'one_flag')}()")
        share = self.name(share_passes(self._some_passes(results), count), "share_passes")
        self.add(f"{share}(arguments, ({results},), total)")
        if self.is_watched:
            self.add("lacking = lacking | lackings[0]")

    def _add_loop(self, first, last):
        self.add(f"for start in range({first}, {last}, {self.dual.count}):")
        self.put_back(2)
        self.evaluate(2, first=False)
        self._store(2, first=False)

    def _some_passes(self, results):
        """Return the function that makes some of the passes, on duals of its own."""
        before, self.lines = self.lines, []
        self.prepare()
        self.add(f"({results},) = results")
        if self.is_watched:
            self.add("lacking = False")
        for each in self.inputs:
            if each.in_array and not each.written:
                self._fill(each, 1)
        self._add_loop("first", "last")
        if self.is_watched:
            self.add("if lacking:", "    lackings[0] = True")
        passes = self.body("None")
        self.lines = before
        return internal_njit(function_of("some_passes", "arguments, results, first, last", passes))

    def _needs_more_passes(self):
        return self.has_arrays or len(self.seeded) > self.dual.count

    def _is_in_place(self, place):
        return place is not None and place.kind.layout == "C"

    def _allocate(self, result, place):
        if not result.is_array:
            return
        if place is not None:
            check = self.name(chunks.check_shape, "check_shape")
            self.add(f"{check}({place.expression}.shape, {result.shape()})")
        if self._is_in_place(place):
            self.add(f"{result.name} = {self._in_place(result, place)}")
        elif cuda_device.in_kernel():
            raise TypeError(
                "in a kernel the derivative by an array needs a place to go to: pass out=, an "
                "array made by cuda.local.array, or a tuple of numbers instead of the array"
            )
        else:
            element = self.name(result.element, "element")
            self.add(f"{result.name} = {self.working_array(result.shape(), element)}")
        kind = types.Array(result.element, result.rank, "C")
        self.add(f"{result.name}_flat = {self.flat(kind, result.name)}")

    def _in_place(self, result, place):
        """Return the source of the caller's array, or of another if inputs are read from it."""
        if cuda_device.in_kernel():
            return place.expression
        disjoint = self.name(chunks.disjoint, "disjoint")
        element = self.name(result.element, "element")
        inputs = "".join(f"{e.leaf.expression}, " for e in self.inputs if e.leaf.is_array)
        other = self.working_array(result.shape(), element)
        return f"{place.expression} if {disjoint}({place.expression}, ({inputs})) else {other}"

    def _check_disjoint(self, places):
        """Raise if the results would overwrite each other."""
        check = self.name(chunks.check_disjoint, "check_disjoint")
        for k, place in enumerate(places[1:]):
            others = "".join(f"{other.expression}, " for other in places[: k + 1])
            self.add(f"{check}({place.expression}, ({others}))")

    def _store(self, indent, *, first):
        """Take the partials of a pass to their places."""
        numbers = [result for result in self.results if not result.is_array]
        if numbers and not self._needs_more_passes():
            self._store_numbers(numbers, indent)
        for result in self.results:
            if result.by.leaf.is_array:
                self._store_chunk(result, indent)
            elif result.output.is_array:
                self._store_column(result, indent)
            elif self._needs_more_passes():
                self._store_number(result, indent, first=first)

    def _store_chunk(self, result, indent):
        """Store the partials by the numbers of an array that are in the chunk."""
        output, before = result.output.expression, "0"
        size, first = f"{result.by.name}_numbers.size", f"start - {result.by.name}_offset"
        if result.output.is_array:
            output, before = self._loop_over(result, indent), f"row * {size}"
            indent += 1
        harvest, dual = self.name(lanes.harvest, "harvest"), self.name(self.dual, "dual")
        given = f"{dual}, {output}, {result.name}_flat, {before}, {size}, {first}"
        self.add(f"{harvest}({given})", indent=indent)

    def _loop_over(self, result, indent):
        """Begin a loop over the elements of an output; return the source of one."""
        name, output = f"{result.name}_outputs", result.output
        self.add(f"{name} = {self.flat(output.kind, output.expression)}", indent=indent)
        self.add(f"for row in range({name}.size):", indent=indent)
        if not self.looks_back:
            self.watch(f"{name}[row]", indent + 1)
        return f"{name}[row]"

    def _store_column(self, result, indent):
        """Store the partials of an array by one number, if it is in the chunk."""
        lane = f"{result.by.name}_offset - start"
        self.add(f"if 0 <= {lane} < {self.dual.count}:", indent=indent)
        element = self._loop_over(result, indent + 1)
        partial = self._partial(element, lane)
        self.add(f"{result.name}_flat[row] = {partial}", indent=indent + 2)

    def _store_numbers(self, results, indent):
        """Store the derivatives of numbers by numbers, all those of one output at once."""
        by = {result.by.name: None for result in results}
        where = "".join(f"{name}_offset - start, " for name in by)
        self.add(f"lanes = ({where})", indent=indent)
        partials, dual = self.name(parts.partials_at, "partials_at"), self.name(self.dual, "dual")
        for output, group in groupby(results, lambda result: result.output.expression):
            names = "".join(f"{result.name}, " for result in group)
            self.add(f"{names} = {partials}({dual}, {output}, lanes)", indent=indent)

    def _store_number(self, result, indent, *, first):
        """Store the derivative of a number by a number, if it is in the chunk."""
        output, lane = result.output.expression, f"{result.by.name}_offset - start"
        before = self._partial(output, "0") if first else result.name
        kept, dual = self.name(lanes.kept, "kept"), self.name(self.dual, "dual")
        self.add(f"{result.name} = {kept}({dual}, {before}, {output}, {lane})", indent=indent)

    def _partial(self, output, lane):
        partial, dual = self.name(parts.partial_at, "partial_at"), self.name(self.dual, "dual")
        return f"{partial}({dual}, {output}, {lane})"

    def _copy_to(self, places):
        for result, place in zip(self.results, places, strict=True):
            if not (cuda_device.in_kernel() and self._is_in_place(place)):
                self.add(f"{self.name(chunks.bring, 'bring')}({place.expression}, {result.name})")


def again_function(kind, function, kinds, argnums, settings, *, careful=True):
    """Return the function that makes the same passes again: with care, or when it has to be."""
    passes = kind(function, kinds, argnums, None, careful=careful, most=FEWEST, **settings)
    return internal_njit(function_of("again", "arguments, others, results", passes.again()))


def share_passes(some_passes, count):
    """Return the function that makes all passes but the first, on all threads."""

    def share(arguments, results, total):
        passes, threads = (total - 1) // count, get_num_threads()
        for thread in prange(threads):
            some_passes(
                arguments,
                results,
                (1 + passes * thread // threads) * count,
                (1 + passes * (thread + 1) // threads) * count,
            )

    return internal_parallel_njit(share)
