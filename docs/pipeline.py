"""The whole pipeline on one small function: run this file, read it beside its output.

    python docs/pipeline.py

What a call like `ad.grad(f)(3.0, 4.0)` does inside, one stage after the other, each stage printed
and each figure asserted.  Nothing here is needed to use the library; it is the way into its code.
The stages, and the files to open for each:

    1  a function             what the user writes
    2  the recording          front/trace.py, front/differentiate.py, graph/node.py
    3  the closed graph       front/program.py, graph/function.py, graph/text.py, graph/check.py
    4  evaluation             graph/op.py
    5  linearize              transform/linearize.py
    6  transpose              transform/transpose.py
    7  simplify               graph/rewrite.py, optimize/simplify.py, optimize/pipeline.py
    8  again                  a derivative is a graph, so it can be differentiated
    9  batch                  transform/batch.py
    10 express                optimize/express.py, optimize/expression.py, optimize/segments.py
    11 plan                   optimize/statements.py, optimize/fuse.py
    12 lower, interpret       loops/lower.py, loops/ir.py, loops/text.py, loops/interpret.py
    13 emit                   codegen/emit.py, codegen/operations/, codegen/mathlib/
    14 compile, load, call    codegen/compile.py, runtime/cpu.py, runtime/native.py, runtime/entry/
    15 the public functions   api.py, front/explain/
"""

# --- 1. A function -------------------------------------------------------------------------------
#
# Plain Python.  Nothing in it knows that it will be differentiated.


def f(x, y):
    return x**2 * y + y + 2


# By hand: f(3, 4) = 42, the gradient is (2xy, x^2 + 1) = (24, 10), and the Hessian is
# ((2y, 2x), (2x, 0)) = ((8, 6), (6, 0)).

print("1. a function")
print("   f(3, 4) =", f(3.0, 4.0))
assert f(3.0, 4.0) == 42.0

# --- 2. The recording ----------------------------------------------------------------------------
#
# An uncompiled derivative runs f on *tensors*.  A tensor is a handle: it holds a value, like an
# array, and the node that made it.  `x**2` asks the tensor, the tensor asks `op.apply`, and out
# comes the value 9.0 together with a new node.  So f may branch, loop and print as it likes:
# there are always numbers to look at.
#
# Each differentiation starts by wrapping its arguments into *variables*: nodes of its own, that
# no other differentiation has.  What hangs on them is differentiated; everything else is a
# constant.

from adjoint.front.context import differentiating
from adjoint.front.differentiate import Differentiation
from adjoint.graph.node import Node

with differentiating():
    differentiation = Differentiation()
    x, y = differentiation.variable(3.0), differentiation.variable(4.0)
    result = f(x, y)

    print("\n2. the recording: each node, its inputs, and its value if a rule reads it")
    recorded = differentiation.nodes([result])
    for node in recorded:
        inputs = ", ".join(f"%{x.serial}" if isinstance(x, Node) else str(x) for x in node.inputs)
        line = f"%{node.serial} = {node.primitive.name}({inputs})"
        print(f"   {line:28} value kept: {node.value}")

    # Serial numbers grow with birth, so this list is in topological order: walking a graph never
    # needs recursion.  And the numbers in it are few: a node keeps its value, or that of an input
    # that carries no derivative, only if some rule reads it.  The derivative of `mul` reads its
    # inputs, so they are kept; that of `add` reads nothing, so of its 2 the type alone is left.
    #
    # Backward, cotangents flow from the result, whose own is 1, to the variables.
    gradient = differentiation.pull([result], [1.0])

print("   value:", result.value, " gradient:", gradient)
assert result.value == 42.0
assert gradient == [24.0, 10.0]
assert [node.primitive.name for node in recorded] == [
    "variable", "variable", "pow", "mul", "add", "add",
]  # fmt: skip

# --- 3. The closed graph -------------------------------------------------------------------------
#
# The recording above holds numbers.  A *closed graph*, a `Function`, holds none but constants:
# inputs, outputs, and every node between them once, in order.  It is what `jit` records, and what
# all transforms take and give.  When a graph is closed, equal expressions become one node.

from adjoint.front.program import record_program
from adjoint.graph.check import verify
from adjoint.graph.text import parse, show


def keep(function):
    """No optimisation yet: we want to see the graph as it was recorded."""
    return function


program = record_program(lambda leaves: ([f(*leaves)], None), [3.0, 4.0], "f", keep)
graph = program.function
print("\n3. the closed graph (~ marks a weak type: a Python scalar)")
print(show(graph))

# The text is not only for the eye: it is read back to the same graph.  And a verifier says what
# must hold of every closed graph; this file asks it after every stage, as `ADJOINT_CHECK=1` in the
# environment does after every pass of the optimiser.
assert show(parse(show(graph))) == show(graph)
verify(graph)

# --- 4. Evaluation -------------------------------------------------------------------------------
#
# A graph is a function of any kind of value.  `op.apply` looks for the input with the highest
# *level*: plain numbers have none and are computed with NumPy; tensors record; the handles of
# `vmap` work on a whole batch; bare nodes build new nodes, which splices the graph into another
# one.  So a rule, such as a derivative, is written once and serves all four.

from adjoint.base.dtypes import type_of
from adjoint.graph.function import build_function

print("\n4. evaluation")
(value,) = graph.evaluate(3.0, 4.0)
print("   on numbers:", value)
assert value == 42.0

with differentiating():
    differentiation = Differentiation()
    variables = differentiation.variable(3.0), differentiation.variable(4.0)
    gradient = differentiation.pull(graph.evaluate(*variables), [1.0])
print("   on tensors: gradient", gradient)
assert gradient == [24.0, 10.0]

copy = build_function(graph.evaluate, [type_of(node) for node in graph.inputs], "f")
print("   on nodes:   an equal graph with", len(copy.order), "nodes")
assert show(copy) == show(graph)

# --- 5. Linearize --------------------------------------------------------------------------------
#
# Forward mode, graph to graph: beside each node comes its tangent, made by the rule of its
# primitive.  The result takes the inputs and their tangents, and gives the outputs and theirs.

from adjoint.transform.linearize import linearize

forward = verify(linearize(graph, (True, True)))
print("\n5. linearize: (x, y, dx, dy) -> (f, df)")
print(show(forward))
assert forward.evaluate(3.0, 4.0, 1.0, 0.0) == [42.0, 24.0]
assert forward.evaluate(3.0, 4.0, 0.0, 1.0) == [42.0, 10.0]

# --- 6. Transpose --------------------------------------------------------------------------------
#
# df is linear in (dx, dy), so as a matrix it can be transposed: from one cotangent of the output
# to cotangents of all inputs.  That is reverse mode.  There is no second set of derivative rules:
# linear operations know their transpose, and a product with a partial derivative is its own.

from adjoint.graph.function import Function
from adjoint.transform.transpose import transpose

tangent_only = Function(forward.inputs, forward.outputs[1:], forward.order, "f_tangent")
backward = verify(transpose(tangent_only, (False, False, True, True)))
print("\n6. transpose: (x, y, cotangent of f) -> (df/dx, df/dy)")
print(show(backward))
assert backward.evaluate(3.0, 4.0, 1.0) == [24.0, 10.0]

# --- 7. Simplify ---------------------------------------------------------------------------------
#
# For a gradient the cotangent is 1: it is put in, and is an input no longer.  The passes then
# remove what multiplies by one, and whatever nobody reads.  No rule may change a result, not even
# a NaN or the sign of a zero.

from adjoint.graph.rewrite import substitute
from adjoint.optimize.pipeline import optimize

gradient_graph = substitute(backward, {2: 1.0})
print("\n7. simplify: the seed put in, and each pass")
print(show(gradient_graph))
before = len(gradient_graph.order)


def watch(name, function):
    print(f"   after {name}: {len(verify(function).order)} nodes")


gradient_graph = optimize(gradient_graph, watch)
print(show(gradient_graph))
assert gradient_graph.evaluate(3.0, 4.0) == [24.0, 10.0]
assert len(gradient_graph.order) < before

# --- 8. Again ------------------------------------------------------------------------------------
#
# The gradient is a graph like any other.  Linearized again it gives the Hessian, a column for
# each tangent: forward over reverse, the cheapest way for a function with one output.

hessian_graph = verify(linearize(gradient_graph, (True, True)))
columns = [hessian_graph.evaluate(3.0, 4.0, *unit)[2:] for unit in ((1.0, 0.0), (0.0, 1.0))]
print("\n8. linearize the gradient: the columns of the Hessian", columns)
assert columns == [[8.0, 6.0], [6.0, 0.0]]

# --- 9. Batch ------------------------------------------------------------------------------------
#
# `batch` gives every chosen input one more axis in front and follows it through the graph.  Three
# gradients at once, without a loop: that is `vmap`.

import numpy as np

from adjoint.transform.batch import batch

batched = verify(batch(gradient_graph, 3, (True, True)))
xs, ys = np.array([1.0, 2.0, 3.0]), np.array([6.0, 5.0, 4.0])
slopes = batched.evaluate(xs, ys)
print("\n9. batch: gradients at three points")
print(show(batched))
print("  ", *slopes)
np.testing.assert_array_equal(slopes[0], 2 * xs * ys)
np.testing.assert_array_equal(slopes[1], xs**2 + 1)

# --- 10. Express ---------------------------------------------------------------------------------
#
# From here on a graph becomes machine code, as `jit` does it.  It is first cut into *segments*:
# pieces that can be native code, and between them operations that only NumPy (or LAPACK, or an
# FFT) can do.  This one is a single piece.  Its nodes become *array expressions*, a smaller
# language: elementwise maps, views for every layout, reductions.  So x**2 is a product, and what
# is computed twice is found once more.

from adjoint.codegen.targets import host
from adjoint.runtime.native import cut
from adjoint.runtime.stages import Stages

(((step, is_native),), is_whole) = cut(gradient_graph)
assert is_native and is_whole
stages = Stages(step, host())  # everything up to machine code, kept to be looked at

print("\n10. express: array expressions")
print(stages.expressions_text(), end="")
assert {x.op for x in stages.plan.selection.nodes} == {"input", "constant", "map"}

# --- 11. Plan ------------------------------------------------------------------------------------
#
# Only a few expressions get a place of their own, as *statements*: outputs, reductions, values that
# are dear and needed more than once.  All others are computed where they are read.  Axes that are
# read in step form a class, a class is a loop, and statements share loops as far as they can.
# Numbers need no loop, so here are the batched gradients of stage 9, where two outputs share one.
# (Axes as short as 3 are unrolled: 100 points make a loop.)

many = verify(batch(gradient_graph, 100, (True, True)))
(((many_step, _),), _) = cut(many)
many_stages = Stages(many_step, host())
print("\n11. plan: of 100 points, and the two outputs in one loop over them")
print(many_stages.plan_text(), end="")
assert [c.extent for c in many_stages.plan.classes] == [100]
assert [s.kind for s in many_stages.plan.statements] == ["output", "output"]

# --- 12. Lower, and interpret --------------------------------------------------------------------
#
# The *loop program* says what is done, element by element: a loop, loads, operations on scalars,
# stores.  The loop's size is a symbol, n0, so the same machine code serves 200 points.  A mark says
# which loop runs along the lanes of vectors.  Python can run it as it stands: the interpreter is
# the oracle of all that follows, and checks each index of each access.

from adjoint.loops.interpret import interpret

print("\n12. lower: the loop program")
print(many_stages.loops_text(), end="")
xs, ys = np.linspace(0.0, 1.0, 100), np.linspace(2.0, 3.0, 100)
for found, wanted in zip(
    interpret(many_stages.program, xs, ys), (2 * xs * ys, xs**2 + 1), strict=True
):
    np.testing.assert_array_equal(found, wanted)
assert "range(0, n0)" in many_stages.loops_text()

# --- 13. Emit ------------------------------------------------------------------------------------
#
# LLVM IR, written as text: vectors, addresses, and the mathematics (exp, sin and the others are
# polynomials of our own).  A program is one C function, `i64 program(ptr slots)`: the slots hold
# the addresses of inputs and outputs, then the symbols.

print("\n13. emit: LLVM IR,", many_stages.text.count("\n"), "lines, of which the entry:")
entry = many_stages.text[many_stages.text.index("define i64 @program") :]
print("\n".join("   " + line for line in [*entry.splitlines()[:5], "..."]))
assert f"<{many_stages.lanes} x double>" in many_stages.text or many_stages.lanes == 1

# --- 14. Compile, load, call ---------------------------------------------------------------------
#
# LLVM turns the text into an object file, which is put into memory.  The key of machine code is the
# text of the loop program: what was compiled once is found again, also on disk.  A call then is to
# copy a template of the slots and to fill in addresses.  What `jit` returns does even that in
# machine code.

from adjoint.runtime.native import Executable

executable = Executable(many)
print("\n14. call:", len(many_stages.code), "bytes of machine code")
for found, wanted in zip(executable([xs, ys]), (2 * xs * ys, xs**2 + 1), strict=True):
    np.testing.assert_array_equal(found, wanted)
assert Executable(gradient_graph)([3.0, 4.0]) == [24.0, 10.0]
xs, ys = np.array([1.0, 2.0, 3.0]), np.array([6.0, 5.0, 4.0])

# --- 15. The public functions --------------------------------------------------------------------
#
# All of it behind the names that a user knows.

import adjoint as ad

print("\n15. the public functions")
print("   grad:   ", ad.grad(f, argnums=(0, 1))(3.0, 4.0))
print("   hessian:", ad.hessian(f, argnums=(0, 1))(3.0, 4.0))
print("   vmap:   ", *ad.vmap(ad.grad(f, argnums=(0, 1)))(xs, ys))
print("   jit:    ", ad.jit(ad.grad(f, argnums=(0, 1)))(3.0, 4.0))
assert ad.grad(f, argnums=(0, 1))(3.0, 4.0) == (24.0, 10.0)
assert ad.hessian(f, argnums=(0, 1))(3.0, 4.0) == ((8.0, 6.0), (6.0, 0.0))
assert ad.jit(ad.grad(f, argnums=(0, 1)))(3.0, 4.0) == (24.0, 10.0)
for ours, graphs in zip(ad.vmap(ad.grad(f, argnums=(0, 1)))(xs, ys), slopes, strict=True):
    np.testing.assert_array_equal(ours, graphs)
explanation = ad.explain(ad.grad(f, argnums=(0, 1)), 3.0, 4.0)
print("   explain:", *[f"{stage.name}," for stage in explanation.stages], "and where the time goes")
assert explanation.not_compiled == [] and len(explanation.kernels) == 1
print("\nEvery stage gave the same figures.")
