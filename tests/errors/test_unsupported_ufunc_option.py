"""A NumPy function with `where=`."""

import numpy as np
import pytest

import adjoint as ad


def model(x):
    return np.log(x, where=x > 0).sum()


def test_the_message():
    with pytest.raises(ad.TracingError) as caught:
        ad.grad(model)(np.ones(3))
    assert str(caught.value) == (
        "np.log got where= without out=, which leaves the other elements undefined.\n"
        "  expected: a value for every element\n"
        "  at test_unsupported_ufunc_option.py:10: return np.log(x, where=x > 0).sum()  (in np.log)\n"
        "  write instead: `np.where(mask, np.log(np.where(mask, x, 1.0)), 0.0)`"
    )
