#!/bin/sh
# Fuzzes the readers of bytes from outside: ELF files, trace files, object files and patch objects, and what servers of GDB's
# remote protocol send.
#
#   run.sh [--seconds N] [--fresh]      N seconds in all (60)
#
# --fresh starts from the seeds alone, as every first run does: what a kept corpus has long passed by is found again.
# Fails on a crash, a trap, a leak, an input that takes over 10 seconds, or more than 1 GiB of memory. Findings stand in
# .build/findings; what is learned is kept in .build/corpus.
set -eu
cd "$(dirname "$0")"
seconds=60
while [ $# -gt 0 ]; do
  case $1 in
    --seconds) seconds=$2; shift 2 ;;
    --fresh) rm -rf .build/corpus; shift ;;
    *) echo "usage: run.sh [--seconds N] [--fresh]" >&2; exit 2 ;;
  esac
done
export SWIFT_BACKTRACE=enable=no
swift build -c release 2>&1 | tail -n 1
bin=$(swift build -c release --show-bin-path)
mkdir -p .build/corpus/FuzzELF .build/corpus/FuzzTrace .build/corpus/FuzzRemote .build/corpus/FuzzPatch .build/findings

# Seeds: small programs of several shapes, and the golden trace for each report.
if [ ! -e .build/corpus/FuzzELF/plain ]; then
  printf 'int f(int x){return x+1;} int main(void){return f(2);}' > .build/seed.c
  cc -O1 -fpatchable-function-entry=5 -o .build/corpus/FuzzELF/plain .build/seed.c
  cc -O1 -fpatchable-function-entry=8,3 -no-pie -o .build/corpus/FuzzELF/fixed .build/seed.c
  cc -O1 -fpatchable-function-entry=5 -fcf-protection -shared -fPIC -o .build/corpus/FuzzELF/shared .build/seed.c
  cc -O1 -fpatchable-function-entry=5 -c -o .build/corpus/FuzzELF/object .build/seed.c
  strip -o .build/corpus/FuzzELF/stripped .build/corpus/FuzzELF/plain
  clang -O1 -fpatchable-function-entry=5 --target=aarch64-linux-gnu -c -o .build/corpus/FuzzELF/arm64 .build/seed.c
fi
if [ ! -e .build/corpus/FuzzPatch/c ]; then
  cat > .build/seed.cpp <<'END'
#include <stdexcept>
static int n; thread_local int t; static const char *names[] = {"a", "b"};
struct S { virtual int f(int x) { return x + n; } };
int g(int x) { static int k; switch (x) { case 0: return 3; case 1: return k++; case 2: return t; case 3: return 9; case 4: return n; } return *names[x & 1]; }
int h(int x) { try { if (x > 3) throw std::runtime_error("no"); return S().f(x) + g(x); } catch (const std::exception &) { return 1; } }
END
  for flags in "-O0" "-O2 -fPIC"; do
    c++ $flags -ffunction-sections -fdata-sections -c -o .build/seed.o .build/seed.cpp
    { printf '\000'; cat .build/seed.o; } > ".build/corpus/FuzzPatch/c$(echo "$flags" | tr -d ' ')"
  done
  clang++ -O1 --target=aarch64-linux-gnu -x c -ffunction-sections -c -o .build/seed.o .build/seed.c
  { printf '\000'; cat .build/seed.o; } > .build/corpus/FuzzPatch/arm64
  { printf '\001'; cat ../Tests/Fixtures/patch1.apatch; } > .build/corpus/FuzzPatch/patch
  touch .build/corpus/FuzzPatch/c
fi
# Patches that are written by hand: an object file with all that can be declared, and a packed one.
if [ ! -e .build/corpus/FuzzPatch/packed ]; then
  cat > .build/declared.c <<'END'
#include "apus_patch.h"
static int n; int h(int x) { return x * n + 3; }
static int f(void *p) { return *(int *)apus_shadow_get(p, 7) + n++; }
APUS_REPLACES(f, "h", "", "");
static int before(const struct apus_module *m) { return m->state != 0; }
static void after(const struct apus_module *m) { n = m->state; }
APUS_PRE_PATCH(before, ""); APUS_POST_PATCH(after, "x"); APUS_PRE_UNPATCH(after, ""); APUS_POST_UNPATCH(after, "");
static int make(void *o, void *d, void *c) { return o == d || c; }
APUS_SHADOW(7, 4, make, 0); APUS_STATE(s, 1, 2); APUS_QUIESCENT("h", "", "");
END
  for flags in "-O0" "-O2 -fPIC"; do
    cc $flags -I ../Headers -c -o .build/seed.o .build/declared.c
    { printf '\000'; cat .build/seed.o; } > ".build/corpus/FuzzPatch/declared$(echo "$flags" | tr -d ' ')"
  done
  { printf '\001'; cat ../Tests/Fixtures/packed1.apatch; } > .build/corpus/FuzzPatch/packed
  printf '\001name a\nmodule b\nreplace a b of c in d at 0x10\nsymbol e\n# f\nreplace-all\n' > .build/corpus/FuzzPatch/manifest
fi
for choice in 1 5 9 13 17 21 25 29 7 0; do
  { printf "\\$(printf %03o $choice)"; cat ../Tests/Fixtures/version1.trace; } > ".build/corpus/FuzzTrace/golden-$choice"
done
printf '\007+$OK#9a%%Stop:T0506:00xx;thread:p5b.5c;fork:p5d.5e;#e0$0* #7a' > .build/corpus/FuzzRemote/stream
printf '\001T05thread:p1.2;swbreak:;watch:7ffe10;exec:2f62;syscall_entry:3f;create:;' > .build/corpus/FuzzRemote/stop
printf '\001PacketSize=1000;qXfer:features:read+;QNonStop+' > .build/corpus/FuzzRemote/features
printf '\001<?xml version="1.0"?><!DOCTYPE t [ <!ENTITY a "b"> ]><target><architecture>aarch64</architecture><reg name="x0" bitsize="64" regnum="7"/><!-- c --><xi:include href="core.xml"/></target>\000<feature name="f"><reg name="&lt;" bitsize="32"></reg></feature>' \
  > .build/corpus/FuzzRemote/description

each=$((seconds / 4))
[ "$each" -ge 1 ] || each=1
failed=0
for target in FuzzELF FuzzTrace FuzzRemote FuzzPatch; do
  if "$bin/$target" -max_total_time=$each -timeout=10 -rss_limit_mb=1024 -malloc_limit_mb=512 -max_len=65536 \
    -print_final_stats=1 -verbosity=0 -artifact_prefix=".build/findings/$target-" ".build/corpus/$target" \
    > ".build/$target.log" 2>&1; then
    echo "ok   $target: $(sed -n 's/^stat::number_of_executed_units: *//p' ".build/$target.log") inputs in $each s"
  else
    # The input, if it is small enough to be printed whole, then the error itself and the frames of ours: what is last is kept.
    finding=$(sed -n 's/.*Test unit written to //p' ".build/$target.log" | tail -n 1)
    if [ -n "$finding" ]; then
      echo "$finding, by xz and base64:"
      xz -9 -c "$finding" | base64 -w 160 | head -n 60
    fi
    grep -E '^(Fatal|Swift|.*: Fatal error|==[0-9]+==|SUMMARY|ALARM)|^ *#[0-9]+ .*/Sources/' ".build/$target.log" | grep -v /Fuzz/Sources/Fuzz | head -n 20 || true
    echo "FAIL $target"
    failed=$((failed + 1))
  fi
done
echo "$((4 - failed)) passed, $failed failed"
[ "$failed" = 0 ]
