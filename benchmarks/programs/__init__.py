"""The programs of the benchmarks, one file each; `record` says what a program is."""

from . import bundle, gmm, haversine, line, loops, mlp, pinn, scalar, softmax

PROGRAMS = {
    program.name: program
    for module in (scalar, haversine, pinn, mlp, softmax, gmm, bundle, line)
    for program in module.PROGRAMS
}
LOOPS = {program.name: program for program in loops.PROGRAMS}
