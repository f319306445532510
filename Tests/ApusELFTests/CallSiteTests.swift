import ApusCore
import ApusELF
import Testing

/// One way to build a program.
struct Build: Sendable, CustomTestStringConvertible {
  var compiler: String
  var flags: String
  /// N and M of the flag.
  var n: Int
  var m: Int = 0
  var linkage: ELFLinkage
  var testDescription: String { "\(compiler) \(flags)" }

  var command: String { "-fpatchable-function-entry=\(n)\(m > 0 ? ",\(m)" : "") \(flags)" }
  var hasLandingPads: Bool { flags.contains("-fcf-protection") }
}

@Suite struct CallSiteTests {
  static let builds: [Build] = [
    Build(compiler: "gcc", flags: "-O2 -pie -fPIE", n: 5, linkage: .pie),
    Build(compiler: "gcc", flags: "-O0 -no-pie -fno-pie", n: 5, linkage: .executable),
    Build(compiler: "gcc", flags: "-Os -static", n: 5, linkage: .staticExecutable),
    Build(compiler: "gcc", flags: "-O2 -static-pie -fPIE", n: 5, linkage: .staticPIE),
    Build(compiler: "gcc", flags: "-O2 -shared -fPIC", n: 5, linkage: .sharedLibrary),
    Build(compiler: "gcc", flags: "-O2 -pie -fPIE -fcf-protection", n: 5, linkage: .pie),
    Build(compiler: "gcc", flags: "-O3 -no-pie -fno-pie -fcf-protection", n: 9, linkage: .executable),
    Build(compiler: "gcc", flags: "-O2 -pie -fPIE", n: 8, m: 3, linkage: .pie),
    Build(compiler: "gcc", flags: "-O2 -pie -fPIE -fcf-protection", n: 8, m: 3, linkage: .pie),
    Build(compiler: "gcc", flags: "-O2 -pie -fPIE", n: 2, linkage: .pie),
    Build(compiler: "gcc", flags: "-O2 -pie -fPIE -Wl,-z,pack-relative-relocs", n: 5, linkage: .pie),
    Build(
      compiler: "gcc", flags: "-O2 -pie -fPIE -ffunction-sections -Wl,--gc-sections", n: 5, linkage: .pie),
    Build(compiler: "clang", flags: "-O2 -pie -fPIE", n: 5, linkage: .pie),
    Build(compiler: "clang", flags: "-O0 -no-pie -fno-pie", n: 5, linkage: .executable),
    Build(compiler: "clang", flags: "-Os -static", n: 8, linkage: .staticExecutable),
    Build(compiler: "clang", flags: "-O2 -static-pie -fPIE -fuse-ld=lld", n: 5, linkage: .staticPIE),
    Build(compiler: "clang", flags: "-O2 -shared -fPIC", n: 5, linkage: .sharedLibrary),
    Build(compiler: "clang", flags: "-O2 -pie -fPIE -fcf-protection", n: 5, linkage: .pie),
    Build(compiler: "clang", flags: "-O2 -pie -fPIE -fcf-protection", n: 8, m: 3, linkage: .pie),
    Build(compiler: "clang", flags: "-O2 -pie -fPIE", n: 40, m: 20, linkage: .pie),
    Build(compiler: "clang", flags: "-O2 -pie -fPIE", n: 2, linkage: .pie),
    Build(
      compiler: "clang", flags: "-O2 -pie -fPIE -fuse-ld=lld -Wl,--pack-dyn-relocs=relr", n: 5,
      linkage: .pie),
  ]

  @Test(arguments: builds) func sitesAreWhereNmPutsTheFunctions(_ build: Build) throws {
    let scratch = try Scratch()
    let path = try scratch.build(Programs.plain, build.compiler, build.command)
    let image = try image(path)
    #expect(image.linkage == build.linkage)
    #expect(image.architecture == .x86_64)
    let found = try CallSites(image)
    let sites = sitesByName(found)
    // The alias is the better name, without an underscore.
    var expected = Programs.functions
    expected.remove("_exported")
    expected.insert("alias")
    #expect(Set(sites.keys) == expected)
    #expect(sites.count == found.sites.count)
    #expect(found.ignored == IgnoredEntries())
    #expect(found.unlistedCount == 0)
    #expect(sites["alias"].map { found.functions[$0.function].aliases } == ["_exported"])
    let addresses = try nmFunctions(path)
    for (name, site) in sites {
      let address = try #require(addresses[name])
      // main has no landing pad where clang sees that no pointer to it is taken.
      let code = try image.bytes(at: address, count: 4)
      let hasPad = code == [0xf3, 0x0f, 0x1e, 0xfa]
      if build.compiler == "gcc" { #expect(hasPad == build.hasLandingPads, "\(name)") }
      #expect(site.hasLandingPad == hasPad, "\(name)")
      #expect(site.slot == address + (hasPad ? 4 : 0), "\(name)")
      #expect(site.bytesBefore == build.m, "\(name)")
      // A loop's padding may follow clang's nops; it is nops too.
      if name == "spin", build.compiler == "clang" {
        #expect(site.slotBytes >= build.n - build.m)
      } else {
        #expect(site.slotBytes == build.n - build.m, "\(name)")
      }
      #expect(try site.slotContents == image.bytes(at: site.slot, count: UInt64(min(site.slotBytes, 32))))
      if build.n - build.m < 5 {
        #expect(site.modes == [])
        #expect(site.refusal == .slotTooSmall(bytes: build.n - build.m, .x86_64))
      } else {
        #expect(site.modes == .all)
        #expect(site.refusal == nil)
        #expect(site.resumeOffset >= 5 && site.resumeOffset <= site.slotBytes)
      }
    }
  }

  @Test func smallSlotsAreRefusedPrecisely() {
    #expect(
      SiteRefusal.slotTooSmall(bytes: 2, .x86_64).description
        == "slot of 2 bytes; x86_64 needs 5: compile with -fpatchable-function-entry=5")
  }

  @Test(arguments: ["gcc", "clang"]) func namesThatReturnTwiceRefuseGraphOnly(_ compiler: String) throws {
    let scratch = try Scratch()
    let source = """
      __attribute__((noinline, returns_twice)) int setjmp(void *b) { return b != 0; }
      __attribute__((noinline)) int __sigsetjmp_helper(int x) { return x; }
      __attribute__((noinline)) int _Unwind_Mine(int x) { return x; }
      int main(int c, char **v) { return setjmp(v) + __sigsetjmp_helper(c) + _Unwind_Mine(c); }
      """
    let path = try scratch.build(source, compiler, "-fno-builtin -w -fpatchable-function-entry=5")
    let sites = sitesByName(try CallSites(try image(path)))
    #expect(sites["setjmp"]?.modes == SiteModes.all.subtracting(.graph))
    #expect(sites["setjmp"]?.refusal == .returnsTwice)
    #expect(sites["_Unwind_Mine"]?.refusal == .unwinder)
    #expect(sites["__sigsetjmp_helper"]?.modes == .all)
    #expect(sites["main"]?.modes == .all)
  }

  @Test func aLaterModuleCanRefuse() throws {
    let scratch = try Scratch()
    let path = try scratch.build(Programs.plain, "gcc", "-O2 -fpatchable-function-entry=5")
    let found = try CallSites(try image(path)) { function, _ in
      function.name == "first" ? .popsArguments : nil
    }
    let sites = sitesByName(found)
    #expect(sites["first"]?.modes.names == ["count", "entry", "regs", "redirect"])
    #expect(sites["second"]?.modes == .all)
  }

  @Test func resolversAreMarked() throws {
    let scratch = try Scratch()
    let source = """
      static int one(void) { return 1; }
      static void *choose(void) { return one; }
      int chosen(void) __attribute__((ifunc("choose")));
      int main(void) { return chosen(); }
      """
    let path = try scratch.build(source, "gcc", "-O0 -fpatchable-function-entry=5")
    let found = try CallSites(try image(path))
    let site = try #require(sitesByName(found)["choose"])
    #expect(found.functions[site.function].kind == .resolver)
    #expect(found.functions[site.function].aliases == ["chosen"])
    #expect(found.functions.first { $0.name == "one" }?.kind == .function)
  }

  @Test(arguments: [("g++", ""), ("clang++", ""), ("clang++", "-fuse-ld=lld -Wl,--gc-sections")])
  func templatesInSeveralFilesAreOneSiteEach(_ compiler: String, _ linker: String) throws {
    let scratch = try Scratch()
    let header = """
      #include <vector>
      template <class T> __attribute__((noinline)) T twice(T x) { return x + x; }
      struct S { virtual ~S() {} virtual int get() { return 1; } };
      inline int total(std::vector<int> &v) { int s = 0; for (int x : v) s += twice(x); return s; }
      """
    _ = try scratch.write("h.h", header)
    let one = try scratch.write(
      "one.cpp",
      "#include \"h.h\"\nint other(std::vector<int> &v) { S s; return total(v) + twice(2L) + s.get(); }")
    let two = try scratch.write(
      "two.cpp",
      "#include \"h.h\"\nint other(std::vector<int> &);\n"
        + "int main() { std::vector<int> v{1,2,3}; S s; return other(v) + total(v) + twice(1L) + s.get(); }"
    )
    let path = "\(scratch.path)/out"
    try run(
      "\(compiler) -O0 -ffunction-sections \(linker) -fpatchable-function-entry=5 -o \(path) \(one) \(two)")
    let found = try CallSites(try image(path))
    let names = found.sites.map { found.functions[$0.function].name }
    #expect(names.filter { $0 == "_Z5twiceIiET_S0_" }.count == 1)
    #expect(names.contains("_Z5twiceIlET_S0_"))
    #expect(Set(names).count == names.count)
    #expect(found.ignored.outOfText == 0)
    #expect(found.usableCount == found.sites.count)
    // gcc 12's table of a file is lost with the first function, if that is another file's.
    if compiler == "clang++" { #expect(found.unlistedCount == 0) }
    // All compiled functions, and none of the start-up code, have a site.
    let compiled = try nmFunctions(path).filter { $0.key.hasPrefix("_Z") || $0.key == "main" }
    #expect(Set(found.sites.map { found.functions[$0.function].address }) == Set(compiled.values))
  }

  static let twoOfThree = """
    int used(int x) { return x + 1; }
    int unused(int x) { return x; }
    int main(int c, char **v) { return used(c); }
    """

  @Test func unusedFunctionsThatTheLinkerRemovedAreLeftOut() throws {
    let scratch = try Scratch()
    let path = try scratch.build(
      Self.twoOfThree, "clang",
      "-O0 -ffunction-sections -Wl,--gc-sections -fuse-ld=lld -fpatchable-function-entry=5")
    let found = try CallSites(try image(path))
    #expect(Set(found.sites.map { found.functions[$0.function].name }) == ["used", "main"])
    #expect(found.unlistedCount == 0)
  }

  @Test func entriesThatLeadNowhereAreCounted() throws {
    let scratch = try Scratch()
    let path = try scratch.build(Programs.plain, "gcc", "-O2 -no-pie -fno-pie -fpatchable-function-entry=5")
    var bytes = try contents(of: path)
    let original = try ELFImage(source: bytes)
    let table = try #require(original.section(named: "__patchable_function_entries"))
    let at = Int(table.fileOffset)
    // Fixed addresses stand in the section itself: one becomes zero, one a data address, one a copy of the
    // next.
    bytes.replaceSubrange(at..<at + 8, with: [UInt8](repeating: 0, count: 8))
    bytes.replaceSubrange(at + 8..<at + 16, with: [0x10, 0, 0, 0, 0, 0, 0, 0])
    bytes.replaceSubrange(at + 16..<at + 24, with: bytes[at + 24..<at + 32])
    let found = try CallSites(try ELFImage(source: bytes))
    #expect(found.ignored.zero == 1)
    #expect(found.ignored.outOfText == 1)
    #expect(found.ignored.duplicate == 1)
    // The three functions are found by their nops.
    #expect(found.sites.filter(\.isListed).count == Programs.functions.count - 3)
    #expect(found.unlistedCount == 3)
    #expect(found.usableCount == Programs.functions.count)
    let report = try SiteReport.of(try ELFImage(source: bytes), fileName: "x")
    #expect(report.text().contains("3 of the sites are missing from the file's table"))
    #expect(report.text().contains("table entries ignored: 1 zero, 1 out of text, 1 duplicate"))
  }

  @Test(arguments: ["gcc", "clang"], ["", "-fcf-protection"])
  func sitesAreFoundThoughTheLinkerRemovedTheirTable(_ compiler: String, _ flags: String) throws {
    let scratch = try Scratch()
    // gold removes tables that nothing refers to.
    let path = try scratch.build(
      Self.twoOfThree, compiler,
      "-O0 -ffunction-sections -Wl,--gc-sections -fuse-ld=gold \(flags) -fpatchable-function-entry=5")
    let image = try image(path)
    #expect(image.section(named: "__patchable_function_entries") == nil)
    let found = try CallSites(image)
    let sites = sitesByName(found)
    #expect(Set(sites.keys) == ["used", "main"])
    let addresses = try nmFunctions(path)
    for (name, site) in sites {
      #expect(!site.isListed)
      #expect(site.slot == addresses[name].map { $0 + (site.hasLandingPad ? 4 : 0) })
      #expect(site.slotBytes == 5)
      #expect(site.modes == .all)
    }
  }

  @Test func aNopThatIsJumpedToBoundsTheSlot() throws {
    let scratch = try Scratch()
    // Four nops of the compiler, and one of the function's own that a loop begins with.
    let loop = "void loop(void) { for (;;) asm volatile(\"nop\"); }"
    let others = (0..<4).map { "int f\($0)(int x) { return x + \($0); }" }.joined(separator: "\n")
    let path = try scratch.build(
      "\(loop)\n\(others)\nint main(void) { return 0; }", "gcc", "-O2 -fpatchable-function-entry=4")
    let sites = sitesByName(try CallSites(try image(path)))
    #expect(sites["f1"]?.slotBytes == 4)
    #expect(sites["loop"]?.slotBytes == 4)
  }
}
