#!/usr/bin/env python3
"""Tests of the oracle itself: pairs of small C sources, compiled for each architecture, and the functions that differ.

  oracle_test.py
"""

import os
import subprocess
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
import builds  # noqa: E402
import oracle  # noqa: E402

COMPILERS = {"x86_64": "gcc", "aarch64": "aarch64-linux-gnu-gcc", "powerpc64le": "powerpc64le-linux-gnu-gcc"}

SWITCH = """
int a(void), b(void), c(void), d(void), e(void), f(void);
int other(int x) { return x * 3; }
int choose(int x) {
  switch (x) { case 0: return a(); case 1: return b() + 1; case 2: return c() - 4; case 3: return d() * 3;
    case 4: return e() ^ 9; case 5: return f() / 7; case 6: return a() + b(); }
  return 0;
}
"""
STRINGS = """
int puts(const char *);
void first(void) { puts("one"); puts("two words"); }
void second(void) { puts("two words"); puts("three"); }
"""
STATICS = """
int first(void) { static int count; return ++count; }
int second(void) { static int count = 5; return count++; }
"""
TABLE = """
static const char *const names[] = {"red", "green", "blue"};
static const short numbers[] = {3, 1, 4, 1, 5};
const char *name(int i) { return names[i]; }
int number(int i) { return numbers[i]; }
"""
LINES = """
void fail(const char *, int);
void check(int x) { if (x) fail(__FILE__, __LINE__); }
int plain(int x) { return x + 1; }
"""
COLD = """
void fail(const char *) __attribute__((cold, noreturn));
int work(int x) { if (x < 0) { fail("negative"); } return x * 2; }
"""
CLONE = """
static __attribute__((noinline)) int power(int x, int unused, int by) { int y = 1; while (by--) y *= x + by; return y; }
int cube(int x) { return power(x, 7, 3) + 1; }
int unrelated(int x) { return x; }
"""
INLINED = """
static int twice(int x) { return x * 2; }
int user(int x) { return twice(x) + 1; }
int stranger(int x) { return x - 1; }
"""
LOCALS = """
static int hidden; int seen;
void put(int x) { hidden = x; }
void both(int x) { hidden = seen = x; }
int get(void) { return hidden + seen; }
"""

# What it is about, the source, what is replaced in it by what, and the functions that differ.
CASES = [
    ("nothing but a comment", SWITCH, "return 0;", "return /* none */ 0;", set()),
    ("a shifted line", LINES, "void fail", "\n\n\nvoid fail", set()),
    ("a constant", SWITCH, "x * 3", "x * 5", {"other"}),
    ("where a case leads", SWITCH, "case 4: return e() ^ 9", "case 4: return f() / 7", {"choose"}),
    ("a case more elsewhere", SWITCH, "int other", "int more(int x) { return x; }\nint other", set()),
    ("another callee", SWITCH, "a() + b()", "a() + c()", {"choose"}),
    ("a literal's content, same length", STRINGS, '"three"', '"seven"', {"second"}),
    ("literals at other places", STRINGS, '"one"', '"another one"', {"first"}),
    ("a shared literal", STRINGS, "two words", "two woods", {"first", "second"}),
    ("another static local's number", STATICS, "int first", "int zero(void) { static int count; return count--; }\nint first",
     set()),
    ("a value in a constant table", TABLE, "4, 1, 5", "4, 2, 5", {"number"}),
    ("a string in a table of pointers", TABLE, '"green"', '"brown"', {"name"}),
    ("a table in another order of the file", TABLE, "static const short", "short before;\nstatic const short", set()),
    ("a literal of a cold piece", COLD, '"negative"', '"positive"', {"work"}),
    ("a piece made by the compiler", CLONE, "y *= x + by", "y *= x - by", {"power"}),
    ("an inlined function", INLINED, "x * 2", "x * 3", {"user"}),
    ("a variable more", LOCALS, "static int hidden", "static int spare; int *p(void) { return &spare; } static int hidden",
     set()),
    ("another variable", LOCALS, "{ hidden = x", "{ seen = x", {"put"}),
]


def differing(compiler, options, before, after, directory):
    paths = []
    for name, text in (("before", before), ("after", after)):
        paths.append(os.path.join(directory, name + ".o"))
        command = [compiler, "-x", "c", "-", "-g", *options, *builds.ORACLE_FLAGS.split(), "-c", "-o", paths[-1]]
        subprocess.run(command, input=text, text=True, check=True)
    return set(oracle.compare_trees(*paths)["changed"])


class OracleTests(unittest.TestCase):
    def test_pairs(self):
        for machine, compiler in COMPILERS.items():
            for options in (["-O2"], ["-O2", "-fno-pie"], ["-O2", "-fPIC"], ["-O1"]):
                for about, source, old, new, wanted in CASES:
                    with self.subTest(machine=machine, options=options, about=about), tempfile.TemporaryDirectory() as place:
                        self.assertIn(old, source)
                        found = differing(compiler, options, source, source.replace(old, new), place)
                        self.assertEqual(found, wanted)

    def test_layouts(self):
        before = "struct point { int x, y; }; typedef struct { char c; } small; int f(struct point *p, small *s) "
        before += "{ return p->y + s->c; }"
        for old, new, wanted in (("x, y", "x, z, y", ["point"]), ("char c", "char b, c", ["small"]), ("p->y", "p->x", [])):
            with tempfile.TemporaryDirectory() as place:
                differing("gcc", ["-O2"], before, before.replace(old, new), place)
                found = oracle.compare_trees(os.path.join(place, "before.o"), os.path.join(place, "after.o"))
                self.assertEqual(found["objects"][0]["layouts"], wanted)

    def test_names_of_pieces(self):
        self.assertEqual(oracle.plain("f.constprop.0.cold"), "f.constprop.cold")
        self.assertEqual(oracle.plain("count.1234"), "count")
        self.assertEqual(oracle.plain("version.2x"), "version.2x")
        self.assertEqual(oracle.whole("f.isra.cold"), "f")
        self.assertEqual(oracle.whole("f"), "f")


if __name__ == "__main__":
    unittest.main()
