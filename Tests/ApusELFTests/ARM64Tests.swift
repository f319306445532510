import ApusCore
import ApusELF
import Testing

/// The reader takes any architecture on any host: clang and lld make arm64 files here.
@Suite struct ARM64Tests {
  static let source = """
    __attribute__((noinline)) int second(int x) { return x * 3; }
    __attribute__((noinline)) int first(int x) { return second(x) + 1; }
    static int third(int x) { return x; }
    int (*pointer)(int) = third;
    """

  /// Flags, and the bytes of the slot, before it, and of the landing pad.
  static let builds: [(String, Int, Int, Int)] = [
    ("-fpatchable-function-entry=2", 8, 0, 0), ("-fpatchable-function-entry=4,2", 8, 8, 0),
    ("-mbranch-protection=standard -fpatchable-function-entry=2", 8, 0, 4),
    ("-mbranch-protection=standard -fpatchable-function-entry=4,2", 8, 8, 4),
  ]

  @Test(arguments: builds, ["-c", "-shared -nostdlib", "-shared -nostdlib -Wl,--pack-dyn-relocs=relr"])
  func sitesAreWhereNmPutsTheFunctions(_ build: (String, Int, Int, Int), _ linking: String) throws {
    let scratch = try Scratch()
    let linker = linking == "-c" ? "" : "-fuse-ld=lld"
    let path = try scratch.build(
      Self.source, "clang --target=aarch64-linux-gnu", "-O2 -fPIC \(build.0) \(linking) \(linker)")
    let image = try image(path)
    #expect(image.architecture == .arm64)
    let found = try CallSites(image)
    #expect(Set(sitesByName(found).keys) == ["first", "second", "third"])
    let addresses = try nmFunctions(path)
    for site in found.sites {
      let function = found.functions[site.function]
      if linking != "-c" { #expect(function.address == addresses[function.name]) }
      #expect(site.slot == function.address + UInt64(build.3))
      #expect(site.hasLandingPad == (build.3 > 0))
      #expect(site.slotBytes == build.1)
      #expect(site.bytesBefore == build.2)
      #expect(site.resumeOffset == 4)
      #expect(site.modes == .all)
      #expect(site.isListed)
    }
    if build.3 > 0 {
      #expect(try image.controlFlowProtection().isSuperset(of: [.branchTargets, .signedReturns]))
    }
  }

  /// A function of which only padding is left (libstdc++ has such), in a file with call sites.
  @Test func paddingIsNoSite() throws {
    let scratch = try Scratch()
    let short = """
      __asm__(".text; .p2align 4; .type empty, %function; empty: nop; .size empty, 4; nop; nop; nop");
      """
    let path = try scratch.build(
      Self.source + short, "aarch64-linux-gnu-gcc", "-O2 -fPIC -shared -nostdlib -fpatchable-function-entry=2"
    )
    let found = try CallSites(try image(path))
    #expect(found.functions.contains { $0.name == "empty" })
    #expect(Set(sitesByName(found).keys) == ["first", "second", "third"])
    #expect(found.unlistedCount == 0)
  }

  /// The cross gcc's objects, which have relocations and tables of their own shape.
  @Test(
    arguments: ["2", "4,2"], ["none", "bti", "pac-ret", "pac-ret+leaf", "pac-ret+b-key", "standard"])
  func gccsSites(_ entry: String, _ protection: String) throws {
    let scratch = try Scratch()
    let path = try scratch.build(
      Self.source, "aarch64-linux-gnu-gcc",
      "-O2 -fPIC -shared -nostdlib -fpatchable-function-entry=\(entry) -mbranch-protection=\(protection)")
    let found = try CallSites(try image(path))
    #expect(Set(sitesByName(found).keys) == ["first", "second", "third"])
    let pad: UInt64 = protection == "bti" || protection == "standard" ? 4 : 0
    for site in found.sites {
      let function = found.functions[site.function]
      #expect(site.refusal == nil && site.modes == .all, "\(function.name)")
      #expect(site.slot == function.address + pad && site.hasLandingPad == (pad > 0) && site.slotBytes == 8)
      #expect(site.bytesBefore == (entry == "2" ? 0 : 8))
    }
  }

  /// No compiler that we know puts the nops behind the signing of the return address; assembly may.
  @Test(
    arguments: [
      ("paciasp", true), ("pacibsp", true), ("bti c\n paciasp", true), ("bti c\n pacibsp", true),
      ("bti c", nil), ("bti jc", nil), ("mov x1, x0", false), ("bti c\n bti c", false),
      ("bti c\n paciasp\n mov x1, x0", false), ("paciasp\n paciasp", false),
    ] as [(String, Bool?)])
  func sitesBehindASignedReturnAddress(_ head: String, _ isSigned: Bool?) throws {
    let scratch = try Scratch()
    let assembly = """
      __asm__(".arch armv8.5-a\\n.globl f\\n.type f, %function\\nf: \(head.split(separator: "\n").joined(separator: "\\n"))\\n"
        "1: nop\\n nop\\n ret\\n.size f, .-f\\n"
        ".section __patchable_function_entries,\\"awo\\",%progbits,.text\\n.p2align 3\\n.8byte 1b\\n.text\\n");
      """
    for compiler in ["aarch64-linux-gnu-gcc", "clang --target=aarch64-linux-gnu"] {
      let path = try scratch.build(assembly, compiler, "-c")
      let found = try CallSites(try image(path))
      let site = try #require(sitesByName(found)["f"])
      switch isSigned {
      case true:
        #expect(site.refusal == .signedReturnAddress && site.hasLandingPad && site.slotBytes == 8)
        #expect(site.modes == SiteModes.all.subtracting([.graph, .redirect]))
      case false: #expect(site.refusal == .unexpectedLayout && site.modes == [])
      default: #expect(site.refusal == nil && site.modes == .all && site.hasLandingPad)
      }
    }
  }
}
