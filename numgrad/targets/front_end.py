"""The front end of a compiler's pipeline: up to type inference, without code generation."""

from typing import Any


def front_of(pipeline: Any, manager: Any, inference: Any) -> Any:
    """Return the passes of a pipeline up to type inference.

    Numba's compiler and that of CUDA have classes of their own for both.
    """
    front = manager("front end")
    (whole,) = pipeline.define_pipelines()
    for each in whole.passes:
        front.passes.append(each)
        if each[0] is inference:
            break
    front.finalize()
    return front
