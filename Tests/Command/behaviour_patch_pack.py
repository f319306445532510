"""Patches that are written by hand: packed from object files and a manifest, looked at, linked, and run."""

import json
import os
import re
import struct
import subprocess

from command import check, equal

HEADERS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "Headers")
WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-Werror"]

SHOP = """#include <stdio.h>
struct basket { int items; };
static int sold;
extern int on_hand(int);
__attribute__((noinline)) static int rate(int n) { return n > 3 ? 2 : 1; }
__attribute__((noinline)) int price(struct basket *b) { sold += b->items; return b->items * rate(b->items) * 10; }
__attribute__((noinline)) void serve(struct basket *b) { int cost = price(b); printf("%d %d\\n", cost, sold); }
int main(int argc, char **argv) {
  struct basket b = {argc + on_hand(1)};
  if (argc > 9) puts(argv[9]);
  for (int i = 0; i < 3; i++) serve(&b);
  return 0;
}
"""
STORE = """static int sold;
static int log_count;
int counts[2];
__attribute__((noinline)) static int twin(int n) { return n * 5 + counts[1] - 3; }
int on_hand(int n) { log_count++; counts[0]++; sold++; return twin(n); }
void tiny(void) {}
"""
FIX = """#include <stdio.h>
#include "apus_patch.h"
struct basket { int items; };
extern int sold;
extern int rate(int);
enum { DISCOUNT = 0x5105 };
static int begin(void *basket, void *data, void *context) { (void)basket; *(int *)data = *(int *)context; return 0; }
static void end(void *basket, void *data) { (void)basket; (void)data; }
APUS_SHADOW(DISCOUNT, sizeof(int), begin, end);
APUS_SHADOW(0xffffffffffffffffu, 4096, 0, 0);
APUS_STATE(counting, 1, 2);
static int new_price(struct basket *b) {
  int start = 3;
  int *discount = (int *)apus_shadow_get_or_alloc(b, DISCOUNT, sizeof *discount, begin, &start);
  sold += b->items;
  if (b->items < 0) { puts("no basket"); return 0; }
  return b->items * rate(b->items) * 10 - (discount ? (*discount)++ : 0);
}
APUS_REPLACES(new_price, "price", "", "");
static int check_first(const struct apus_module *module) {
  printf("pre_patch %s %d\\n", module->name, (int)module->state);
  return module->state == APUS_MODULE_GOING;
}
static void when_done(const struct apus_module *module) {
  (void)module;
  counting.data = &sold;
  printf("post_patch %d\\n", apus_state_previous(1) == 0);
}
static void when_left(const struct apus_module *module) { (void)module; apus_shadow_free_all(DISCOUNT, end); }
APUS_PRE_PATCH(check_first, "");
APUS_POST_PATCH(when_done, "shop");
APUS_PRE_UNPATCH(when_left, "");
APUS_POST_UNPATCH(when_left, "");
APUS_QUIESCENT("serve", "", "");
"""
MANIFEST = "# a fix\n\nname the fix\nmodule shop\n   # which of the two\nsymbol sold of shop.c\n"

# Linked into the program that is run: lands a linked patch in it, as a plan says. It is no part of Apus.
LAND = """#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
extern void __register_frame(void *);
static uint64_t made[64];
void *land_get_or_alloc(void *object, uint64_t id, size_t size, int (*make)(void *, void *, void *), void *context) {
  for (int i = 0; i < 64; i += 4) {
    if (made[i] == (uint64_t)object && made[i + 1] == id) return &made[i + 2];
    if (!made[i]) { made[i] = (uint64_t)object; made[i + 1] = id; make(object, &made[i + 2], context); return size <= 16 ? &made[i + 2] : 0; }
  }
  return 0;
}
void *land_nothing(uint64_t id) { (void)id; return 0; }
__attribute__((constructor)) static void land(void) {
  struct { const char *name; uint64_t bias; uint32_t state, reserved; } module = {"shop", 0, 0, 0};
  FILE *plan = getenv("LAND") ? fopen(getenv("LAND"), "r") : 0;
  char verb, path[4096];
  unsigned long a, b;
  while (plan && fscanf(plan, " %c %lx %lx %4095s", &verb, &a, &b, path) == 4) {
    if (verb == 'm') {
      FILE *part = fopen(path, "r");
      if (mmap((void *)a, b, 7, MAP_FIXED_NOREPLACE | MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != (void *)a || fread((void *)a, 1, b, part) != b) abort();
      fclose(part);
    } else if (verb == 'f') {
      __register_frame((void *)a);
    } else if (verb == 'c') {
      ((void (*)(void *))a)(&module);
    } else if (verb == 'j') {
      int32_t distance = (int32_t)(b - a - 5);
      mprotect((void *)(a & ~4095ul), 8192, 7);
      *(unsigned char *)a = 0xe9;
      memcpy((char *)a + 1, &distance, 4);
    }
  }
}
"""


def run(*command, **options):
    ended = subprocess.run(command, capture_output=True, text=True, check=False, **options)
    equal(ended.returncode, 0, f"{command}: {ended.stderr[-800:]}")
    return ended.stdout


class Shop:
    """A program of several sources in a directory of its own, and the pieces of a patch for it."""

    def __init__(self, bench, sources=None, flags=(), compiler="cc"):
        self.bench = bench
        self.place = bench.file("-pack")
        os.mkdir(self.place)
        self.sources = sources or {"shop.c": SHOP, "store.c": STORE}
        for name, text in self.sources.items():
            self.write(name, text)
        run(compiler, "-O2", "-g", "-o", "shop", *self.sources, *flags, cwd=self.place)

    def path(self, name):
        return os.path.join(self.place, name)

    def write(self, name, text):
        with open(self.path(name), "w", encoding="utf-8") as out:
            out.write(text)
        return self.path(name)

    def compile(self, text, name="fix.c", flags=("-O2",), compiler="cc", warnings=()):
        """The object file's path."""
        self.write(name, text)
        run(compiler, *flags, *warnings, "-I", HEADERS, "-c", name, "-o", name + ".o", cwd=self.place)
        return self.path(name + ".o")

    def pack(self, *objects, manifest=MANIFEST, status=0, err=(), quiet=True):
        """The patch's path. Nothing is said of one that is made, if it is quiet."""
        out = self.bench.file(".apatch")
        file = self.write("fix.manifest", manifest)
        made = self.bench.run("patch", "pack", "--manifest", file, *objects, "-o", out)
        check(made.status == status, f"status {made.status}, wanted {status} and {err}: {made.err}")
        made.expect(status, err=err)
        check(os.path.exists(out) == (status == 0), "the patch is there, or not, as it should")
        if status == 0 and quiet:
            equal(made.err, "", "what is said")
        return out

    def inspect(self, patch):
        return json.loads(self.bench.run("patch", "inspect", patch, "--format", "json").expect(0).out)

    def symbols(self, file):
        """(number, name, kind, whether it is undefined, value) of each symbol."""
        result = []
        for line in run("readelf", "-sW", file).splitlines():
            words = line.split()
            if len(words) >= 7 and re.fullmatch(r"\d+:", words[0]):
                name = words[7] if len(words) > 7 else ""
                result.append((int(words[0][:-1]), name, words[3], words[6] == "UND", int(words[1], 16)))
        return result

    def link(self, patch, base, addresses, module=0):
        """Links with what names are at; gives the bytes and what `apus patch link` says."""
        lines = [f"base {base:#x}"]
        for number, name, _, undefined, _ in self.symbols(patch):
            if undefined and name:
                lines.append(f"address {number} {addresses(name):#x}")
        bindings, out = self.write("bindings", "\n".join(lines) + "\n"), self.bench.file(".bin")
        made = self.bench.run("patch", "link", patch, "--module", str(module), "--bindings", bindings, "-o", out).expect(0)
        return out, json.loads(made.out)

    def addresses(self):
        """Where the program's symbols are."""
        return {name: value for _, name, _, undefined, value in self.symbols(self.path("shop")) if not undefined}

    def place_unwinding(self, patch, part, layout):
        """Copies the unwind records behind a linked part, each section with the zero at its end that libgcc wants; where they are."""
        with open(part, "rb") as file:
            data = bytearray(file.read())
        offsets = {section["number"]: section["offset"] for section in layout["sections"]}
        sections = re.findall(r"^\s*\[ *(\d+)\] (\S+) +\S+ +[0-9a-f]+ [0-9a-f]+ ([0-9a-f]+)", run("readelf", "-SW", patch), re.M)
        tables = [(offsets[int(number)], int(size, 16)) for number, name, size in sections if name == ".eh_frame"]
        relocations = re.split("^Relocation section", run("readelf", "-rW", patch), flags=re.M)
        relocations = [text for text in relocations if "'.rela.eh_frame'" in text]
        equal(len(relocations), len(tables), "sections of unwind records")
        result = []
        for (start, size), text in zip(tables, relocations):
            copy = len(data)
            data += data[start:start + size] + bytes(8)
            for at, kind in re.findall(r"^([0-9a-f]{16}) +[0-9a-f]{16} (R_\S+)", text, re.M):
                equal(kind, "R_X86_64_PC32", "a relocation of unwind records")
                field = copy + int(at, 16)
                value = struct.unpack_from("<i", data, field)[0] + start - copy
                struct.pack_into("<i", data, field, value)
            result.append(copy)
        with open(part, "wb") as file:
            file.write(data + bytes(-len(data) % 4096))
        return result

    def land(self, patch, replaced, callbacks=(), **bound):
        """Runs the program with the patch in it; its output. `bound` is what names are that the program does not have."""
        known = self.addresses()
        base = 0x40000000
        # (In a static program memcpy and the like are functions that choose one.)
        for _, name, kind, _, _ in self.symbols(self.path("shop")):
            plain = [other for other in (f"__{name}_sse2", f"__{name}_sse2_unaligned") if kind == "IFUNC" and other in known]
            bound.update({name: other for other in plain})
        # (Of several of one name the patch says which.)
        meant = {r["name"]: r["address"] for r in self.inspect(patch)["references"] if not r["imported"] and not r["provided"]}
        part, layout = self.link(patch, base, lambda name: known[bound[name]] if name in bound else meant.get(name) or known[name])
        numbers = {name: number for number, name, kind, undefined, _ in self.symbols(patch) if not undefined and kind == "FUNC"}
        at = {entry["number"]: entry["address"] for entry in layout["symbols"]}
        plan = [f"f {base + offset:x} 0 -" for offset in self.place_unwinding(patch, part, layout)]
        plan.insert(0, f"m {base:x} {os.path.getsize(part):x} {part}")
        plan += [f"c {at[numbers[name]]:x} 0 -" for name in callbacks]
        plan += [f"j {known[old]:x} {at[numbers[new]]:x} -" for new, old in replaced.items()]
        ended = subprocess.run([self.path("shop")], env={**os.environ, "LAND": self.write("plan", "\n".join(plan) + "\n")},
                               capture_output=True, text=True, timeout=20)
        equal(ended.returncode, 0, f"the patched program: {ended.stdout} {ended.stderr}")
        return ended.stdout


def declared(patch):
    """What a patch declares, without what comes of the compiler."""
    found = {key: patch[key] for key in ("callbacks", "shadow_variables", "states")}
    # (C++ mangles static names.)
    return json.loads(re.sub(r'"_ZL\d+(check_first|when_done|when_left|begin|end|counting)[a-z_A-Z0-9]*"', r'"\1"', json.dumps(found)))


DECLARED = {
    "callbacks": [
        {"moment": moment, "function": function, "object": "shop"}
        for moment, function in (("pre_patch", "check_first"), ("post_patch", "when_done"), ("pre_unpatch", "when_left"), ("post_unpatch", "when_left"))],
    "shadow_variables": [
        {"id": 0x5105, "size": 4, "constructor": "begin", "destructor": "end"},
        {"id": 2**64 - 1, "size": 4096, "constructor": "", "destructor": ""}],
    "states": [{"id": 1, "version": 2, "variable": "counting"}],
}


def test_a_patch_by_hand_is_packed(bench):
    shop = Shop(bench)
    known = shop.addresses()
    for compiler, flags in (("gcc", ["-std=c99", "-O2"]), ("gcc", ["-O0", "-fPIC", "-g"]), ("clang", ["-std=c99", "-O2", "-fPIE"]),
                            ("clang", ["-O0", "-ffunction-sections", "-fdata-sections"]), ("g++", ["-x", "c++", "-std=c++11", "-O2"]),
                            ("clang++", ["-x", "c++", "-std=c++11", "-O1", "-fPIC"])):
        text = FIX
        if "++" in compiler:
            text = text.replace("extern int sold;\nextern int rate(int);", 'extern "C" { extern int sold;\nextern int rate(int); }')
        shop.write("fix.c", text)
        patch = shop.pack(shop.compile(text, compiler=compiler, flags=flags, warnings=WARNINGS))
        found = shop.inspect(patch)
        equal((found["name"], found["replace"], [f["name"] for f in found["functions"]]), ("the fix", False, ["price"]), compiler)
        check("fix.c:19" in found["functions"][0]["reasons"][0], found["functions"])
        equal(declared(found), DECLARED, compiler)
        equal([(q["name"], q["address"]) for q in found["quiescent"]], [("serve", known["serve"])])
        kinds = {r["name"]: (r["imported"], r["provided"], r["file"]) for r in found["references"]}
        equal(kinds.pop("_GLOBAL_OFFSET_TABLE_", None) is not None, False, "no table of the linker's is needed")
        equal(kinds, {
            "sold": (False, False, "shop.c"), "rate": (False, False, "shop.c"), "puts": (True, False, ""), "printf": (True, False, ""),
            "apus_shadow_get_or_alloc": (False, True, ""), "apus_shadow_free_all": (False, True, ""), "apus_state_previous": (False, True, ""),
        }, compiler)
        bench.run("patch", "check", patch, shop.path("shop")).expect(0)
        sections = run("readelf", "-SW", patch)
        for name in (".apus.declare", "__patchable", ".comment", ".note.GNU", ".debug"):
            check(name not in sections, name, "is in the patch")
        text = bench.run("patch", "inspect", patch).expect(0).out
        text = text.replace("(apus_module const*)", "").replace("(void*, void*, void*)", "").replace("(void*, void*)", "")
        for line in ("pre_patch of shop: check_first", "0x5105: 4 bytes, constructor begin, destructor end", "state       0x1, version 2: counting",
                     "quiescent   serve of shop", "apus_state_previous, which apus provides"):
            check(line in text, line, text)


def test_what_the_patched_file_lacks_is_found(bench):
    shop = Shop(bench)
    patch = shop.pack(shop.compile(FIX))
    run("sh", "-c", "sed 's/void serve/void serves/; s/serve(&b)/serves(\\&b)/' shop.c > other.c; cc -O2 -o shop other.c store.c", cwd=shop.place)
    found = bench.run("patch", "check", patch, shop.path("shop")).expect(1).out
    check("FAIL  serve: not at" in found and "build-id" in found, found)
    # A function that is provided is one that this apus knows.
    with open(patch, "rb") as file:
        data = file.read()
    with open(patch, "wb") as file:
        file.write(data.replace(b"apus_state_previous", b"apus_state_unheard_"))
    check("FAIL  apus_state_unheard_: this apus does not provide it" in bench.run("patch", "check", patch, shop.path("shop")).out, "check")


def test_a_packed_patch_links(bench):
    """Every reference is bound, and what was written is what the ABI says."""
    shop = Shop(bench)
    for compiler in ("gcc", "clang"):
        patch = shop.pack(shop.compile(FIX, compiler=compiler, flags=["-O2", "-fno-pic", "-mcmodel=small"]))
        known = shop.addresses()
        base = 0x30000000
        places = {}

        def address(name):
            return places.setdefault(name, known.get(name, 0x7f0000000000 + 16 * len(places)))
        part, layout = shop.link(patch, base, address)
        with open(part, "rb") as file:
            data = file.read()
        sections = {section["number"]: section["offset"] for section in layout["sections"]}
        names = {name: int(number) for number, name in re.findall(r"^\s*\[ *(\d+)\] (\S+)", run("readelf", "-SW", patch), re.M)}
        checked = 0
        section = None
        for line in run("readelf", "-rW", patch).splitlines():
            if line.startswith("Relocation section"):
                section = names[re.search(r"'\.rela(\S+)'", line).group(1)]
            found = re.match(r"([0-9a-f]{16}) +[0-9a-f]{16} R_X86_64_(PC32|PLT32|32S?|64) +[0-9a-f]{16} (\w+) ([-+]) ([0-9a-f]+)$", line)
            if not found or found[3] not in places:
                continue
            place = sections[section] + int(found[1], 16)
            value = places[found[3]] + int(found[4] + found[5], 16)
            size = 8 if found[2] == "64" else 4
            if "P" in found[2]:
                value -= base + place
            if not -2**31 <= value < 2**32:
                continue  # by a veneer
            equal(int.from_bytes(data[place:place + size], "little"), value % 2**(8 * size), line)
            checked += 1
        check(checked >= 3, f"{compiler}: {checked} relocations were looked at")
        words = [struct.unpack_from("<Q", data, slot["offset"])[0] for slot in layout["slots"]]
        for name in ("puts", "apus_shadow_get_or_alloc", "apus_state_previous"):
            check(places[name] in words, name, "has no slot with its address")


def test_a_packed_patch_runs(bench):
    shop = Shop(bench, {"shop.c": SHOP, "store.c": STORE, "land.c": LAND}, flags=["-static", "-no-pie", "-D_GNU_SOURCE"])
    equal(run(shop.path("shop")), "30 3\n30 6\n30 9\n", "as it was")
    for compiler, flags in (("gcc", "-O2"), ("clang", "-O2"), ("gcc", "-O0"), ("clang", "-O0")):
        patch = shop.pack(shop.compile(FIX, compiler=compiler, flags=[flags]))
        out = shop.land(patch, {"new_price": "price"}, ["check_first", "when_done"], apus_shadow_get_or_alloc="land_get_or_alloc",
                        apus_state_previous="land_nothing", apus_shadow_free_all="land_nothing")
        equal(out, "pre_patch shop 0\npost_patch 1\n27 3\n26 6\n25 9\n", f"{compiler} {flags}")


CXX = """#include <cstdio>
#include <stdexcept>
#include <string>
namespace shop {
struct Item { virtual ~Item() {} virtual int price(int n) const { return n * 2; } int kept = 1; };
inline int &counter() { static int count; return count; }
static int limit = 5;
__attribute__((noinline)) int price(const Item &item, int n) { counter()++; return item.price(n); }
__attribute__((noinline)) int guarded(const Item &item, int n) {
  try { return price(item, n); }
  catch (const std::invalid_argument &e) { std::printf("caught %s\\n", e.what()); return -limit; }
}
}
struct Other : shop::Item {};
int main() {
  shop::Item item;
  shop::Item *volatile either = &item;
  // (A static program has what it uses only.)
  try { throw std::invalid_argument(std::to_string(dynamic_cast<Other *>(either) ? 1 : 2) + "nd"); } catch (const std::exception &) {}
  for (int n = 4; n < 8; n++) { int got = shop::guarded(item, n); std::printf("%d %d\\n", got, shop::counter()); }
  return 0;
}
"""
CXX_FIX = """#include <stdexcept>
#include <string>
#include "apus_patch.h"
namespace shop {
struct Item { virtual ~Item() {} virtual int price(int n) const { return n * 2; } int kept = 1; };
inline int &counter() { static int count; return count; }
struct Special : Item { int price(int n) const override { return n * 100; } };
struct Closing { int *at; ~Closing() { ++*at; } };
template <class T> T twice(T value) { return value + value; }
static int new_price(const Item &item, int n) {
  Closing closing{&counter()};
  if (n > 5) throw std::invalid_argument("too many: " + std::to_string(n));
  Special other;
  const Item *either = n ? &item : &other;
  return twice(either->price(n)) + other.kept + (dynamic_cast<const Special *>(either) ? 100 : 0);
}
APUS_REPLACES(new_price, "_ZN4shop5priceERKNS_4ItemEi", "", "");
}
"""


def test_an_exception_goes_through_a_packed_function(bench):
    land = bench.file("-land.o")
    subprocess.run(["cc", "-O1", "-D_GNU_SOURCE", "-x", "c", "-c", "-", "-o", land], input=LAND, text=True, check=True)
    shop = Shop(bench, {"shop.cpp": CXX}, flags=["-static", "-no-pie", land], compiler="c++")
    equal(run(shop.path("shop")), "8 1\n10 2\n12 3\n14 4\n", "as it was")
    for compiler, flags in (("g++", ["-O2"]), ("clang++", ["-O2"]), ("g++", ["-O1", "-ffunction-sections"]), ("clang++", ["-O1", "-fPIC"])):
        # A second file with the same inline functions.
        other = shop.compile(CXX_FIX.replace("new_price", "other_price").replace("APUS_REPLACES", "// "), "other.cpp", flags, compiler)
        patch = shop.pack(shop.compile(CXX_FIX, "fix.cpp", flags, compiler, WARNINGS), other, manifest="module shop\n", quiet=False)
        found = shop.inspect(patch)
        names = [name for name in found["data"]]
        check("_ZZN4shop7counterEvE5count" not in names and "_ZTVN4shop4ItemE" not in names and "_ZTVN4shop7SpecialE" in names, compiler, names)
        check("_ZZN4shop7counterEvE5count" in [r["name"] for r in found["references"]], compiler, found["references"])
        equal(len(found["added"]), len(set(found["added"])), f"{compiler}: a function that came twice: {found['added']}")
        equal(bench.run("patch", "check", patch, shop.path("shop"), "--quiet").out, "", f"{compiler} {flags}: check")
        new = [name for _, name, kind, undefined, _ in shop.symbols(patch) if "new_price" in name and kind == "FUNC" and not undefined and "cold" not in name]
        out = shop.land(patch, {new[0]: "_ZN4shop5priceERKNS_4ItemEi"})
        equal(out, "17 1\n21 2\ncaught too many: 6\n-5 3\ncaught too many: 7\n-5 4\n", f"{compiler} {flags}")


def replacing(new="f", old="price", module="", source="", body="int f(int x) { return x + 1; }"):
    """A source that replaces one function."""
    return f'#include "apus_patch.h"\n{body}\nAPUS_REPLACES({new}, "{old}", "{module}", "{source}");\n'


def test_manifests_are_read_with_care(bench):
    shop = Shop(bench)
    plain = shop.compile(replacing())

    def bad(manifest, *err):
        shop.pack(plain, manifest=manifest, status=1, err=err)
    bad("module shop\nmodul shop\n", "fix.manifest:2", "modul is no word")
    bad("\n\nname\n", "fix.manifest:3", "is to be: name TEXT")
    bad("module\n", "fix.manifest:1", "is to be: module PATH")
    bad("replace-all now\n", "is to be: replace-all")
    bad("replace f\n", "is to be: replace NEW OLD [of FILE] [in MODULE] [at ADDRESS]")
    bad("replace f price # why\n", "is to be: replace", "a line of its own")
    bad("replace f price of\n", "is to be: replace")
    bad("symbol\n", "is to be: symbol NAME")
    bad("symbol sold of shop.c of store.c\n", "a second of")
    bad("symbol sold at shop\n", "shop is no address", "0x4011d0")
    bad("name a\nname b\n", "fix.manifest:2", "a second name, after that of line 1")
    bad("module shop\nmodule shop\n", "fix.manifest:2: a second module shop")
    bad("# nothing\n", "no line says which program", "module PATH")
    bad("module nowhere\n", "fix.manifest:1: there is no file", "relative to the manifest")
    bad(f"module {plain}\n", "fix.manifest:1", "no linked program or library")
    bad("module shop.c\n", "fix.manifest:1", "not an ELF file")
    run("strip", "-o", "stripped", "shop", cwd=shop.place)
    bad("module stripped\n", "fix.manifest:1", "has no symbols")
    os.mkdir(shop.path("other"))
    run("cp", "shop", "other/shop", cwd=shop.place)
    bad("module shop\nmodule other/shop\n", "fix.manifest:2", "another module is called shop")
    bad("module shop\nsymbol unheard\n", "fix.manifest:2", "no object refers to a unheard")
    # White space, empty lines and a path of its own are nothing special.
    patch = shop.pack(plain, manifest=f"\r\n  name   two  words \r\n\tmodule\t{shop.path('shop')}\r\nreplace-all\r\n")
    found = shop.inspect(patch)
    equal((found["name"], found["replace"]), ("two  words", True))
    out = bench.file(".apatch")
    bench.run("patch", "pack", "--manifest", shop.write("m", "module shop\n"), plain, "-o", out).expect(0)
    equal(shop.inspect(out)["name"], os.path.basename(out)[:-len(".apatch")], "the name by default")
    for arguments, word in ((["--manifest", "/nowhere", plain, "-o", out], "no such file"), (["--manifest", shop.path("m"), "/nowhere", "-o", out], "no such file"),
                            (["--manifest", shop.path("m"), "-o", out], "object"), (["--manifest", shop.path("m"), plain], "--output"),
                            (["--manifest", shop.path("m"), plain, "-o", "/nowhere/x"], "no directory")):
        bench.run("patch", "pack", *arguments).expect(2, err=word)
    bench.run("patch", "pack", "--manifest", shop.path("m"), shop.path("shop"), "-o", out).expect(1, err="no object file")
    bench.run("patch", "pack", "--manifest", shop.path("m"), shop.path("shop.c"), "-o", out).expect(1, err="not an ELF file")


def test_functions_that_cannot_be_replaced(bench):
    shop = Shop(bench, {"shop.c": SHOP, "store.c": STORE, "more.c": """
static void (*choose(void))(void) { return 0; }
void chosen(void) __attribute__((ifunc("choose")));
extern int frame(int) __asm__("task.resume");
int frame(int n) { return n; }
"""})

    def bad(text, *err, manifest="module shop\n", **more):
        shop.pack(shop.compile(text, **more), manifest=manifest, status=1, err=err)
    bad(replacing(old="unheard"), "fix.c:3: shop has no unheard", "as nm prints it")
    bad(replacing(old="twin", source="shop.c"), "fix.c:3: shop has no twin of shop.c", "twin of store.c at 0x", "a function")
    bad(replacing(old="sold", source="shop.c"), "sold of shop is a variable")
    bad(replacing(module="other"), "fix.c:3: the manifest has no module other, it has shop")
    bad(replacing(old="tiny"), "fix.c:3: tiny of shop cannot be replaced", "too few for a jump")
    bad(replacing(old="chosen"), "fix.c:3: chosen chooses a function")
    bad(replacing(old="task.resume"), "fix.c:3: task.resume is a coroutine's body")
    bad(replacing() + 'APUS_REPLACES(f, "price", "shop", "");\n', "fix.c:4: price is replaced at fix.c:3 already")
    bad(replacing(), "fix.manifest:2: price is replaced at fix.c:3 already", manifest="module shop\nreplace f price\n")
    bad(replacing(body="int f(int);"), "fix.c:3: no object defines a function f")
    bad(replacing(body="extern int f;").replace("(f,", "((void (*)(void))&f,"), "fix.c:3: no object defines a function f")
    bad("int f(void) { return 1; }\n", "replaces no function", "APUS_REPLACES", "replace in the manifest")
    bad("int f(void) { return 1; }\n", "fix.manifest:2: no object defines a function g", manifest="module shop\nreplace g price\n")
    bad("int f(void) { return 1; }\n", "fix.manifest:2: shop has no unheard at 0x10", manifest="module shop\nreplace f unheard at 0x10\n")


def test_objects_that_no_process_can_take_in(bench):
    shop = Shop(bench)

    def bad(body, *err, **more):
        shop.pack(shop.compile(replacing(body="int f(int x) { return x + 1; }\n" + body), **more), manifest="module shop\n", status=1, err=err)
    bad("__thread int mine = 4;", "fix.c.o: mine", "tls-new", "shadow variable")
    bad("__attribute__((constructor)) static void start(void) { f(1); __asm__ volatile (\"\"); }", ".init_array", "(constructor)", "callback")
    bad("__attribute__((destructor)) static void stop(void) { __asm__ volatile (\"\"); }", ".fini_array", "(constructor)")
    bad("static int g(int x) { return x; }\nstatic int (*choose(void))(int) { return g; }\nint h(int) __attribute__((ifunc(\"choose\")));", "h: ", "(ifunc)")
    bad("int common;", "common is a common variable", "-fno-common", flags=["-fcommon"])
    bad("", "(lto)", "-fno-lto", flags=["-O2", "-flto"])
    shop.compile(replacing())
    run("aarch64-linux-gnu-gcc", "-I", HEADERS, "-c", "fix.c", "-o", "arm.o", cwd=shop.place)
    shop.pack(shop.path("arm.o"), manifest="module shop\n", status=1, err=["arm.o is for arm64", "for x86_64: compile for x86_64"])
    # What is declared twice, or not as the header has it.
    more = {
        'APUS_STATE(a, 1, 1);\nAPUS_STATE(b, 1, 2);': "fix.c:6: state 0x1 is declared at fix.c:5 already",
        'APUS_SHADOW(9, 1, 0, 0);\nAPUS_SHADOW(9, 2, 0, 0);': "fix.c:6: shadow variable 0x9 is declared at fix.c:5 already",
        'static void c(const struct apus_module *m) { (void)m; }\nAPUS_POST_PATCH(c, "");APUS_PRE_UNPATCH(c, "");\nAPUS_POST_PATCH(c, "shop");':
            "fix.c:7: a post_patch callback of shop is declared at fix.c:6 already",
        'void c(const struct apus_module *);\nAPUS_POST_PATCH(c, "");': "fix.c:6: no object defines a function c",
        'int c(const struct apus_module *m) { (void)m; return 0; }\nAPUS_PRE_PATCH(c, "shap");': "fix.c:6: the manifest has no module shap",
        'APUS_QUIESCENT("nobody", "", "");': "fix.c:5: shop has no nobody",
        'APUS_QUIESCENT("sold", "", "shop.c");': "fix.c:5: sold of shop is a variable",
    }
    for text, err in more.items():
        shop.pack(shop.compile(replacing() + "\n" + text + "\n"), manifest="module shop\n", status=1, err=err)
    shop.write("fix.c", '#include "apus_patch.h"\nstatic int wrong(void) { return 0; }\nAPUS_PRE_PATCH(wrong, "");\n')
    made = run("sh", "-c", "gcc -Werror -I \"$1\" -c fix.c -o x.o 2>&1 || true", "sh", HEADERS, cwd=shop.place)
    check("incompatible" in made, "a callback of another type is the compiler's to refuse:", made)
    for section, words in (("replacements", "no whole number of records"), ("unheard", "it is not known")):
        text = replacing() + f'__attribute__((section(".apus.declare.{section}"), used)) static char odd = 1;\n'
        shop.pack(shop.compile(text), manifest="module shop\n", status=1, err=[section, words, "apus_patch.h"])


def test_names_that_may_mean_several(bench):
    shop = Shop(bench)
    known = {(name, value) for _, name, _, undefined, value in shop.symbols(shop.path("shop")) if not undefined}
    sold = sorted(value for name, value in known if name == "sold")
    equal(len(sold), 2)
    body = "extern int sold, log_count, counts[2]; int unheard(void); int f(int x) { sold += x; counts[0] = log_count; return unheard(); }"
    object_file = shop.compile(replacing(body=body))
    shop.pack(object_file, manifest="module shop\n", status=1, err=[
        "fix.c.o: shop has 2 of the name sold", "symbol sold of FILE", "sold of shop.c at 0x", "sold of store.c at 0x", "a variable"])
    for line, wanted in (("symbol sold of store.c", "store.c"), ("symbol sold of shop.c in shop", "shop.c")):
        out = shop.pack(object_file, manifest=f"module shop\n{line}\n", quiet=False)
        equal([(r["file"]) for r in shop.inspect(out)["references"] if r["name"] == "sold"], [wanted])
    for address in sold:
        out = shop.pack(object_file, manifest=f"module shop\nsymbol sold at {address:#x}\n", quiet=False)
        equal([r["address"] for r in shop.inspect(out)["references"] if r["name"] == "sold"], [address])
    shop.pack(object_file, manifest="module shop\nsymbol sold of nowhere.c\n", status=1, err=["fix.manifest:2: shop has no sold of nowhere.c", "of store.c at"])
    shop.pack(object_file, manifest="module shop\nsymbol sold\n", status=1, err=["fix.manifest:2: shop has 2 of the name sold"])
    # A name that nobody has is another module's, perhaps.
    out = bench.file(".apatch")
    made = bench.run("patch", "pack", "--manifest", shop.write("m", "module shop\nsymbol sold of shop.c\n"), object_file, "-o", out).expect(0)
    check("unheard is not in shop, and no library that it needs exports it" in made.err and "log_count" not in made.err, made.err)
    bench.run("patch", "check", out, shop.path("shop")).expect(1)
    # A variable of the patch's own, where the program has one.
    object_file = shop.compile(replacing(body="int counts[2] = {1}; int f(int x) { return counts[x]; }"))
    made = bench.run("patch", "pack", "--manifest", shop.write("m", "module shop\n"), object_file, "-o", out).expect(0)
    check("a counts of its own beside that of shop: declare it extern" in made.err, made.err)
    equal(shop.inspect(out)["data"], ["counts"])
    # Of a name, the old function and the new one.
    shop.pack(shop.compile(replacing(old="rate")), manifest="module shop\n")
    shop.pack(shop.compile(replacing(old="twin", source="store.c")), manifest="module shop\n")
    static = shop.compile("static int f(int x) { return x + 1; } int (*keep)(int) = f;\n", "a.c"), shop.compile("static int f(int x) { return x + 2; } int (*also)(int) = f;\n", "b.c")
    shop.pack(*static, manifest="module shop\nreplace f price\n", status=1, err=["fix.manifest:2", "a.c.o", "b.c.o", "each have a f", "APUS_REPLACES"])


def test_objects_that_refer_to_each_other(bench):
    shop = Shop(bench)
    a = shop.compile(replacing(body="static int helper(int x) { return x * 3; }\nint shared(int); int total = 4;\n"
                                    "int f(int x) { return shared(helper(x)) + total; }"), "a.c", ["-O0"])
    b = shop.compile("static int helper(int x) { return x * 5; }\nextern int total;\n__attribute__((weak)) int spare(void) { return 1; }\n"
                     "int shared(int x) { return helper(x) + ++total + spare(); }", "b.c", ["-O0"])
    c = shop.compile("int spare(void) { return 2; }\n", "c.c")
    patch = shop.pack(a, b, c, manifest="module shop\n")
    found = shop.inspect(patch)
    equal(sorted(found["added"]), ["helper", "helper", "shared", "spare"])
    equal(found["references"], [])
    shop.link(patch, 0x10000000, lambda name: 0)
    shop.pack(a, b, c, b, manifest="module shop\n", status=1, err=["shared is defined in", "b.c.o, ", "make it static"])
    shop.pack(a, a, manifest="module shop\n", status=1, err=["price is replaced at a.c:5 already"])
    # Its own name: calls are of the new code, the address is the old function's.
    text = ("int price(void *b); int (*kept)(void *) = price; int again(void *b) { return price(b) + 1; }\n"
            "int price(void *b) { kept = price; return b ? again(0) : 7; }\n")
    patch = shop.pack(shop.compile(text, flags=["-O1", "-fno-inline", "-fPIE"]), manifest="module shop\nreplace price price\n", quiet=False)
    equal([r["name"] for r in shop.inspect(patch)["references"]], ["price"])
    symbols = {number: undefined for number, name, _, undefined, _ in shop.symbols(patch) if name == "price"}
    equal(sorted(symbols.values()), [False, True])
    calls = re.findall(r"^\S+ +([0-9a-f]{8})[0-9a-f]{8} (\S+) .* price", run("readelf", "-rW", patch), re.M)
    for number, kind in calls:
        equal(symbols[int(number, 16)], kind != "R_X86_64_PLT32", f"{kind}: the old function")
    check(len(calls) >= 3, calls)


def test_patches_of_several_modules(bench):
    place = bench.file("-lib")
    os.mkdir(place)
    library = os.path.join(place, "libstore.so")
    subprocess.run(["cc", "-O2", "-shared", "-fPIC", "-x", "c", "-", "-o", library], input=STORE, text=True, check=True)
    shop = Shop(bench, {"shop.c": SHOP}, flags=[library, f"-Wl,-rpath,{place}"])
    manifest = f"module shop\nmodule {library}\n"
    shop.pack(shop.compile(replacing()), manifest=manifest, status=1, err=["fix.c:3: say of which module, of shop, libstore.so"])
    price = shop.compile(replacing(module="shop", body="extern int rate(int); int common(int); int f(int x) { return rate(x) + common(x); }"), "price.c")
    hand = shop.compile(replacing("g", "on_hand", "libstore.so", body="extern int log_count; int helper(int); int common(int);\n"
                                  "int g(int x) { log_count += x; return helper(x) + common(x); }"), "hand.c", ["-O2", "-fPIC"])
    helper = shop.compile("extern int twin(int); int helper(int x) { return twin(x); }", "helper.c", ["-O2", "-fPIC"])
    common = shop.compile("int common(int x) { return x; }", "common.c")
    watch = shop.compile('#include "apus_patch.h"\nstatic void c(const struct apus_module *m) { (void)m; }\nAPUS_POST_PATCH(c, "libstore.so");\n'
                         'APUS_QUIESCENT("on_hand", "libstore.so", "");\n', "watch.c")
    patch = shop.pack(hand, helper, price, common, watch, manifest=manifest)
    found = shop.inspect(patch)
    equal({f["name"]: f["object"] for f in found["functions"]}, {"on_hand": "libstore.so", "price": "shop"})
    equal({r["name"]: r["object"] for r in found["references"]}, {"log_count": "libstore.so", "twin": "libstore.so", "rate": "shop"})
    equal([(c["function"], c["object"]) for c in found["callbacks"]], [("c", "libstore.so")])
    equal([(q["name"], q["object"]) for q in found["quiescent"]], [("on_hand", "libstore.so")])
    bench.run("patch", "check", patch, shop.path("shop"), library).expect(0)
    # Whose part each function is in.
    homes = {}
    for module in (0, 1):
        text = f"base 0x{module + 1}0000000\n"
        bound = [number for number, name, kind, undefined, _ in shop.symbols(patch) if name and (undefined or kind == "FUNC")]
        text += "".join(f"address {number} 0x20001000\n" for number in bound)
        made = bench.run("patch", "link", patch, "--module", str(module), "--bindings", shop.write("bindings", text), "-o", bench.file(".bin")).expect(0)
        numbers = {entry["number"] for entry in json.loads(made.out)["symbols"]}
        for number, name, kind, undefined, _ in shop.symbols(patch):
            if number in numbers and kind == "FUNC":
                homes[name] = module
    equal(homes, {"f": 0, "common": 0, "g": 1, "helper": 1, "c": 1})
    both = shop.compile(replacing(module="shop") + 'int g(int x) { return x; }\nAPUS_REPLACES(g, "on_hand", "libstore.so", "");\n')
    shop.pack(both, manifest=manifest, status=1, err=["fix.c.o: it has functions for shop, libstore.so", "a source file each"])
    # What another module has, if the manifest says so.
    far = shop.compile(replacing(module="shop", body="extern int log_count; int f(int x) { return x + log_count; }"))
    shop.pack(far, manifest=manifest, quiet=False)
    patch = shop.pack(far, manifest=manifest + "symbol log_count in libstore.so\n")
    equal([(r["object"], r["imported"]) for r in shop.inspect(patch)["references"]], [("libstore.so", False)])


def test_inline_data_of_another_size_is_refused(bench):
    shop = Shop(bench, {"shop.cpp": "struct T { static inline int kept[2]; };\n__attribute__((noinline)) int work(int x) { return T::kept[x] += x; }\n"
                                    "int main(int c, char **) { return work(c); }\n"}, compiler="c++", flags=["-std=c++17"])
    body = "struct T { static inline int kept[3]; };\nstatic int fixed(int x) { return T::kept[x] += x + 1; }"
    text = replacing("fixed", "_Z4worki", body=body)
    shop.pack(shop.compile(text, "fix.cpp", ["-std=c++17"], "c++"), manifest="module shop\n", status=1, err=["_ZN1T4keptE", "12 bytes instead of 8", "data-size"])
    patch = shop.pack(shop.compile(text.replace("[3]", "[2]"), "fix.cpp", ["-std=c++17"], "c++"), manifest="module shop\n")
    equal([r["name"] for r in shop.inspect(patch)["references"]], ["_ZN1T4keptE"])


def test_packing_for_other_architectures(bench):
    """Compiled, packed and linked; what runs them is elsewhere."""
    for prefix in ("aarch64-linux-gnu-", "powerpc64le-linux-gnu-"):
        shop = Shop(bench, compiler=prefix + "gcc")
        for compiler, flags in ((prefix + "gcc", ["-O2"]), ("clang", ["--target=" + prefix.rstrip("-"), "-O1", "-ffreestanding"])):
            text = FIX.replace("#include <stdio.h>\n", "int puts(const char *); int printf(const char *, ...);\n")
            patch = shop.pack(shop.compile(text, compiler=compiler, flags=flags), quiet=False)
            found = shop.inspect(patch)
            equal((declared(found), [f["name"] for f in found["functions"]]), (DECLARED, ["price"]), compiler)
            equal(bench.run("patch", "check", patch, shop.path("shop"), "--quiet").out, "", f"{compiler}: check")
            shop.link(patch, 0x10000000, lambda name: 0x10200000 if name != "puts" else 0x7f0000000000)


def test_the_example_of_the_documentation(bench):
    """What Documentation/PatchObject.md has under "Writing a patch by hand", as it stands there."""
    with open(os.path.join(HEADERS, "..", "Documentation", "PatchObject.md"), encoding="utf-8") as file:
        text = file.read().split("## Writing a patch by hand")[1].split("\n## ")[0]
    place = bench.file("-example")
    os.mkdir(place)
    blocks = re.findall(r"^```(\w*)\n(.*?)^```$", text, re.M | re.S)
    for language, block in blocks:
        name = re.match(r"(?:/\*|#) (\S+)", block)
        if language != "console":
            with open(os.path.join(place, name[1]), "w", encoding="utf-8") as out:
                out.write(block)
    commands = [line[2:] for language, block in blocks if language == "console" for line in block.splitlines()]
    equal((sorted(os.listdir(place)), len(commands)), (["fix.c", "fix.manifest", "service.c"], 4))
    script = "set -e\napus() { \"$APUS\" \"$@\"; }\n" + "\n".join(commands)
    out = run("sh", "-c", script, cwd=place, env={**os.environ, "APUS": bench.apus, "CPATH": HEADERS})
    check("FAIL" not in out and "greet: replaced at its call site" in out and "apus_shadow_free_all: provided by apus" in out, out)
    found = json.loads(bench.run("patch", "inspect", os.path.join(place, "fix.apatch"), "--format", "json").out)
    equal((found["name"], [f["name"] for f in found["functions"]], len(found["callbacks"]), len(found["states"])), ("count the greetings", ["greet"], 2, 1))
