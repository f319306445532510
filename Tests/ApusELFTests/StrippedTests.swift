import ApusCore
import ApusELF
import Testing

@Suite struct StrippedTests {
  static let flags = [
    "-fpatchable-function-entry=5", "-fpatchable-function-entry=8,3",
    "-fcf-protection -fpatchable-function-entry=9,4",
  ]

  @Test(arguments: ["gcc", "clang"], flags)
  func sitesStayWithoutSymbols(_ compiler: String, _ flag: String) throws {
    let scratch = try Scratch()
    let path = try scratch.build(Programs.plain, compiler, "-O2 \(flag)")
    let before = try CallSites(try image(path))
    try run("strip -s -o '\(path)-s' '\(path)'")
    let after = try CallSites(try image("\(path)-s"))
    func bare(_ sites: CallSites) -> [CallSite] {
      sites.sites.map { site in
        var copy = site
        copy.function = 0
        return copy
      }
    }
    #expect(before.sites.count == Programs.functions.count)
    #expect(bare(after) == bare(before))
    for (site, known) in zip(after.sites, before.sites) {
      let function = after.functions[site.function]
      #expect(function.isSynthetic)
      #expect(function.name == "sub_\(String(function.address, radix: 16))")
      #expect(function.address == before.functions[known.function].address)
      #expect(function.size == before.functions[known.function].size)
    }
  }

  @Test func exportedNamesStay() throws {
    let scratch = try Scratch()
    let path = try scratch.build(Programs.plain, "gcc", "-O2 -shared -fPIC -fpatchable-function-entry=5")
    try run("strip -s '\(path)'")
    let found = try CallSites(try image(path))
    let names = Set(found.sites.map { found.functions[$0.function].name })
    #expect(names.isSuperset(of: ["first", "second", "alias"]))
    #expect(names.filter { $0.hasPrefix("sub_") }.count == 1)
  }

  @Test func withoutSymbolsAndTablesNothingMayBeWritten() throws {
    let scratch = try Scratch()
    let path = try scratch.build(
      Programs.plain, "gcc", "-O2 -fno-asynchronous-unwind-tables -fpatchable-function-entry=8,3")
    try run("strip -s '\(path)'")
    let found = try CallSites(try image(path))
    #expect(found.sites.count == Programs.functions.count)
    for site in found.sites { #expect(site.refusal == .unknownStart && site.modes.isEmpty) }
  }

  @Test func withoutSectionHeadersThereAreFunctionsButNoSites() throws {
    let scratch = try Scratch()
    for hash in ["gnu", "sysv"] {
      let path = try scratch.build(
        Programs.plain, "gcc", "-O2 -shared -fPIC -Wl,--hash-style=\(hash) -fpatchable-function-entry=5")
      let whole = try image(path)
      var bytes = try contents(of: path)
      // e_shoff, e_shnum and e_shstrndx.
      for offset in Array(40..<48) + Array(60..<64) { bytes[offset] = 0 }
      let image = try ELFImage(source: bytes)
      #expect(!image.hasSectionHeaders)
      #expect(image.linkage == .sharedLibrary)
      #expect(try image.buildID() == whole.buildID())
      #expect(try image.neededLibraries() == whole.neededLibraries())
      let names = Set(try image.functions().flatMap(\.names))
      #expect(names.isSuperset(of: ["first", "second", "alias", "_exported", "spin"]))
      var relocations = 0
      try image.forEachDynamicRelocation { _ in relocations += 1 }
      #expect(relocations > 6)
      let found = try CallSites(image)
      #expect(found.sites.isEmpty)
      let error = #expect(throws: NoCallSites.self) { try found.requireUsable(in: "lib.so") }
      #expect(
        error?.description.hasPrefix("lib.so: its call sites cannot be found, because its section headers")
          == true)
    }
  }

  @Test(arguments: ["gcc", "clang"], ["", "-ffunction-sections", "-ffunction-sections -fcf-protection"])
  func objectFilesHaveSites(_ compiler: String, _ flags: String) throws {
    let scratch = try Scratch()
    let path = try scratch.build(Programs.plain, compiler, "-O1 -c \(flags) -fpatchable-function-entry=6")
    let image = try image(path)
    #expect(image.linkage == .relocatable)
    let found = try CallSites(image)
    #expect(found.sites.count == Programs.functions.count)
    #expect(Set(found.sites.map(\.slot)).count == Programs.functions.count)
    for site in found.sites {
      let function = found.functions[site.function]
      #expect(site.slot == function.address + (site.hasLandingPad ? 4 : 0))
      #expect(site.slotBytes >= 6)
      #expect(site.isListed)
      #expect(site.modes == .all)
    }
  }
}
