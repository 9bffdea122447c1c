"""Stores of pairs: which ones are written at once, and that the memory is right."""

import numpy as np
import pytest

from adjoint.codegen.pairs import half_of, partners
from adjoint.loops.ir import Array, Index, Load, Loop, Place, Store
from adjoint.loops.ir import Constant as Number

ROW = Index()


def at(*places):
    """Places: the row (None), or numbers."""
    return [Place([(ROW, 1)]) if p is None else Place((), p) for p in places]


def array(*shape):
    return Array(shape, np.dtype(float), "output")


def store(target, *places):
    return Store(target, at(*places), Number(1.0, np.dtype(float)))


def test_both_elements_meet():
    pairs = array(9, 2)
    first, second = store(pairs, None, 0), store(pairs, None, 1)
    assert partners([first, second]) == {first: None, second: first}
    assert partners([second, first]) == {second: None, first: second}
    assert partners([first]) == {}


def test_pairs_of_several_places():
    pairs = array(9, 3, 2)
    items = [store(pairs, None, p, k) for p in (0, 2) for k in (0, 1)]
    assert partners(items) == {
        items[0]: None,
        items[1]: items[0],
        items[2]: None,
        items[3]: items[2],
    }
    mixed = [items[0], items[2], items[1], items[3]]
    assert partners(mixed) == partners(items)


@pytest.mark.parametrize("shape", [(9, 3), (2, 9), (9,)])
def test_other_shapes_are_left_alone(shape):
    other = array(*shape)
    places = [None] * len(shape)
    assert partners([store(other, *places[:-1], k) for k in (0, 1)]) == {}
    assert half_of(other, at(*places), 1) is None


def test_what_lies_between_keeps_stores_apart():
    pairs, other = array(9, 2), array(9, 2)
    first, second = store(pairs, None, 0), store(pairs, None, 1)
    for between in (
        Load(pairs, at(None, 0)),
        Loop(3, []),
        Store(pairs, at(4, 0), Number(1.0, np.dtype(float))),
    ):
        assert partners([first, between, second]) == {}
    for between in (Load(other, at(None, 0)), store(other, None, 0)):
        assert partners([first, between, second]) == {first: None, second: first}
