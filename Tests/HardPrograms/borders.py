#!/usr/bin/env python3
"""Programs whose stack lies across the border of two stack chunks, at every distance from it that matters.

  borders.py APUS [--step BYTES]

Chunks have 256 KiB, so a run by chance seldom has main's frame, what it calls and an unwinder on two sides of a border. Here address
space randomisation is off, and the environment's size says where main's frame stands: from a little below a border to so far above that
everything which the program calls is above too. Output and exit status must be those of the untraced program.
"""

import argparse
import os
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
import programs  # noqa: E402

CHUNK = 1 << 18
NAMES = ["backtrace", "backtrace[clang]", "cxx_throw", "cxx_land", "longjmp", "signal_altstack"]
LEVEL = ["--level", "graph", "--no-time"]
# Says where its main's frame stands.
PLACE = '#include <stdio.h>\nint main(void) { printf("%p\\n", __builtin_frame_address(0)); return 0; }\n'
FIXED = ["setarch", "-R"]


def environment(size):
    """An environment of about so many bytes: no string may have more than 128 KiB."""
    texts = {name: "x" * (size // 3) for name in ("A", "B", "C")}
    return dict(texts, PATH=os.environ["PATH"], HOME="/", LANG="C")


def frame(probe, size):
    answer = programs.run([*FIXED, probe], 20, environment(size))
    if answer.status != 0:
        sys.exit(f"setarch -R fails: {answer.errors.decode(errors='replace')}")
    return int(answer.output, 16)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("apus")
    parser.add_argument("--step", type=int, default=256)
    parser.add_argument("--cache", default=programs.DEFAULT_CACHE)
    options = parser.parse_args()
    apus = os.path.abspath(options.apus)
    passed = failed = 0
    with tempfile.TemporaryDirectory() as directory:
        probe = os.path.join(directory, "probe")
        subprocess.run(["cc", "-O1", "-x", "c", "-", "-o", probe], input=PLACE, text=True, check=True)
        least = 1 << 16
        # So much larger, and main's frame stands on the border.
        border = least + frame(probe, least) % CHUNK
        # The kernel aligns the stack.
        if (frame(probe, border) + 128) % CHUNK > 256:
            sys.exit("the environment's size does not say where the stack begins")
        chosen = [program for name in NAMES for program in programs.load(name) if program.name == name]
        for program in chosen:
            programs.build(program, options.cache)
            command = [program.path, *program.arguments]
            wanted = programs.run([*FIXED, *command], 60, environment(border))
            wrong = []
            distances = range(-768, 9000, options.step)
            for above in distances:
                trace = os.path.join(directory, "trace")
                got = programs.run([*FIXED, apus, "record", *LEVEL, "-o", trace, "--", *command], 60, environment(border - above))
                if (got.output, got.status) != (wanted.output, wanted.status):
                    wrong.append(f"     main's frame {above} bytes above a border: status {got.status}"
                                 f"{' (timed out)' if got.timed_out else ''}, {got.output[:100]!r}")
            print(f"{'FAIL' if wrong else 'ok  '} {program.name:20} {len(distances)} places")
            print("\n".join(wrong[:5]), end="\n" if wrong else "")
            passed, failed = passed + (not wrong), failed + bool(wrong)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
