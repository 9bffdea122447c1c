"""`vmap` with nothing to map."""

import numpy as np
import pytest

import adjoint as ad


def model(x):
    return x**2


def test_the_message():
    with pytest.raises(ValueError) as caught:
        ad.vmap(model, in_axes=None)(np.ones(3))
    assert str(caught.value) == (
        "vmap has no argument to map: `in_axes` is None for all of them.\n"
        "  at test_vmap_nothing.py:15: ad.vmap(model, in_axes=None)(np.ones(3))\n"
        "  write instead: call the function itself"
    )
