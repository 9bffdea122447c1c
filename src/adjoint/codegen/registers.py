"""Functions of LLVM IR that are good as they stand: what changes in their loops is in registers.

Enters: as for `lines.Code`, whose variables live in stack cells until LLVM makes registers of them.
Leaves: a function's text that needs none of LLVM's optimisations (`Function`, which forbids them:
they take most of the time), or one of which only the innermost lines do (`Optimised`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from .lines import Code


class Function(Code):
    """A function that is compiled as it stands: what changes in its loops is in registers."""

    attributes = "nounwind noinline optnone"

    @contextmanager
    def walk(
        self,
        start: str | int,
        stop: str | int,
        step: str | int = 1,
        some: bool = False,
        along: Sequence[tuple[str, str | int]] = (),
    ) -> Iterator[list[str]]:
        """A loop while the counter is below `stop`; `some`: it runs once at least.

        Yields the counter, and pointers that move along by some bytes in every round.
        """
        self.count += 1
        body, end, before = f"body{self.count}", f"end{self.count}", self.block
        if some:
            self.go(body)
        else:
            self.do(f"br i1 {self.test('slt', start, stop)}, label %{body}, label %{end}")
        self.label(body)
        place = len(self.lines)
        moving = [self.name() for _ in (0, *along)]
        now = [self.hidden(x, "ptr" if k else "i64") for k, x in enumerate(moving)]
        yield now
        then = [self.i64("add", now[0], step)]
        then += [self.at(x, by) for x, (_, by) in zip(now[1:], along, strict=True)]
        self.do(f"br i1 {self.test('slt', then[0], stop)}, label %{body}, label %{end}")
        first = [start, *(x for x, _ in along)]
        self.lines[place:place] = [
            f"  {x} = phi {'ptr' if k else 'i64'} [ {a}, %{before} ], [ {b}, %{self.block} ]"
            for k, (x, a, b) in enumerate(zip(moving, first, then, strict=True))
        ]
        self.label(end)

    @contextmanager
    def loop(
        self, start: str | int, stop: str | int, step: str | int = 1, some: bool = False
    ) -> Iterator[str]:
        """The same without pointers."""
        with self.walk(start, stop, step, some) as (counter,):
            yield counter

    def hidden(self, x: str, kind: str) -> str:
        """A number of a loop, of which LLVM does not see that it counts.

        The empty assembly hides it: else much time would go into looking for better ways to count
        (loop strength reduction, whose analyses run even where it does not), which finds none.
        """
        return self.put(f'call {kind} asm "", "=r,0"({kind} {x})')

    def ceil(self, a: str, b: str | int) -> str:
        """a / b, rounded up."""
        if isinstance(b, int) and b & (b - 1) == 0:
            return self.i64("lshr", self.i64("add", a, b - 1), b.bit_length() - 1)
        return super().ceil(a, b)

    def both(self, first: str, *others: str) -> str:
        """Whether all of some conditions hold."""
        for x in others:
            first = self.put(f"and i1 {first}, {x}")
        return first

    def either(self, a: str, b: str) -> str:
        """Whether one of two conditions holds."""
        return self.put(f"or i1 {a}, {b}")

    def negate(self, condition: str) -> str:
        """Whether a condition does not hold."""
        return self.put(f"xor i1 {condition}, true")

    def number(self, condition: str) -> str:
        """A condition as 1 or 0."""
        return self.put(f"zext i1 {condition} to i64")

    def define(self, name: str, arguments: str, linkage: str = "internal ") -> str:
        """The function's text."""
        head = f"define {linkage}void @{name}({arguments}) {self.attributes} {{"
        return "\n".join([head, "entry:", *self.cells, *self.lines, "  ret void", "}", ""])


class Fields:
    """Numbers in memory, each read where it is used: few registers are taken for long."""

    def __init__(self, code: Code, place: str, kinds: dict[str, str]) -> None:
        self.code = code
        self.place = place
        self.kinds = kinds
        self.offsets = {name: 8 * i for i, name in enumerate(kinds)}

    def at(self, name: str) -> str:
        return self.code.at(self.place, self.offsets[name])

    def __getitem__(self, name: str) -> str:
        return self.code.load(self.kinds[name], self.at(name), 8)

    def __setitem__(self, name: str, value: str | int) -> None:
        self.code.store(self.kinds[name], value, self.at(name), 8)


class Optimised(Function):
    """A function that LLVM optimises."""

    attributes = "nounwind"
