# Apus: what can be done in this directory.
#
#   make setup          install the Debian packages that are missing
#   make build          build .build/release/apus
#   make test           all tests (what .ci/run calls)
#   make models         the model of the append protocol, with spin
#   make machines       what runs in machines of arm64 and ppc64le, and the unit tests there (packages are kept in ~/.cache/apus)
#   make patch-relocations   what patches' linker writes, against GNU ld and lld at the same addresses
#   make patch-images   patches linked into small programs' files, for three architectures, and run
#   make cve            Debian's security fixes of redis, nginx, tiff and lua5.4 as patch objects: which are built, what they replace;
#                       then each linked into the unpatched program, which runs its tests (make cve-arm64: tiff and lua5.4 in qemu-user)
#   make demo           record Lua sorting strings; report, flame graph and Perfetto trace in demo-out/
#   make bench          ns a call, file size, reading speed, memory; against uftrace
#   make fuzz           fuzz the ELF and trace readers (FUZZ_SECONDS=600)
#   make check-format   swift-format, without changing anything
#   make man            the manual pages in .build/man
#   make install        under PREFIX (/usr/local), DESTDIR in front
#   make clean          remove what was built
#
# Everything is built in one configuration, release.

SWIFT ?= swift
APUS := .build/release/apus
APUS_ARM64 := .build-arm64/apus
PREFIX ?= /usr/local
DESTDIR ?=
FUZZ_SECONDS ?= 600
KILLS ?= 200
STEP := Tools/step.sh
HARD := Tests/HardPrograms
PATCHES := Tests/Patches
# Where the patch objects of `make cve` stay.
CVE ?= .build/cve
SWIFT_FILES = find Package.swift Sources Tests $(wildcard Fuzz Benchmarks) -name '*.swift' -not -path '*/.build/*' -print0

# The Swift runtime would print a backtrace of each process that a test kills.
export SWIFT_BACKTRACE := enable=no
export PYTHONDONTWRITEBYTECODE := 1

.NOTPARALLEL:
.PHONY: all setup build test demo bench fuzz fuzz-smoke check-format build-tests unit-tests command-tests hard-programs \
  patch-pairs patch-relocations patch-images exact-counts exports-check kills losses borders models cve cve-arm64 cve-oracle cve-expected cve-effects machines machine-images cross-compiler arm64 arm64-tests machine-tests machine-tests-short man install uninstall clean

all: build

setup:
	@$(STEP) "Debian packages" Tools/setup.sh

build:
	@$(STEP) "apus" $(SWIFT) build -c release --product apus

check-format:
	@$(STEP) "Format" sh -c "$(SWIFT_FILES) | xargs -0 $(SWIFT) format lint -s -p"

build-tests:
	@$(STEP) "Build, tests included" $(SWIFT) build -c release --build-tests -Xswiftc -enable-testing

unit-tests:
	@$(STEP) "Unit tests" env SWIFT="$(SWIFT)" Tools/unit-tests.sh

hard-programs:
	@$(STEP) "What the hard programs say of their calls, against callgrind and gcov" python3 $(HARD)/run.py --untraced --listed --jobs 2
	@$(STEP) "Hard programs, untraced and at every level" python3 $(HARD)/run.py --jobs 2 $(APUS)

command-tests:
	@$(STEP) "The command's behaviour" python3 Tests/Command/run.py $(APUS)

patch-pairs:
	@$(STEP) "Changes that patches are made of" python3 Tests/Patches/pairs.py $(APUS) --quick

patch-relocations:
	@$(STEP) "Patches' linker against GNU ld and lld" python3 Tests/Patches/relocations.py $(APUS) --quick --self-check

patch-images:
	@$(STEP) "Patches linked into programs" python3 $(PATCHES)/image_test.py $(APUS)

exact-counts:
	@$(STEP) "Exact counts against callgrind" Tools/exact-counts.sh $(APUS)

exports-check:
	@$(STEP) "Exports against the report" Tools/test-exports.sh $(APUS)

kills:
	@$(STEP) "SIGKILL to apus record, $(KILLS) times" python3 $(HARD)/kill.py $(APUS) --times $(KILLS)

losses:
	@$(STEP) "Losses under overload" python3 $(HARD)/drop.py $(APUS)

borders:
	@$(STEP) "Stacks across the border of two chunks" python3 $(HARD)/borders.py $(APUS)

models:
	@$(STEP) "The append protocol's model, and mistakes in it" Tools/models.sh

# What apus must find is in cve-expected.txt; cve-expected writes it anew, from builds of its own and their disassembly.
cve: build cve-oracle
	@$(STEP) "Debian's security fixes as patches" python3 $(PATCHES)/cve.py $(APUS) --keep $(CVE)
	@$(STEP) "Those patches linked into programs, which run their tests" python3 $(PATCHES)/images.py $(APUS) --keep $(CVE)

cve-arm64: build
	@$(STEP) "The same fixes for arm64" python3 $(PATCHES)/cve.py $(APUS) --machine arm64 --keep $(CVE)
	@$(STEP) "Those patches linked in, in the emulator" \
	    python3 $(PATCHES)/images.py $(APUS) --machine arm64 --keep $(CVE)

cve-oracle:
	@$(STEP) "The oracle of what a fix changes" python3 $(PATCHES)/oracle_test.py

cve-expected:
	@$(STEP) "What each security fix changes" python3 $(PATCHES)/expect.py

cve-effects:
	@$(STEP) "Redis' fixes against the tests that came with them" python3 $(PATCHES)/effects.py

fuzz-smoke:
	@$(STEP) "Fuzzing: the ELF and trace readers a minute, packets and patches another" Fuzz/run.sh --seconds 120 --fresh

fuzz:
	@$(STEP) "Fuzzing" Fuzz/run.sh --seconds $(FUZZ_SECONDS)

# What runs under other architectures; packages come from Debian, are checked by hash, and are kept outside the repository.
machine-images:
	@$(STEP) "Kernels and roots of the machines" Tools/machines/image.py arm64 ppc64le

arm64:
	@$(STEP) "apus for arm64" env SWIFT="$(SWIFT)" Tools/machines/build-arm64.sh apus

arm64-tests:
	@$(STEP) "Unit tests for arm64" env SWIFT="$(SWIFT)" Tools/machines/build-arm64.sh tests

machine-tests:
	@$(STEP) "In machines of arm64 and ppc64le" python3 Tests/Machines/run.py $(APUS) $(APUS_ARM64)

# Without the unit tests, for which all but the command is compiled once more.
machine-tests-short:
	@$(STEP) "In machines of arm64 and ppc64le" python3 Tests/Machines/run.py $(APUS) $(APUS_ARM64) --without '*unit_tests'

cross-compiler:
	@$(STEP) "gcc 14 for ppc64le" Tools/machines/ppc64le-gcc --version

machines: setup build machine-images cross-compiler arm64 arm64-tests machine-tests

test: setup check-format build-tests models unit-tests command-tests patch-pairs patch-relocations patch-images hard-programs exact-counts exports-check kills losses borders fuzz-smoke \
  machine-images cross-compiler arm64 machine-tests-short
	@printf '\n==> All tests passed\n'

demo: setup build
	@Tools/demo.sh $(APUS)

bench: setup build
	@$(STEP) "Benchmarks" Benchmarks/run.sh $(APUS)

man:
	@$(STEP) "Manual pages" Tools/manual.sh .build/man

install: build man
	install -D -m 755 $(APUS) $(DESTDIR)$(PREFIX)/bin/apus
	install -D -m 644 Headers/apus_patch.h $(DESTDIR)$(PREFIX)/include/apus_patch.h
	install -d $(DESTDIR)$(PREFIX)/share/man/man1
	install -m 644 .build/man/*.1 $(DESTDIR)$(PREFIX)/share/man/man1/
	install -d $(DESTDIR)$(PREFIX)/share/bash-completion/completions $(DESTDIR)$(PREFIX)/share/zsh/site-functions \
	  $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d
	$(APUS) --generate-completion-script bash > $(DESTDIR)$(PREFIX)/share/bash-completion/completions/apus
	$(APUS) --generate-completion-script zsh > $(DESTDIR)$(PREFIX)/share/zsh/site-functions/_apus
	$(APUS) --generate-completion-script fish > $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/apus.fish

uninstall:
	rm -f $(DESTDIR)$(PREFIX)/bin/apus $(DESTDIR)$(PREFIX)/include/apus_patch.h $(DESTDIR)$(PREFIX)/share/man/man1/apus.1 \
	  $(DESTDIR)$(PREFIX)/share/man/man1/apus.*.1 \
	  $(DESTDIR)$(PREFIX)/share/bash-completion/completions/apus $(DESTDIR)$(PREFIX)/share/zsh/site-functions/_apus \
	  $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/apus.fish

clean:
	rm -rf .build .build-arm64 demo-out
	if [ -d Fuzz ]; then rm -rf Fuzz/.build; fi
	if [ -d Benchmarks ]; then rm -rf Benchmarks/.build; fi
