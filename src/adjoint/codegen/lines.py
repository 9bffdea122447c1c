"""Writes functions of LLVM IR whose control flow is known beforehand: loops, conditions, variables.

Enters: instructions, line by line; `with code.loop(0, n) as i:` and the like around them.  Leaves:
a function's text.  Every instruction's result has a name of its own; what changes from one round
of a loop to the next lives in stack cells, which LLVM turns into registers.  All numbers are i64
where nothing else is said, and offsets count bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Code:
    """Lines of one function: instructions, loops, conditions.  Variables live in stack cells."""

    def __init__(self) -> None:
        self.cells: list[str] = []
        self.lines: list[str] = []
        self.count = 0
        self.block = "entry"

    def name(self) -> str:
        self.count += 1
        return f"%t{self.count}"

    def put(self, form: str) -> str:
        """Write `%t = form`."""
        name = self.name()
        self.lines.append(f"  {name} = {form}")
        return name

    def do(self, form: str) -> None:
        """Write an instruction without a result."""
        self.lines.append(f"  {form}")

    def label(self, name: str) -> None:
        self.lines.append(f"{name}:")
        self.block = name

    def go(self, label: str) -> None:
        self.do(f"br label %{label}")

    def i64(self, opcode: str, a: str | int, b: str | int) -> str:
        return self.put(f"{opcode} i64 {a}, {b}")

    def test(self, predicate: str, a: str | int, b: str | int) -> str:
        return self.put(f"icmp {predicate} i64 {a}, {b}")

    def choose(self, condition: str, a: str | int, b: str | int, kind: str = "i64") -> str:
        return self.put(f"select i1 {condition}, {kind} {a}, {kind} {b}")

    def least(self, a: str | int, b: str | int) -> str:
        return self.choose(self.test("slt", a, b), a, b)

    def ceil(self, a: str, b: str | int) -> str:
        """a / b, rounded up."""
        return self.i64("udiv", self.i64("add", a, self.i64("sub", b, 1)), b)

    def at(self, pointer: str, offset: str | int) -> str:
        """The address some bytes further."""
        return self.put(f"getelementptr i8, ptr {pointer}, i64 {offset}")

    def load(self, kind: str, pointer: str, align: int) -> str:
        return self.put(f"load {kind}, ptr {pointer}, align {align}")

    def store(self, kind: str, value: str | int, pointer: str, align: int) -> None:
        self.do(f"store {kind} {value}, ptr {pointer}, align {align}")

    def cell(self, kind: str = "i64", value: str | int | None = None, align: int = 8) -> str:
        """A variable: a stack cell, which LLVM turns into a register."""
        self.count += 1
        name = f"%v{self.count}"
        self.cells.append(f"  {name} = alloca {kind}, align {align}")
        if value is not None:
            self.store(kind, value, name, align)
        return name

    @contextmanager
    def loop(
        self, start: str | int, stop: str | int, step: str | int = 1, some: bool = False
    ) -> Iterator[str]:
        """A loop while the counter is below `stop`; `some`: it runs once at least."""
        counter = self.cell("i64", start)
        self.count += 1
        head, body, end = (f"{part}{self.count}" for part in ("head", "body", "end"))
        if some:
            self.go(body)
        else:
            self.go(head)
            self.label(head)
            now = self.load("i64", counter, 8)
            self.do(f"br i1 {self.test('slt', now, stop)}, label %{body}, label %{end}")
        self.label(body)
        now = self.load("i64", counter, 8)
        yield now
        following = self.i64("add", now, step)
        self.store("i64", following, counter, 8)
        if some:
            self.do(f"br i1 {self.test('slt', following, stop)}, label %{body}, label %{end}")
        else:
            self.go(head)
        self.label(end)

    @contextmanager
    def repeat(self) -> Iterator[Callable[[str], None]]:
        """A loop that ends where what it yields is called with a condition that holds."""
        self.count += 1
        head, end = f"head{self.count}", f"end{self.count}"
        self.go(head)
        self.label(head)

        def leave(condition: str) -> None:
            self.count += 1
            self.do(f"br i1 {condition}, label %{end}, label %on{self.count}")
            self.label(f"on{self.count}")

        yield leave
        self.go(head)
        self.label(end)

    @contextmanager
    def when(self, condition: str) -> Iterator[None]:
        """Lines that run where the condition holds."""
        self.count += 1
        yes, end = f"yes{self.count}", f"end{self.count}"
        self.do(f"br i1 {condition}, label %{yes}, label %{end}")
        self.label(yes)
        yield
        self.go(end)
        self.label(end)

    @contextmanager
    def unless(self, condition: str) -> Iterator[None]:
        """Lines that run where the condition does not hold."""
        with self.when(self.put(f"xor i1 {condition}, true")):
            yield

    def define(self, name: str, arguments: str, linkage: str = "internal ") -> str:
        """The function's text."""
        head = f"define {linkage}void @{name}({arguments}) nounwind {{"
        return "\n".join([head, "entry:", *self.cells, *self.lines, "  ret void", "}", ""])
