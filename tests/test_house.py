"""Who imports whom, as the manual's page "How it works" draws it, and which test is whose."""

import ast
import re
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import numgrad
from numgrad.targets import numba_private

PACKAGE = Path(numgrad.__file__).parent
DRAWING = PACKAGE.parent / "docs" / "drawings" / "house.svg"
TESTS = Path(__file__).parent
LONGEST = 450  # lines of a file: one that outgrows this is two subjects

# A file of the package is tested by the file of the same name in tests/. These have nothing of
# their own to test, or nothing that can be told apart: they are tested where they are used.
COVERED = {
    "arrays/linalg/test_linear_algebra": """
        arrays/linalg/blas arrays/linalg/eigenvalues
        arrays/linalg/determinants arrays/linalg/equations arrays/linalg/least_squares
        arrays/linalg/matrices arrays/linalg/quotients arrays/linalg/singular_values""",
    "arrays/test_array_functions": """
        arrays/activation arrays/convolution arrays/definitions arrays/interpolation arrays/logic
        arrays/outlined arrays/ranges""",
    "calls/test_entries": """
        calls/builtins calls/derivations calls/lowering calls/powers numbers/emitting""",
    "calls/test_elementwise": "calls/into",
    "caching/test_alike": "caching/frozen",
    "caching/test_kept": "caching/switch transforms/cache",
    "caching/test_stamping": "caching/known",
    "caching/test_wrappers": "caching/references targets/names targets/objects targets/symbols",
    "checked_types": "transforms/callables",
    "drivers/forward/test_care": "drivers/forward/watched numbers/dual/careful numbers/dual/nans",
    "drivers/reverse/test_passes": """
        drivers/reverse/contraction drivers/reverse/harvest numbers/tape/keeping numbers/tape/linear
        numbers/tape/nodes numbers/tape/records numbers/tape/registers
        numbers/tape/statements numbers/tape/streams numbers/tape/sweeping numbers/tape/threads
        numbers/tape/type numbers/temporaries""",
    "drivers/test_exceptions": "drivers/forward/guarded",
    "drivers/test_machine_code": """
        drivers/forward/lanes drivers/forward/passes drivers/forward/widths targets/options""",
    "drivers/test_scratch": "drivers/chunks drivers/sized",
    "drivers/test_state": "drivers/tables drivers/written twin/summaries",
    "drivers/test_transform": "twin/compiling twin/origins",
    "drivers/sparse/test_colouring": "drivers/sparse/plans",
    "drivers/sparse/test_pattern": "drivers/sparse/pictures",
    "examples/test_assimilation": "examples/_strait",
    "examples/test_examples": "examples/__main__",
    "fields/adapters/test_dask": "fields/adapters/chunks",
    "fields/adapters/test_xarray": """
        fields/adapters/applied fields/adapters/labels fields/adapters/times""",
    "fields/compiled/test_gradient": "fields/compiled/plan fields/compiled/registration",
    "fields/compiled/test_followed_gradient": "targets/followed tracer/samples",
    "fields/compiled/test_line_terms": "fields/compiled/curved fields/compiled/spreads",
    "fields/compiled/test_operators": """
        fields/compiled/call fields/compiled/lines fields/compiled/terms""",
    "fields/kernels/test_any_stencil": """
        fields/kernels/coefficients fields/kernels/runs fields/kernels/unrolled""",
    "fields/kernels/test_cuda_differences": "fields/run_differences_cuda",
    "fields/kernels/test_cuda": """
        fields/run_cuda targets/cuda_arrays targets/cuda_compiler targets/cuda_functions""",
    "fields/operators/test_gradient": """
        fields/kernels/addresses fields/kernels/coordinates fields/kernels/cpu
        fields/kernels/strided fields/kernels/tables""",
    "fields/operators/test_differentiate": """
        fields/grid fields/kernels/differences fields/kernels/missing fields/kernels/pieces
        fields/kernels/raw_memory fields/lines fields/run_differences""",
    "fields/operators/test_operator_matrix": "fields/matrix",
    "fields/operators/test_vector_operators": """
        fields/curvilinear fields/operation fields/operators/curl fields/operators/divergence
        fields/operators/laplacian fields/terms""",
    "fields/test_weights": "fields/kernels/fornberg fields/kernels/weighing",
    "numbers/dual/test_number": """
        numbers/dual/attributes numbers/dual/layout numbers/dual/lowering numbers/dual/parts
        numbers/dual/python numbers/dual/seeds numbers/dual/type""",
    "numbers/pattern/test_sets": """
        drivers/sparse/entries drivers/sparse/finding drivers/sparse/numbering numbers/words
        numbers/pattern/seeds numbers/pattern/type""",
    "numbers/tape/test_lanes": "numbers/tape/lane_records transforms/memory",
    "numbers/tape/test_loops": """
        numbers/tape/loop_layouts numbers/tape/loop_records numbers/tape/loop_sweeps
        numbers/tape/rounds twin/loops""",
    "numbers/tape/test_products": "numbers/tape/blas",
    "numbers/test_layouts": "arrays/views numbers/memory",
    "rules/test_scipy_functions": "calls/pointers",
    "test_first_use": "numba_extension targets/context",
    "test_house": "targets/numba_private",
    "test_main": "__main__ installation",
    "tracer/test_adjoints": "tracer/drawing",
    "tracer/test_both_ways": "tracer/bodies tracer/fourier tracer/linear_algebra tracer/primitives",
    "tracer/test_derivatives": """
        tracer/arguments tracer/leaves tracer/live tracer/places tracer/run""",
    "tracer/test_functions": """
        tracer/allocations tracer/flat tracer/lines tracer/pieces tracer/sources
        tracer/statistics tracer/ufuncs tracer/writing""",
    "tracer/test_graph": "tracer/recording tracer/trace",
    "tracer/test_state": "tracer/entering tracer/items tracer/layout tracer/outcomes tracer/reach",
    "tracer/test_values": "tracer/elements tracer/inside tracer/numbers tracer/operators",
    "tracer/test_views": "tracer/arrays",
    "tracer/test_backward": "tracer/cotangents tracer/undecided",
    "tracer/test_worked_examples": "tracer/adapted tracer/real_functions tracer/rebuilt",
    "transforms/test_checkpoint": """
        drivers/reverse/again drivers/reverse/iterated transforms/iterate""",
    "transforms/test_derivative": "drivers/over_arrays drivers/positions",
    "transforms/test_grad": "drivers/forward/inputs drivers/forward/results drivers/overloads",
    "transforms/test_hessian": "drivers/forward/second",
    "transforms/test_jacobian": "drivers/optionals drivers/structure transforms/tuples",
    "transforms/test_pullback": "drivers/reverse/stated",
    "drivers/test_given_objects": "drivers/forward/objects twin/given",
    "twin/test_objects": "arrays/copies arrays/objects numbers/objects",
    "twin/test_records": "numbers/records",
    "twin/test_aliases": "twin/object_mode",
    "twin/test_beside": "transforms/made",
    "twin/test_kinds_of_code": "tracer/complex_functions tracer/typed_containers",
    "twin/test_effects": "twin/calls",
    "twin/test_twin": """
        arrays/containers numbers/conversions targets/front_end twin/callees twin/inference
        twin/patterns twin/pipeline twin/plain twin/rewriting twin/source twin/statements twin/sums
        twin/temporaries""",
    "transforms/test_products": "drivers/forward/along",
    "transforms/test_sparse": "drivers/sparse/compressed",
}

pytestmark = pytest.mark.skipif(not DRAWING.exists(), reason="the manual isn't there")


@cache
def rooms():
    """Return the rooms from the lowest to the highest in the drawing, fields and targets apart."""
    text = r'<text x="\d+" y="(\d+)" [^>]*font-weight="bold">([^<]*)</text>'
    boxes = sorted((-int(y), name) for y, name in re.findall(text, DRAWING.read_text("utf-8")))
    tower = [name for _, name in boxes if name not in ("fields", "targets")]
    assert ", " in tower[-1]  # the files at the top
    return tower[:-1]


def may_import(room):
    """Return the rooms that one may import besides itself."""
    if room in ("rules", "targets"):
        return set()
    if room == "fields":
        return {"targets"}
    return {"targets", *rooms()[: rooms().index(room)]}


@cache
def modules():
    """Return the file of each module by its dotted name."""
    paths = PACKAGE.rglob("*.py")
    return {
        ".".join(["numgrad", *path.relative_to(PACKAGE).with_suffix("").parts]).removesuffix(
            ".__init__"
        ): path
        for path in paths
    }


def imported(path):
    """Return the modules of numgrad that a file imports, inside of functions too."""
    tree = ast.parse(path.read_text("utf-8"))
    for_types = {
        id(node)
        for block in ast.walk(tree)
        if isinstance(block, ast.If) and ast.unparse(block.test) == "TYPE_CHECKING"
        for node in ast.walk(block)
    }
    found = set()
    for node in ast.walk(tree):
        if id(node) in for_types:
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name if name in modules() else node.module for name in names}
    return found & set(modules())


@cache
def arrows():
    return {name: imported(path) for name, path in modules().items()}


def room_of(module):
    """Return the folder that a module lies in; None: it is one of the top."""
    parts = module.split(".")
    room = parts[1] if len(parts) > 1 else None
    return room if (PACKAGE / (room or "")).is_dir() and room != "examples" else None


def test_every_folder_is_in_the_drawing():
    folders = {path.parent.name for path in PACKAGE.glob("*/__init__.py")} - {"examples"}
    assert folders == {"fields", "targets", *rooms()}


@pytest.mark.parametrize("room", ["fields", "targets", *(rooms() if DRAWING.exists() else ())])
def test_imports_point_down(room):
    upward = [
        f"{module} imports {other}"
        for module, others in arrows().items()
        for other in others
        if room_of(module) == room and room_of(other) not in {room, *may_import(room)}
    ]
    assert upward == []


def test_the_table_needs_nothing_but_numpy():
    for module, path in modules().items():
        if room_of(module) == "rules":
            assert not re.search(r"^(import|from) (numba|llvmlite)", path.read_text(), re.MULTILINE)


def test_no_circles():
    try:
        TopologicalSorter(arrows()).prepare()
    except CycleError as error:
        pytest.fail(f"a circle of imports: {' -> '.join(error.args[1])}")


def test_the_tests_of_these_see_what_they_look_for(monkeypatch):
    within = {"numgrad.rules.table": {"numgrad.twin.twin"}, "numgrad.twin.twin": set()}
    monkeypatch.setitem(globals(), "arrows", lambda: within)
    with pytest.raises(AssertionError, match=r"numgrad.rules.table imports numgrad.twin.twin"):
        test_imports_point_down("rules")
    within["numgrad.twin.twin"].add("numgrad.rules.table")
    with pytest.raises(pytest.fail.Exception, match="a circle of imports"):
        test_no_circles()


def test_no_file_is_two_subjects():
    paths = [*PACKAGE.rglob("*.py"), *TESTS.rglob("*.py")]
    lengths = {str(path): len(path.read_text("utf-8").splitlines()) for path in paths}
    assert {path: length for path, length in lengths.items() if length > LONGEST} == {}


def test_each_file_has_a_test():
    files = {path.relative_to(PACKAGE).with_suffix("") for path in PACKAGE.rglob("*.py")}
    files = {path for path in files if path.name != "__init__"}
    covered = [Path(name) for names in COVERED.values() for name in names.split()]
    assert [name for name in COVERED if not (TESTS / f"{name}.py").exists()] == []
    assert len(covered) == len(set(covered))
    mirrored = {path for path in files if (TESTS / path.parent / f"test_{path.name}.py").exists()}
    assert sorted(map(str, files - mirrored - set(covered))) == []
    assert sorted(map(str, set(covered) - files | set(covered) & mirrored)) == []


PUBLIC = ("numba", "numba.extending", "numba.typed", "numba.cuda")
DESCRIBED = ("types", "errors", "ir", "cgutils", "registry", "typing", "sigutils")
PRIVATE_ELSEWHERE = {"_NoValue", "_ary", "_field_defaults", "_fields", "_getframe", "_replace"}


def numbas(tree):
    """Return the modules of Numba that a file imports, and private names that aren't its own."""
    found, names = set(), set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("numba"):
            found.add(node.module)
            if node.module == "numba.core":
                assert {alias.name for alias in node.names} <= set(DESCRIBED)
            names |= {alias.name for alias in node.names if alias.name.startswith("_")}
        elif isinstance(node, ast.Attribute) and re.match(r"_[A-Za-z]", node.attr):
            names.add(node.attr)
    described = {"numba.core", *(f"numba.core.{name}" for name in DESCRIBED)}
    of_cuda = {name for name in found if name.startswith("numba.cuda")}  # in targets alone
    return found - described - set(PUBLIC) - of_cuda, names


def defined_in(tree):
    """Return the names that a file gives to something."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            if isinstance(node.value, ast.Name) and node.value.id in ("self", "cls"):
                yield node.attr
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id


def test_numbas_private_names_are_listed():
    trees = {name: ast.parse(path.read_text("utf-8")) for name, path in modules().items()}
    ours = {name for tree in trees.values() for name in defined_in(tree)}
    used, named = set(), set()
    for tree in trees.values():
        found, names = numbas(tree)
        used |= found
        named |= names
    assert used == set(numba_private.MODULES)
    unknown = named - ours - set(numba_private.NAMES) - PRIVATE_ELSEWHERE
    assert unknown == set()
    assert {name for name in numba_private.NAMES if name not in named | ours} == set()


def test_cuda_is_imported_in_targets_alone():
    for module, path in modules().items():
        if "numba.cuda" in re.sub(r'""".*?"""', "", path.read_text("utf-8"), flags=re.DOTALL):
            assert room_of(module) in ("targets", None) or '"numba.cuda"' in path.read_text()
