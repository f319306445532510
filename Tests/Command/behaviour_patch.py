"""Live patches: built of a source tree, a diff and a command; looked at; held against binaries."""

import difflib
import json
import lzma
import os
import signal
import subprocess
import sys
import time

from command import check, ended, equal

MAIN = """#include <stdio.h>
#include "util.h"
static int count;
static int helper(int x) { static int calls; calls++; return x * 3 + calls; }
__attribute__((noinline)) int work(int x) { count++; return helper(x) + util(x); }
__attribute__((noinline)) static const char *name(int x) {
  switch (x) { case 0: return "zero"; case 1: return "one"; case 2: return "two"; case 3: return "three"; default: return "many"; }
}
__attribute__((noinline)) int line(void) { return __LINE__; }
int main(int argc, char **argv) { printf("%d %s %d\\n", work(argc), name(argc), line()); return 0; }
"""
UTIL = """#include "util.h"
static int count;
int table = 7;
int util(int x) { return x + ++count + table; }
"""
MAKEFILE = """prog: main.o util.o
\tcc -O2 -g -o prog main.o util.o
%.o: %.c util.h
\tcc -O2 -g -c $<
"""


class Tree:
    """A source tree, and what its unpatched build makes."""

    def __init__(self, bench):
        self.bench = bench
        self.place = bench.file("-tree")
        self.files = {"main.c": MAIN, "util.c": UTIL, "util.h": "int util(int);\n", "Makefile": MAKEFILE}
        os.mkdir(self.place)
        for file, text in self.files.items():
            self.write(self.place, file, text)
        self.binary = os.path.join(bench.file("-bin"), "prog")
        os.mkdir(os.path.dirname(self.binary))
        objects = [os.path.join(self.place, file) for file in ("main.c", "util.c")]
        subprocess.run(["cc", "-O2", "-g", "-o", self.binary, *objects], check=True)

    @staticmethod
    def write(place, file, text):
        with open(os.path.join(place, file), "w", encoding="utf-8") as out:
            out.write(text)

    def diff(self, file, *changes):
        """The path of a diff that replaces words of a file."""
        text = self.files[file]
        for old, new in changes:
            check(text.count(old) == 1, old)
            text = text.replace(old, new)
        lines = difflib.unified_diff(
            self.files[file].splitlines(True), text.splitlines(True), f"a/{file}", f"b/{file}")
        path = self.bench.file(".diff")
        self.write("/", path, "".join(lines))
        return path

    def build(self, diff, *options, status=0, err=(), command=("make",)):
        """The patch's path, and the run."""
        out = self.bench.file(".apatch")
        run = self.bench.run("patch", "build", "--source", self.place, "--diff", diff, "-o", out, *options, "--", *command)
        run.expect(status, err=err)
        check(os.path.exists(out) == (status == 0), "the patch is there, or not, as it should")
        return out, run

    def inspect(self, path):
        return json.loads(self.bench.run("patch", "inspect", path, "--format", "json").expect(0).out)


def names(patch):
    return sorted(function["name"] for function in patch["functions"])


def test_a_patch_holds_what_changed(bench):
    tree = Tree(bench)
    before = {file: os.stat(os.path.join(tree.place, file)).st_mtime_ns for file in os.listdir(tree.place)}
    diff = tree.diff("main.c", ("x * 3 + calls", "x * 5 + calls + util(2)"), ('"three"', '"drei"'))
    path, run = tree.build(diff, "--target", tree.binary, err="functions have the code that this build makes")
    patch = tree.inspect(path)
    equal(names(patch), ["name", "work"])
    equal(sorted(r["name"] for r in patch["references"]), ["calls.0", "count", "util"])
    equal([r["file"] for r in patch["references"] if r["name"] == "count"], ["main.c"])
    symbols = subprocess.run(["nm", tree.binary], check=True, capture_output=True, text=True).stdout.split("\n")
    addresses = {line.split()[2]: int(line.split()[0], 16) for line in symbols if len(line.split()) == 3}
    for function in patch["functions"]:
        equal(function["address"], addresses[function["name"]], function["name"])
    subprocess.run(["readelf", "-aW", path], check=True, stdout=subprocess.DEVNULL)
    code = subprocess.run(["objdump", "-dr", path], check=True, capture_output=True, text=True).stdout
    check("<work>:" in code and "<name>:" in code and "<main>:" not in code, code)
    bench.run("patch", "check", path, tree.binary).expect(0)
    with open(path, "rb") as first:
        for _ in range(3):
            with open(tree.build(diff, "--target", tree.binary, "--name", patch["name"])[0], "rb") as again:
                equal(again.read(), first.read(), "the same patch, built again")
                first.seek(0)
    equal({file: os.stat(os.path.join(tree.place, file)).st_mtime_ns for file in os.listdir(tree.place)}, before, "the tree")


def test_lines_that_only_move_are_no_change(bench):
    tree = Tree(bench)
    diff = tree.diff("main.c", ("{ count++;", "{\n  count += 2;\n"), ("return helper(x) + util(x); }", "return helper(x) + util(x);\n}"))
    equal(names(tree.inspect(tree.build(diff)[0])), ["work"])


def test_what_must_not_change_is_refused(bench):
    tree = Tree(bench)
    diff = tree.diff("util.c", ("table = 7", "table = 8"))
    tree.build(diff, status=1, err=["util.o", "table", "data-value", "callback"])
    diff = tree.diff("main.c", ("static int calls;", "static int calls[4];"), ("calls++; return x * 3 + calls", "calls[0]++; return x * 3 + calls[x]"))
    tree.build(diff, status=1, err=["calls", "data-size", "shadow variable"])


def test_compiling_and_linking_in_one_step(bench):
    tree = Tree(bench)
    diff = tree.diff("util.c", ("x + ++count", "x * 2 + ++count"))
    command = ("sh", "-c", "cc -O2 -g main.c util.c -o prog")
    path, _ = tree.build(diff, "--target", tree.binary, "--name", "fix", "--replace", command=command)
    patch = tree.inspect(path)
    equal((names(patch), patch["name"], patch["replace"]), (["util"], "fix", True))


def test_a_stripped_target_is_known_by_its_code(bench):
    tree = Tree(bench)
    diff = tree.diff("util.c", ("x + ++count", "x * 2 + ++count"))
    flags = "-O2 -g -ffunction-sections -fdata-sections -fno-section-anchors"
    for file in ("main", "util"):
        subprocess.run(["sh", "-c", f"cc {flags} -c {file}.c -o {tree.binary}-{file}.o"], cwd=tree.place, check=True)
    objects = [f"{tree.binary}-main.o", f"{tree.binary}-util.o"]
    subprocess.run(["cc", "-s", "-o", tree.binary, *objects], check=True)
    equal(names(tree.inspect(tree.build(diff, "--target", tree.binary)[0])), ["util"])
    subprocess.run(["sh", "-c", f"cc -O1 -s -o {tree.binary} main.c util.c"], cwd=tree.place, check=True)
    tree.build(diff, "--target", tree.binary, status=1, err=["has no symbols", "give the file with its symbols"])


OTHERS = """#include <stdio.h>
#define APART __attribute__((noinline))
static int left, right;
int first = 1, second = 2;
APART int one(int x) { return x + left++; }
APART int two(int x) { return x - right++; }
APART int calls(int x) { return @one(x) * 3; }
APART int jumps(int x) { return @one(x + 1); }
APART int reads(void) { return @first + 1; }
APART int counts(void) { return ++@left; }
APART void says(void) { puts("abcd"); }
APART double scales(double x) { return x * @1.5; }
APART int takes(int (*f)(int)) { return f(1); }
APART int gives(int x) { return takes(@one) + x; }
int main(int argc, char **argv) { says(); return calls(argc) + jumps(argc) + reads() + counts() + gives(argc) + scales(argc); }
"""
OTHER = {"calls": ("one", "two"), "jumps": ("one", "two"), "reads": ("first", "second"), "counts": ("left", "right"),
         "scales": ("1.5", "2.5"), "gives": ("one", "two")}


def other_target(bench, compiler, flags, source, name):
    """Builds what runs from another source than the tree; what `patch build` says of a change of that function. The two differ in
    nothing but in what one function refers to."""
    tree = Tree(bench)
    tree.files = {"main.c": source.replace("@", "")}
    tree.write(tree.place, "main.c", tree.files["main.c"])
    before, after = OTHER[name]
    lines = [line.replace("@" + before, after) if f" {name}(" in line else line for line in source.split("\n")]
    text = "\n".join(lines).replace("@", "")
    check(text != tree.files["main.c"], name)
    place = bench.file("-other")
    os.mkdir(place)
    tree.write(place, "main.c", text)
    command = f"{compiler} {flags} -o prog main.c"
    subprocess.run(["sh", "-c", command], cwd=place, check=True)
    line = next(line for line in tree.files["main.c"].split("\n") if f" {name}(" in line)
    changed = line.replace("{ ", "{ __asm__ volatile(\"nop\"); ", 1)
    return tree, os.path.join(place, "prog"), tree.diff("main.c", (line, changed)), ("sh", "-c", command)


def test_a_target_that_refers_to_something_else_is_another(bench):
    calls = ["calls", "jumps", "gives"]
    whole = "all 11 functions have the code"
    # (arm64's compiler addresses variables together, but not where a patch is built.)
    for compiler, flags, functions, known in (
            ("gcc", "-O2 -g", OTHER, whole), ("gcc", "-O0 -g -fno-pie -no-pie", calls, whole), ("clang", "-O2 -g", OTHER, whole),
            ("aarch64-linux-gnu-gcc", "-O2 -g", calls, "10 of 11 functions")):
        for name in functions:
            tree, target, diff, command = other_target(bench, compiler, flags, OTHERS, name)
            tree.build(diff, "--target", target, status=1, command=command, err=f"does not have {name} as this build makes it")
        subprocess.run(command, cwd=tree.place, check=True)
        tree.build(diff, "--target", os.path.join(tree.place, "prog"), command=command, err=known)


def test_a_wrapped_function_is_found(bench):
    """--wrap gives names other meanings, so that nothing can be said of them."""
    tree = Tree(bench)
    tree.files = {"main.c": "int __real_f(int);\nint f(int);\nint __wrap_f(int x) { return __real_f(x) + 1; }\nint main(int c, char **v) { return f(c); }\n",
                  "f.c": "int f(int x) { return x * 3; }\n"}
    for file, text in tree.files.items():
        tree.write(tree.place, file, text)
    command = ("sh", "-c", "cc -O1 -g -c main.c f.c; ar rc lib.a f.o main.o; cc main.o lib.a -Wl,--wrap=f -o prog")
    subprocess.run(command, cwd=tree.place, check=True)
    diff = tree.diff("main.c", ("(x) + 1", "(x) + 2"))
    path, _ = tree.build(diff, "--target", os.path.join(tree.place, "prog"), command=command, err="all 3 functions have the code")
    equal(names(tree.inspect(path)), ["__wrap_f"])


def test_a_weak_function_that_another_file_overrides(bench):
    tree = Tree(bench)
    tree.files = {
        "main.c": "int plain(int x) { return x * 5; }\nint told(int) __attribute__((weak, alias(\"plain\")));\n"
                  "__attribute__((noinline)) int f(int x) { return told(x) + 1; }\nint main(int c, char **v) { return f(c) + plain(c); }\n",
        "f.c": "int told(int x) { return x * 3; }\n"}
    for file, text in tree.files.items():
        tree.write(tree.place, file, text)
    command = ("sh", "-c", "cc -O1 -g -c main.c f.c; cc main.o f.o -o prog")
    path, _ = tree.build(tree.diff("main.c", ("(x) + 1", "(x) + 2")), command=command)
    equal([r["name"] for r in tree.inspect(path)["references"]], ["told"])


def test_an_inline_function_of_several_files_is_replaced_once(bench):
    tree = Tree(bench)
    inline = "__attribute__((noinline)) inline int shared(int x) { return x * 3; }\n"
    files = {
        "main.c": "#include <stdio.h>\n#include \"util.h\"\nint main(int c, char **v) { printf(\"%d\\n\", shared(c) + util(c)); return 0; }\n",
        "util.c": "#include \"util.h\"\nint util(int x) { return shared(x) + 1; }\n",
        "util.h": inline + "int util(int);\n",
        "Makefile": MAKEFILE.replace("cc -O2 -g -c", "c++ -x c++ -O2 -g -c").replace("cc -O2", "c++ -O2"),
    }
    tree.files = files
    for file, text in files.items():
        tree.write(tree.place, file, text)
    patch = tree.inspect(tree.build(tree.diff("util.h", ("x * 3", "x * 5 + 1")))[0])
    equal(names(patch), ["_Z6sharedi"])
    equal(patch["added"], [])


def test_calls_are_of_new_code_and_addresses_of_old(bench):
    tree = Tree(bench)
    text = MAIN.replace("int main(", "int (*chosen)(int);\n__attribute__((noinline)) int caller(int x) { return work(x) + 1; }\n"
                        "__attribute__((noinline)) void choose(void) { chosen = work; }\nint main(").replace(
        "printf(", "choose(); chosen(caller(2)); printf(")
    tree.files["main.c"] = text
    tree.write(tree.place, "main.c", text)
    changed = ("count++;", "count += 2;")
    for more, wanted in ((("work(x) + 1", "work(x) + 3"), False), (("chosen = work", "chosen = count ? work : 0"), True)):
        path, _ = tree.build(tree.diff("main.c", changed, more))
        patch = tree.inspect(path)
        check("work" in names(patch) and len(names(patch)) == 2, names(patch))
        equal("work" in [r["name"] for r in patch["references"]], wanted, f"{more}: the old function's address is referred to")


def test_two_functions_that_nothing_tells_apart(bench):
    tree = Tree(bench)
    same = "#include \"util.h\"\n__attribute__((noinline)) static int twin(int x) { return x * 7; }\n"
    tree.files = {
        "main.c": "#include \"util.h\"\nint main(int c, char **v) { return util(c); }\n",
        "util.h": "int util(int); int other(int);\n",
        "util.c": same + "int util(int x) { return twin(x) + other(x); }\n",
        "sub/util.c": same + "int other(int x) { return twin(x) + 2; }\n",
        "Makefile": "prog: main.o util.o sub/util.o\n\tcc -O2 -o prog main.o util.o sub/util.o\n"
                    "%.o: %.c util.h\n\tcd $(dir $@) && cc -O2 -I$(CURDIR) -c $(notdir $<)\n",
    }
    os.mkdir(os.path.join(tree.place, "sub"))
    for file, text in tree.files.items():
        tree.write(tree.place, file, text)
    tree.build(tree.diff("util.c", ("x * 7", "x * 9")), status=1, err=["twin", "apus patch pack"])


def test_a_table_in_a_file_without_functions_is_refused(bench):
    tree = Tree(bench)
    tree.files["util.c"] = UTIL.replace("int table = 7;", "extern int table, limits[];").replace("+ table", "+ table + limits[1]")
    tree.files["tables.h"] = "#define LIMITS 1, 2\n"
    tree.files["tables.c"] = '#include "tables.h"\nint table = 7;\nint limits[] = {LIMITS};\n'
    tree.files["Makefile"] = MAKEFILE.replace("util.o", "util.o tables.o").replace("util.h", "util.h tables.h")
    for file, text in tree.files.items():
        tree.write(tree.place, file, text)
    both = bench.file(".diff")
    parts = [tree.diff("util.c", ("x + ++count", "x - ++count")), tree.diff("tables.h", ("1, 2", "1, 2, 3"))]
    tree.write("/", both, "".join(open(part, encoding="utf-8").read() for part in parts))
    tree.build(both, status=1, err=["tables.o", "limits", "data-size"])


def test_a_structure_laid_out_in_another_way(bench):
    tree = Tree(bench)
    tree.files["util.c"] = UTIL.replace("static int count", "struct item { int a; long b; };\nstatic int count").replace(
        "int util(int x) { return", "int util(int x) { struct item item = {x, 1}; use(&item); return")
    tree.files["util.h"] += "#include <stddef.h>\nstruct item;\n__attribute__((noipa)) static void use(struct item *i) { (void)i; }\n"
    for file, text in tree.files.items():
        tree.write(tree.place, file, text)
    diff = tree.diff("util.c", ("int a;", "int a, more;"), ("++count", "++count + 1"), ("{x, 1}", "{x, 1, 2}"))
    tree.build(diff, status=1, err=["util.o", "item", "more", "(layout)", "--allow-layout item"])
    path, _ = tree.build(diff, "--allow-layout", "item")
    equal(names(tree.inspect(path)), ["util"])
    tree.files["Makefile"] = MAKEFILE.replace("-g ", "")
    tree.write(tree.place, "Makefile", tree.files["Makefile"])
    tree.build(diff, err="compile with -g")


def test_programs_that_have_functions_of_one_name(bench):
    tree = Tree(bench)
    main = 'int puts(const char *);\nstatic __attribute__((noinline)) void usage(void) { puts("usage of %s"); puts("bye"); }\nint main(void) { usage(); return %d; }\n'
    tree.files = {f"{name}.c": main % (name, number) for number, name in enumerate(("one", "two"))}
    for file, text in tree.files.items():
        tree.write(tree.place, file, text)
    build = "for i in one two; do cc -O1 -g -c $i.c && cc -o $i $i.o; done"
    path, _ = tree.build(tree.diff("one.c", ('"bye"', '"see you"')), command=("sh", "-ec", build))
    equal([(f["object"], f["name"]) for f in tree.inspect(path)["functions"]], [("one", "usage")])
    # Several sources at once, and an object that is moved.
    change = tree.diff("two.c", ('"bye"', '"so long"'))
    path, _ = tree.build(change, command=("sh", "-ec", "cc -O1 -g -c one.c two.c; cc -o one one.o; cc -o two two.o"))
    equal([f["object"] for f in tree.inspect(path)["functions"]], ["two"])
    moved = "for i in two one; do cc -O1 -g -c $i.c -o t.o; mv t.o $i.o; cc -o $i $i.o; done"
    path, _ = tree.build(change, command=("sh", "-ec", moved))
    check("two" in [f["object"] for f in tree.inspect(path)["functions"]], "the change of a moved object")


def test_a_static_function_is_not_another_files(bench):
    tree = Tree(bench)
    error = "static __attribute__((noinline, used)) void error(int a, int b, const char *c) { table = a + b + !c; }\n"
    tree.files["util.c"] = UTIL + error
    tree.files["main.c"] = "#include <error.h>\n" + MAIN
    for file, text in tree.files.items():
        tree.write(tree.place, file, text)
    path, _ = tree.build(tree.diff("main.c", ("{ count++;", '{ count++; if (x > 99) error(0, 0, "told");')))
    found = [r for r in tree.inspect(path)["references"] if r["name"] == "error"]
    check(len(found) == 1 and not found[0]["file"], found)


def test_lines_of_raw_strings_stay(bench):
    tree = Tree(bench)
    text = '#include <cstdio>\nint f(int x) { return x + 1; }\nconst char *text() {\n  return R"(\nint main() {\n}\n)";\n}\n'
    tree.files = {"text.cpp": text + "int main() { std::puts(text()); return f(1); }\n"}
    tree.write(tree.place, "text.cpp", tree.files["text.cpp"])
    command = ("g++", "-g", "-O0", "-o", "text", "text.cpp")
    path, _ = tree.build(tree.diff("text.cpp", ("x + 1; }", "x +\n      2; }")), command=command)
    equal(len(tree.inspect(path)["functions"]), 1)


def test_errors_of_building(bench):
    tree = Tree(bench)
    good = tree.diff("util.c", ("x + ++count", "x * 2 + ++count"))
    tree.build(good, status=1, command=("false",), err="the build of the source as it is failed with status 1")
    tree.build(good, status=1, command=("true",), err="compiled nothing that could be seen")
    compiler = subprocess.run(["which", "cc"], check=True, capture_output=True, text=True).stdout.strip()
    tree.build(good, status=1, command=("sh", "-c", f"{compiler} -o prog main.c util.c"), err="must find its compiler in PATH")
    bad = tree.diff("util.c", ("x + ++count", "y + ++count"))
    tree.build(bad, status=1, err=["the build with the change failed", "undeclared"])
    other = bench.file(".diff")
    tree.write("/", other, "--- a/util.c\n+++ b/util.c\n@@ -1,2 +1,2 @@\n-nothing like it\n+new\n there is\n")
    tree.build(other, status=1, err="the diff does not apply")
    comment = tree.diff("util.c", ("int table = 7;", "int table = 7; // seven"))
    tree.build(comment, status=1, err="nothing to patch")
    unloaded = 'asm(".section unloaded, \\"\\"\\n.globl mark\\nmark: .long 1\\n.text"); extern int mark;\n'
    beyond = tree.diff("util.c", ("int table = 7;", unloaded + "int table = 7;"), ("x + ++count", "x * mark + ++count"))
    tree.build(beyond, status=1, err="needs mark in section unloaded, which is not loaded")
    loaded = unloaded.replace('\\"\\"', '\\"a\\"')
    tree.build(tree.diff("util.c", ("int table = 7;", loaded + "int table = 7;"), ("x + ++count", "x * mark + ++count")))
    bench.run("patch", "build", "--source", tree.place, "--diff", good).expect(2, err="command")
    bench.run("patch", "build", "--source", "/nowhere", "--diff", good, "--", "make").expect(2, err="no such directory")
    tree.build(good, "--target", bench.path("calls"), status=1, err="the build makes no calls; it makes prog")


# Not a shell's: dash catches SIGINT, and may forget one that comes just before it starts a program.
WAITING = "import signal, time; signal.signal(signal.SIGINT, signal.SIG_DFL); open('../begun', 'w'); time.sleep(60)"


def interrupted(bench, interrupt):
    """What `patch build` says whose build is interrupted: it has to leave nothing."""
    tree = Tree(bench)
    place = bench.file("-tmp")
    os.mkdir(place)
    diff = tree.diff("util.c", ("x + ++count", "x * 2 + ++count"))
    out = bench.file(".apatch")
    tree.write("/", out, "older")
    process = subprocess.Popen(
        [bench.apus, "patch", "build", "--source", tree.place, "--diff", diff, "-o", out, "--", sys.executable, "-c", WAITING],
        env={**os.environ, "TMPDIR": place}, start_new_session=True, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL)
    for _ in range(500):
        if any(os.path.exists(os.path.join(place, name, "begun")) for name in os.listdir(place)):
            break
        time.sleep(0.02)
    interrupt(process.pid)
    _, errors = ended(process)
    equal(process.returncode, 1, errors)
    equal(os.listdir(place), [], "what is left")
    with open(out, encoding="utf-8") as file:
        equal(file.read(), "older", "the patch that was there")
    return errors


def test_an_interrupted_build_leaves_nothing(bench):
    errors = interrupted(bench, lambda pid: os.killpg(pid, signal.SIGINT))
    check(b"failed with status 130" in errors, errors)
    for number in (signal.SIGTERM, signal.SIGHUP):
        errors = interrupted(bench, lambda pid: os.kill(pid, number))
        check(b"failed with status %d" % (128 + number) in errors, errors)


def test_damaged_object_files(bench):
    """Files that once crashed apus, or took all memory: Tests/Fixtures/Damaged/README.md."""
    place = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "Fixtures", "Damaged")
    names = [name for name in os.listdir(place) if name.endswith(".o.xz")]
    check(len(names) >= 4, names)
    for name in names:
        path = bench.file(".o")
        with lzma.open(os.path.join(place, name)) as damaged, open(path, "wb") as file:
            file.write(damaged.read())
        answer = subprocess.run(["prlimit", "--as=2147483648", "--cpu=20", bench.apus, "patch", "compare", path, path],
                                capture_output=True, text=True, check=False)
        check(answer.returncode in (0, 1), name, answer.returncode, answer.stderr[-400:])
        check(answer.returncode == 0 or "malformed" in answer.stderr, name, answer.stderr[-400:])


def test_errors_of_looking(bench):
    tree = Tree(bench)
    path, _ = tree.build(tree.diff("util.c", ("x + ++count", "x * 2 + ++count")), "--target", tree.binary)
    bench.run("patch", "check", path, bench.path("calls")).expect(1, err="does not fit")
    other = Tree(bench)
    subprocess.run(["cc", "-O1", "-o", other.binary, "main.c", "util.c"], cwd=other.place, check=True)
    run = bench.run("patch", "check", path, other.binary).expect(1, err="does not fit")
    check("build-id" in run.out and "FAIL" in run.out, run.out)
    bench.run("patch", "inspect", tree.binary).expect(1, err="no object file")
    bench.run("patch", "inspect", "/nowhere").expect(1, err="/nowhere")
    bench.run("patch", "compare", path, bench.path("calls")).expect(1, err="no object file")
