"""The objects that are linked whole: sources, compilers, and their flags."""

import os
import re
import subprocess

import relocations_linkers as linkers
from relocations_linkers import Failure
from relocations_whole import Whole

HERE = os.path.dirname(os.path.abspath(__file__))
MODELS = {"pie": "-fPIE", "pic": "-fPIC", "nopie": "-fno-pie"}
# What each compiler needs more for each source is in the sources' own `flags:` lines, which pairs.py explains.
SOURCES = ["vector_loops.c", "jump_table_entries.c", "switch_strings.c", "table_of_tables.c", "float_constants.c",
           "static_locals_equal.c", "pointer_in_data.c", "weak.c", "hidden.c", "varargs.c", "computed_goto.c", "large_struct.c",
           "landing_pad.cpp", "virtual_body.cpp", "class_constructors.cpp", "std_function.cpp", "string_map.cpp",
           "dynamic_cast.cpp", "thunk.cpp", "globals.c", "model_large.c", "model_medium.c", "model_no_plt.c", "model_tiny.c",
           "model_small_got.c", "model_large_arm64.c", "model_small_toc.c", "model_large_toc.c", "tls_models.c",
           "tls_executable.c", "tls_initial.c", "tls_descriptors.c"]
QUICK = ["globals.c", "model_large.c", "model_small_got.c", "jump_table_entries.c", "table_of_tables.c", "float_constants.c",
         "virtual_body.cpp", "landing_pad.cpp", "tls_models.c", "tls_executable.c", "tls_initial.c", "tls_descriptors.c"]


def combinations(arch, quick):
    for compiler in ("gcc", "clang"):
        for level, model in [("O2", "pic"), ("O0", "nopie")] + ([] if quick else [("O0", "pic"), ("O2", "pie"), ("O2", "nopie")]):
            yield compiler, level, model


def flags_of(source, words):
    """The flags in a source's own lines, and whether it is for this combination."""
    flags, fits, best = [], True, -1
    with open(source) as file:
        for line in file:
            match = re.match(r"// (\w+)(?:\[([^\]]*)\])?: *(.*)", line)
            if not match:
                continue
            key, narrowed, value = match.groups()
            if key == "flags" and set((narrowed or "").split(",")) - {""} <= words:
                count = len(narrowed.split(",")) if narrowed else 0
                flags, best = (value.split(), count) if count >= best else (flags, best)
            if key in ("compilers", "arches", "models") and not set(value.split()) & words:
                fits = False
    return flags, fits


def compile_object(arch, compiler, level, model, source, output):
    """None if the source is not for this combination."""
    flags, fits = flags_of(source, {arch, compiler, level, model})
    if not fits:
        return None
    plus = source.endswith(".cpp")
    name = {"gcc": "g++" if plus else "gcc", "clang": "clang++" if plus else "clang"}[compiler]
    called = [linkers.CROSS[arch] + name]
    if arch != "x86_64" and compiler == "clang":
        called = [name, "--target=" + linkers.CROSS[arch].rstrip("-")]
    command = [*called, "-" + level, MODELS[model], "-ffunction-sections", "-fdata-sections", "-w", *flags, "-DPATCH=1",
               "-c", source, "-o", output]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120)
    if done.returncode:
        raise Failure(f"{' '.join(command)}: {done.stdout}")
    return output


def source_path(name):
    own = os.path.join(HERE, "Relocations", name)
    return own if os.path.exists(own) else os.path.join(HERE, "Pairs", name)


def check_objects(arch, directory, apus, random, quick, self_check, checks, only=None):
    """The set of relocation types that were met."""
    met = set()
    for compiler, level, model in combinations(arch, quick):
        for name in QUICK if quick else SOURCES:
            if only and only not in name:
                continue
            output = os.path.join(directory, f"{arch}-{compiler}-{level}-{model}-{name}.o")
            if compile_object(arch, compiler, level, model, source_path(name), output) is None:
                continue
            what = f"{arch} {compiler} {level} {model} {name}"
            for _ in range(2 if not quick and (level, model) == ("O2", "pic") else 1):
                try:
                    whole = Whole(arch, output, what, apus, random, checks)
                    whole.check(self_check)
                    met |= whole.used
                except Failure as failure:
                    checks.that(False, f"{what}: {failure}")
    return met
