"""What to write for what tensors lack: other libraries' names, and their ways.

Enters: a name, a keyword, a tensor.  Leaves: the text of an error, or a warning.
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import Any

import numpy as np

from ...base.dtypes import readable
from ...base.errors import describe, message, user_frame
from .conversions import warn
from .saved import AutogradError

OWN = (
    "attach_grad backward clone copy_ data detach detach_ div_ fill_ grad grad_fn is_leaf item "
    "mul_ numpy register_hook requires_grad requires_grad_ retain_grad retains_grad sub_ add_ "
    "tolist zero_"
).split()
PUBLIC = {*OWN, *[name for name in dir(np.ndarray) if not name.startswith("__array")]}

# For names of methods that are NumPy's functions: the function.
FUNCTIONS = {
    **{name: name for name in (
        "exp exp2 expm1 log log2 log10 log1p sqrt sin cos tan sinh cosh tanh arcsin arccos "
        "arctan floor ceil trunc sign square reciprocal logaddexp maximum minimum where isnan "
        "isfinite isinf allclose hypot cross outer tile stack split roll flip nansum nanmean "
        "median quantile unique einsum tensordot kron diff add subtract multiply angle matmul "
        "diag logical_not count_nonzero zeros_like"
    ).split()},
    "absolute": "abs", "asin": "arcsin", "acos": "arccos", "atan": "arctan", "atan2": "arctan2",
    "neg": "negative", "sub": "subtract", "mul": "multiply", "div": "divide",
    "true_divide": "divide", "pow": "power", "mm": "matmul", "bmm": "matmul", "mv": "matmul",
    "clamp": "clip", "permute": "transpose", "norm": "linalg.norm", "det": "linalg.det",
    "inverse": "linalg.inv", "logdet": "linalg.slogdet", "cholesky": "linalg.cholesky",
    "svd": "linalg.svd", "chunk": "array_split", "eq": "equal", "ne": "not_equal", "gt": "greater",
    "ge": "greater_equal", "lt": "less", "le": "less_equal", "cat": "concatenate",
    "expand": "broadcast_to", "expand_as": "broadcast_to", "new_zeros": "zeros", "new_ones": "ones",
    "gather": "take_along_axis", "unbind": "unstack",
}  # fmt: skip
OTHERS = {
    "abs": "`abs(x)`", "t": "`x.T`", "numel": "`x.size`", "nelement": "`x.size`", "dim": "`x.ndim`",
    "ndimension": "`x.ndim`", "unsqueeze": "`np.expand_dims(x, axis)`, or `x[:, None]`",
    "contiguous": "leave it out", "is_contiguous": "leave it out",
    "to": "`x.astype(dtype)`; there are no devices", "cpu": "leave it out: there are no devices",
    "cuda": "leave it out: there are no devices", "device": "leave it out: there are no devices",
    "is_cuda": "leave it out: there are no devices", "context": "leave it out",
    "as_in_context": "leave it out: there are no devices", "wait_to_read": "leave it out",
    "float": "`x.astype(np.float32)`", "double": "`x.astype(float)`",
    "half": "`x.astype(np.float16)`", "int": "`x.astype(np.int32)`", "long": "`x.astype(int)`",
    "bool": "`x.astype(bool)`", "type": "`x.astype(dtype)`", "type_as": "`x.astype(y.dtype)`",
    "asnumpy": "`x.detach().numpy()`", "asscalar": "`x.item()`", "H": "`x.conj().T`",
    "sigmoid": "`ad.special.expit(x)`", "relu": "`np.maximum(x, 0)`",
    "softmax": "`ad.special.softmax(x, axis)`", "log_softmax": "`ad.special.log_softmax(x, axis)`",
    "logsumexp": "`ad.special.logsumexp(x, axis)`", "erf": "`ad.special.erf(x)`",
    "lgamma": "`ad.special.gammaln(x)`", "digamma": "`ad.special.digamma(x)`",
    "rsqrt": "`1 / np.sqrt(x)`", "topk": "`np.sort(x)[..., -k:]`",
    "index_select": "`np.take(x, places, axis)`", "masked_fill": "`np.where(mask, value, x)`",
    "masked_select": "`x[mask]`", "scatter_add": "`np.add.at(x, places, values)`",
    "scatter_add_": "`np.add.at(x, places, values)`",
    "index_add_": "`np.add.at(x, places, values)`",
    "masked_fill_": "`x[mask] = value`", "clamp_": "`x.clip(a, b, out=x)`",
    "pow_": "`x **= y`", "neg_": "`x *= -1`", "exp_": "`np.exp(x, out=x)`",
    "sqrt_": "`np.sqrt(x, out=x)`", "lerp_": "`x += weight * (end - x)`",
    "addcmul_": "`x += value * a * b`", "addcdiv_": "`x += value * a / b`",
    "uniform_": "`x[...] = rng.uniform(size=x.shape)`",
    "normal_": "`x[...] = rng.normal(size=x.shape)`", "is_complex": "`x.dtype.kind == 'c'`",
    "is_floating_point": "`x.dtype.kind == 'f'`", "require_grad": "`x.requires_grad`",
}  # fmt: skip
KEYWORDS = {
    "dim": "axis", "dims": "axis", "keepdim": "keepdims", "unbiased": "ddof", "correction": "ddof",
}  # fmt: skip


def missing(name: str) -> str:
    """The text of the error for an attribute that tensors lack."""
    came = f"a tensor has no attribute {name!r}"
    if name.startswith("__"):
        return came
    instead = OTHERS.get(name, "")
    if not instead and name in FUNCTIONS:
        instead = f"`np.{FUNCTIONS[name]}(...)`, NumPy's function of the tensor"
    if not instead:
        near = get_close_matches(name, PUBLIC, 1)
        instead = f"`.{near[0]}`" if near else ""
    return message(came, instead=instead)


def misnamed(method: str, given: dict[str, Any]) -> str:
    """The text of the error for a keyword of another library's."""
    name = next(k for k in given if k in KEYWORDS)
    return message(
        f"`{method}` of a tensor got the keyword {name!r}",
        expected=f"NumPy's: {KEYWORDS[name]!r}",
        instead=f"`x.{method}({KEYWORDS[name]}=...)`",
        operation=method,
    )


def into_array(operation: str, x: Any) -> AutogradError:
    """The error for a write of recorded tensors into a plain array, or a file."""
    return AutogradError(
        message(
            f"{operation} was to put a tensor that requires a gradient ({readable(x)}) into a "
            "plain array or a file, where its history would end unseen",
            expected="a tensor to write into, or values without history",
            instead="`a = ad.tensor(np.zeros(n))` for the array; `x.detach()` where the values "
            "alone are meant",
            operation=operation,
        )
    )


def notice_no_leaf(x: Any) -> None:
    """Warn where `.grad` is asked of a tensor that is no leaf, which no pass leaves a gradient."""
    frame = user_frame(3)
    if frame is None:
        return
    warn(
        frame,
        "`.grad` was asked of a tensor that is no leaf: passes leave gradients in tensors with "
        f"requires_grad=True, and `{x.node.primitive.name}` made this one (at "
        f"{describe(x.node.position)})",
        "`with ad.no_grad(): w -= step` for `w = w - step`, which makes another tensor; "
        "`y.retain_grad()` before the pass to keep the gradient of this one",
    )
