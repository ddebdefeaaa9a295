"""An operator on its fields: checked samples, the terms of every output, and where results go."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from numgrad.fields.boundaries import CONSTANT, ONE_SIDED, Ghosts
from numgrad.fields.layout import Array
from numgrad.fields.missing import derive_where_missing, reach_of
from numgrad.fields.outputs import checked_outputs
from numgrad.fields.run_differences import Term, evaluate
from numgrad.fields.terms import Formula, Part
from numgrad.targets.choose import TARGETS
from numgrad.targets.cuda_arrays import is_on_device

NAN = Literal["propagate", "one-sided"]
NANS = ("propagate", "one-sided")


Sides = tuple[Array | None, Array | None]  # the samples before and after the ends of an axis
Planes = Callable[[Sequence[Array], Part, bool], Sides]  # of components, for a derivative


@dataclass(slots=True)
class Fields:
    """The components of a field as arrays that the kernels take, and what results become."""

    components: list[Array]
    shape: tuple[int, ...]
    dtype: np.dtype[Any]  # of the results
    masks: list[Array] | None
    given: Sequence[Any]

    @property
    def precision(self) -> np.dtype[Any]:
        """The dtype that is computed in."""
        if self.components[0].dtype.kind in "iu":
            return np.dtype(np.float64)
        return self.components[0].dtype


def fields_of(given: Sequence[Any]) -> Fields:
    """Check samples."""
    arrays = [np.asanyarray(one) for one in given]
    shape = arrays[0].shape
    for array in arrays:
        if array.dtype.kind not in "iufc" or array.dtype.itemsize > (
            16 if array.dtype.kind == "c" else 8
        ):
            raise TypeError(
                "samples must be integers, float16, float32, float64, complex64 or complex128, not "
                f"{array.dtype}"
            )
        if array.shape != shape:
            raise ValueError(
                f"all components must have the same shape, but {shape} and {array.shape} came"
            )
    masks = None
    if any(isinstance(array, np.ma.MaskedArray) for array in arrays):
        masks = [np.ma.getmaskarray(array) for array in arrays]
    alike = all(array.dtype == arrays[0].dtype for array in arrays)
    dtype = arrays[0].dtype if alike else np.result_type(*(array.dtype for array in arrays))
    result = dtype if dtype.kind in "fc" else np.dtype(np.float64)
    computed = result.newbyteorder("=")
    if computed == np.float16:
        computed = np.dtype(np.float32)
    if masks is not None or dtype.kind not in "iu" or not dtype.isnative:
        dtype = computed
    components = [filled(array, dtype) for array in arrays]
    return Fields(components, shape, result, masks, given)


def filled(samples: Any, dtype: np.dtype[Any]) -> Array:
    """Give samples as an array of a dtype, nan where they are masked."""
    array = np.require(np.asarray(np.ma.getdata(samples)), dtype, "A")
    mask = np.ma.getmask(samples)
    return np.where(mask, dtype.type(np.nan), array) if mask is not np.ma.nomask else array


def checked_target(target: str) -> None:
    """Raise if a target is none."""
    if target not in TARGETS:
        raise ValueError(f"target must be one of {', '.join(TARGETS)}, not {target!r}")


def checked_nan(nan: str) -> bool:
    """Tell if stencils shall avoid samples that are missing."""
    if nan not in NANS:
        raise ValueError(f"nan must be one of {', '.join(map(repr, NANS))}, not {nan!r}")
    return nan == "one-sided"


def answer(
    given: Sequence[Any],
    build: Callable[..., Formula],
    arguments: Sequence[Any],
    avoid: bool,
    out: Any,
    target: str,
) -> Any:
    """Give the outputs of an operator, ``build(shape, *arguments)``, where its samples lie.

    If ``avoid``, missing samples are avoided.
    """
    if target != "cpu" and any(map(is_on_device, given)):
        from numgrad.fields.run_differences_cuda import derive_on_device

        return derive_on_device(given, build, arguments, mend if avoid else None, out)
    fields = fields_of(given)
    return run(fields, build(fields.shape, *arguments), avoid, out, target)


def run(fields: Fields, formula: Formula, avoid: bool, out: Any, target: str) -> Any:
    """Give the outputs of an operator on arrays of the host, new or in the caller's arrays."""
    formula.check_constants(fields.dtype)
    like, count = fields.components[0], len(formula.outputs)
    if out is None:
        results = tuple(np.empty_like(like, fields.dtype) for _ in range(count))
    else:
        if fields.masks is not None:
            raise TypeError("out can't hold the derivatives of a masked array: it has no mask")
        results = checked_outputs(out, fields.shape, fields.dtype, count, fields.given)
    if target == "cuda" and fields.masks is not None:
        raise TypeError("a masked array can't be derived on a GPU; pass target='cpu'")
    derive_into(fields, formula, avoid, results, own_planes, target)
    if fields.masks is not None:
        results = masked(fields, formula, avoid, results, own_planes)
    return results[0] if formula.single else results


def derive_into(
    fields: Fields,
    formula: Formula,
    avoid: bool,
    results: Sequence[Array],
    planes: Planes,
    target: str = "cpu",
) -> None:
    """Derive checked samples into arrays of the dtype of the results."""
    components = fields.components
    if needs_floats(formula):
        components = [component.astype(fields.precision, copy=False) for component in components]
    # the caller's own coordinates are read while results are written
    coordinates = [x.spacing for x in formula.grid if isinstance(x.spacing, np.ndarray)]
    targets = [
        result
        if result.dtype == fields.precision
        and result.flags.aligned
        and not any(np.may_share_memory(result, x) for x in coordinates)
        else np.empty_like(result, fields.precision)
        for result in results
    ]
    if target == "cuda":
        from numgrad.fields.run_differences_cuda import derive_from_host

        derive_from_host(components, formula, targets)
        if avoid:
            mend(components, formula, targets)
    else:
        derive(components, formula, avoid, targets, planes)
    for result, computed in zip(results, targets, strict=True):
        if result is not computed:
            result[...] = computed


def needs_floats(formula: Formula) -> bool:
    """Tell if samples beyond the ends may be others than there are."""
    return any(end.name == CONSTANT or end.sign < 0 for axis in formula.grid for end in axis.ends)


def ghosts_of(part: Part, avoid: bool) -> Ghosts:
    """Give the ghosts that a derivative may need."""
    ghosts = part.line.ghosts
    if not avoid:
        return ghosts
    before, after = (end.name != ONE_SIDED for end in ghosts.ends)
    return Ghosts(ghosts.ends, reach_of(part) * before, reach_of(part) * after)


def own_planes(components: Sequence[Array], part: Part, avoid: bool) -> Sides:
    """Give the samples beyond the ends of an axis of a whole field."""
    return ghosts_of(part, avoid).planes(components[part.component], part.axis.axis)


def derive(
    components: Sequence[Array],
    formula: Formula,
    avoid: bool,
    targets: Sequence[Array],
    planes: Planes,
) -> None:
    """Derive components into arrays of the dtype that is computed in."""
    if targets[0].size == 0:
        return
    avoid = avoid and components[0].dtype.kind not in "iu"
    terms = terms_of(components, formula, avoid, planes)
    evaluate(targets, terms)
    if avoid:
        repair_all(targets, formula, terms)


def terms_of(
    components: Sequence[Array], formula: Formula, avoid: bool, planes: Planes
) -> list[list[Term]]:
    """Give the terms of each output, with the samples beyond the ends that they may need."""
    known: dict[Any, Sides] = {}
    terms: list[list[Term]] = []
    for parts in formula.outputs:
        terms.append([])
        for part in parts:
            key = part.component, part.axis.axis, ghosts_of(part, avoid)
            if key not in known:
                known[key] = planes(components, part, avoid)
            terms[-1].append(Term(components[part.component], part.line, *known[key]))
    return terms


def mend(components: Sequence[Array], formula: Formula, targets: Sequence[Array]) -> None:
    """Derive again where outputs that a GPU computed are nan for samples that are missing."""
    if targets[0].size and components[0].dtype.kind not in "iu":
        repair_all(targets, formula, terms_of(components, formula, True, own_planes))


def repair_all(targets: Sequence[Array], formula: Formula, terms: Sequence[list[Term]]) -> None:
    """Derive again where outputs are nan for samples that are missing."""
    for target, parts, group in zip(targets, formula.outputs, terms, strict=True):
        repair(target, parts, group)


def repair(target: Array, parts: Sequence[Part], terms: Sequence[Term]) -> None:
    """Derive again where an output is nan for samples that are missing."""
    for component in {id(term.samples): term.samples for term in terms}.values():
        target[np.isnan(component)] = np.nan
    if not np.isnan(target).any():
        return
    around = []
    for part, term in zip(parts, terms, strict=True):
        reach, axis, samples = reach_of(part), part.axis.axis, term.samples
        sides = []
        for plane in (term.before, term.after):
            shape = [*samples.shape]
            shape[axis] = reach - (0 if plane is None else plane.shape[axis])
            sides.append((plane, np.full(shape, np.nan, samples.dtype)))
        (before, no_before), (after, no_after) = sides
        pieces = [no_before, before, samples, after, no_after]
        around.append(np.concatenate([piece for piece in pieces if piece is not None], axis))
    derive_where_missing(target, parts, around)


def masked(
    fields: Fields, formula: Formula, avoid: bool, results: tuple[Array, ...], planes: Planes
) -> tuple[Any, ...]:
    """Mask the results that missing samples leave without a value, and at missing samples."""
    assert fields.masks is not None
    missing = [np.empty(fields.shape) for _ in results]
    indicators = [indicator(*both) for both in zip(fields.components, fields.masks, strict=True)]
    derive(indicators, formula, avoid, missing, planes)
    masks = []
    for gone, parts in zip(missing, formula.outputs, strict=True):
        own = [fields.masks[k] for k in {part.component for part in parts}]
        masks.append(np.logical_or.reduce([np.isnan(gone), *own]))
    return tuple(map(np.ma.MaskedArray, results, masks))


def indicator(component: Array, mask: Array) -> Array:
    """Give nan where samples are missing, and 0 elsewhere."""
    return np.where(mask | np.isnan(component), np.nan, 0.0)


def components_of(given: Any) -> list[Any]:
    """Give the components of a field, from a sequence of them or an array of all."""
    if isinstance(given, tuple | list):
        components = list(given)
    else:
        array = np.asanyarray(given)
        components = [array[k] for k in range(len(array))] if array.ndim else []
    if not components:
        raise ValueError(
            "components must be a tuple of fields, or an array with the components along its first "
            "axis"
        )
    return components
