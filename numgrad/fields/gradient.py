"""``numgrad.gradient``."""
from typing import Any
import numpy as np
from numgrad.fields.plan import make_plan
from numgrad.fields.run import run

def gradient(f: Any, *varargs: Any, axis: Any = None, edge_order: Any = 1, out: Any = None, target: str = "auto") -> Any:
    plan = make_plan(f, varargs, axis, edge_order)
    if plan is None:
        return np.gradient(f, *varargs, axis=axis, edge_order=edge_order)
    if out is None:
        results = [np.empty_like(plan.samples, dtype=plan.result_dtype) for _ in plan.axes]
    else:
        results = list(out) if isinstance(out, tuple) else [out]
    run(plan, results)
    return results[0] if len(results) == 1 else tuple(results)
