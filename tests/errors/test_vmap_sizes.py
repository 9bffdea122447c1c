"""`vmap` over arrays of different lengths."""

import numpy as np
import pytest

import adjoint as ad


def model(x, y):
    return x * y


def test_the_message():
    with pytest.raises(ValueError) as caught:
        ad.vmap(model)(np.ones(3), np.ones(4))
    assert str(caught.value) == (
        "vmap got batches of different sizes: float64[3] along axis 0; float64[4] along axis 0.\n"
        "  expected: the same extent along the mapped axes\n"
        "  at test_vmap_sizes.py:15: ad.vmap(model)(np.ones(3), np.ones(4))\n"
        "  write instead: `in_axes=None` for an argument that all rows share"
    )
