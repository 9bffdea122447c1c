"""The first calls of one program in a fresh process, timed: a worker of `compile_time.py`.

It imports the one program that it runs, as a user's process would: what else has been imported
counts in a first call, for a traced function may come across all of it.
"""

import json
import os
import sys
import time
from pathlib import Path

from programs import find
from programs.record import absent, arguments_of, finished, load, unrelated


def work(side_name: str, module: str, program_name: str) -> None:
    """The first calls at two sizes."""
    program = find(module, program_name)
    side = program.sides[side_name]
    if reason := absent(side.library):
        print(json.dumps({"absent": reason}), flush=True)
        return
    load(side.library)
    unrelated(side.library)
    function = side.build()

    def timed(arguments):
        start = time.perf_counter()
        finished(side.library, function(*arguments))
        return time.perf_counter() - start

    arguments, before = arguments_of(program, side), stored()
    answer = {"first": timed(arguments), "second": timed(arguments)}
    between = stored()
    if program.new_size:
        arguments = arguments_of(program, side, program.new_size)
        answer.update(new=timed(arguments), again=timed(arguments))
    answer.update(kept=len(between - before), added=len(stored() - between))
    print(json.dumps(answer), flush=True)


def stored() -> set[Path]:
    """The machine codes in adjoint's disk cache; what else is there tells how they are called."""
    return {path for path in Path(os.environ["ADJOINT_CACHE"]).rglob("object-*") if path.is_file()}


if __name__ == "__main__":
    work(sys.argv[2], *sys.argv[3].split(":"))
