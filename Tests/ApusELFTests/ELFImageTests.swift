import ApusCore
import ApusELF
import Testing

@Suite struct ELFImageTests {
  /// Files of the system, of several linkers' making.
  static let files = ["/bin/sh", "/usr/bin/readelf", "/usr/bin/gcc", "/lib/x86_64-linux-gnu/libc.so.6"]

  @Test(arguments: files) func headersAreWhatReadelfSays(_ path: String) throws {
    let image = try image(path)
    let header = try run("readelf -hW '\(path)'")
    #expect(header.contains("Entry point address:               \(hexadecimal(image.entryPoint))\n"))
    #expect(header.contains("Number of section headers:         \(image.sections.count)\n"))
    #expect(header.contains("Number of program headers:         \(image.segments.count)\n"))
    let sections = try run("readelf -SW '\(path)'")
    for section in image.sections.dropFirst() {
      let address = String(section.address, radix: 16)
      let line = sections.split(separator: "\n").first {
        $0.contains("[\(section.index < 10 ? " " : "")\(section.index)]")
      }
      #expect(line?.contains(" \(section.name) ") == true)
      #expect(line?.contains(String(repeating: "0", count: 16 - address.count) + address) == true)
    }
    let notes = try run("readelf -nW '\(path)'")
    let id = try image.buildID().map { $0.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined() }
    #expect(notes.contains("Build ID: \(id ?? "?")"))
    let dynamic = try run("readelf -dW '\(path)'")
    let needed = dynamic.split(separator: "\n").filter { $0.contains("(NEEDED)") }
    #expect(try image.neededLibraries().count == needed.count)
    for library in try image.neededLibraries() { #expect(dynamic.contains("Shared library: [\(library)]")) }
    if let name = try image.sharedObjectName() { #expect(dynamic.contains("Library soname: [\(name)]")) }
    if let interpreter = try image.interpreter() {
      #expect(try run("readelf -lW '\(path)'").contains("interpreter: \(interpreter)]"))
    }
  }

  @Test(arguments: files) func relocationsAreWhatReadelfSays(_ path: String) throws {
    let image = try image(path)
    var ours: Set<String> = []
    try image.forEachDynamicRelocation { ours.insert("\($0.offset) \($0.type) \($0.symbol)") }
    var packed: [Address] = []
    try image.forEachPackedRelocation { packed.append($0) }
    var theirs: Set<String> = []
    var theirPacked: [Address] = []
    for line in try run("readelf -rW '\(path)'").split(separator: "\n") {
      let fields = line.split(separator: " ")
      if fields.count == 1, let address = UInt64(fields[0], radix: 16) { theirPacked.append(address) }
      guard fields.count >= 3, let offset = UInt64(fields[0], radix: 16),
        let info = UInt64(fields[1], radix: 16)
      else { continue }
      theirs.insert("\(offset) \(info & 0xffff_ffff) \(info >> 32)")
    }
    #expect(!ours.isEmpty)
    #expect(ours == theirs)
    #expect(packed == theirPacked)
  }

  @Test func packedRelocationsAreWhatReadelfSays() throws {
    let scratch = try Scratch()
    let source =
      "int a; int *p[200] = {&a, &a, &a, 0, &a, [60] = &a, [130] = &a, [199] = &a};\n"
      + "int main(void) { return *p[0]; }"
    let path = try scratch.build(source, "gcc", "-pie -fPIE -Wl,-z,pack-relative-relocs")
    try relocationsAreWhatReadelfSays(path)
    var count = 0
    try image(path).forEachPackedRelocation { _ in count += 1 }
    #expect(count >= 7)
  }

  @Test func functionsAreWhatNmSays() throws {
    for (path, flags) in [("/lib/x86_64-linux-gnu/libc.so.6", "-D"), ("/usr/bin/readelf", "-D")] {
      let image = try image(path)
      let functions = try image.functions()
      var ours: [String: UInt64] = [:]
      for function in functions {
        for name in function.names { ours[name] = function.address }
        #expect(functions.index(startingAt: function.address) != nil)
      }
      var theirs: [String: UInt64] = [:]
      // readelf says which symbols are functions; nm does not.
      for line in try run("readelf --dyn-syms -W '\(path)'").split(separator: "\n") {
        let fields = line.split(separator: " ")
        guard fields.count >= 8, ["FUNC", "IFUNC"].contains(fields[3]), fields[6] != "UND",
          let address = UInt64(fields[1], radix: 16)
        else { continue }
        theirs[String(fields[7].prefix { $0 != "@" })] = address
      }
      #expect(Set(ours.keys) == Set(theirs.keys))
      // A name with several versions has several addresses; nm and we keep one each.
      let several = ours.filter { theirs[$0.key] != $0.value }
      for (name, address) in several {
        #expect(try run("nm \(flags) '\(path)'").contains(String(address, radix: 16)), "\(name)")
      }
      #expect(several.count < 60)
    }
  }

  @Test func namesAtOneAddressAreOneFunction() throws {
    let scratch = try Scratch()
    let source = """
      int __one(int x) { return x; }
      extern __typeof(__one) one_more __attribute__((alias("__one")));
      extern __typeof(__one) b_one __attribute__((alias("__one")));
      extern __typeof(__one) a_one __attribute__((alias("__one")));
      extern __typeof(__one) w __attribute__((weak, alias("__one")));
      static __typeof(__one) s __attribute__((alias("__one"), used));
      int main(void) { return 0; }
      """
    let path = try scratch.build(source, "gcc", "-O2")
    let function = try #require(try image(path).functions().first { $0.names.contains("w") })
    #expect(function.names == ["a_one", "b_one", "one_more", "__one", "w", "s"])
    #expect(function.binding == .global)
    #expect(function.size > 0)
  }

  @Test func functionsAreFoundByTheirBytes() throws {
    let scratch = try Scratch()
    let functions = try image(try scratch.build(Programs.plain, "gcc", "-O2")).functions()
    for (index, function) in functions.enumerated() where function.size > 1 {
      #expect(functions.index(containing: function.address) == index)
      #expect(functions.index(containing: function.address + function.size - 1) == index)
      #expect(functions.index(containing: function.address + function.size) != index)
      #expect(functions.index(after: function.address) == index + 1)
    }
    #expect(functions.index(containing: 0) == nil)
    #expect(functions.index(containing: .max) == nil)
  }

  @Test(arguments: [("", []), ("-fcf-protection", .branchTargets)] as [(String, ControlFlowProtection)])
  func protectionIsOfTheWholeModule(_ flags: String, _ expected: ControlFlowProtection) throws {
    let scratch = try Scratch()
    let path = try scratch.build("int f(int x) { return x; }", "gcc", "\(flags) -O2 -c")
    let protection = try image(path).controlFlowProtection()
    #expect(protection.contains(expected))
    #expect(protection.isEmpty == expected.isEmpty)
    #expect(
      try run("readelf -nW '\(path)'").contains("IBT, SHSTK")
        == protection.contains([.branchTargets, .shadowStack]))
  }

  @Test func memoryIsReadAtAddresses() throws {
    let scratch = try Scratch()
    let image = try image(
      try scratch.build("const char text[] = \"hello, reader\"; int main(void) { return 0; }", "gcc", "-O0"))
    let reader: any MemoryReader = image
    let data = try #require(image.section(named: ".rodata"))
    #expect(try reader.read(at: data.address, count: Int(data.size)) == image.contents(of: data))
    #expect(throws: MemoryError.self) { try reader.read(at: 1 << 40, count: 1) }
    #expect(throws: MemoryError.self) { try reader.read(at: data.address, count: .max) }
    #expect(throws: MemoryError.self) { try reader.read(at: data.address, count: -1) }
  }

  @Test func exceptionTablesAreNoticed() throws {
    let scratch = try Scratch()
    let source =
      "int f(int); int main(int c, char **v) { try { return f(c); } catch (int x) { return x; } }\n"
      + "int f(int x) { if (x) throw x; return 0; }"
    let cpp = try image(try scratch.build(source, named: "p.cpp", "g++", "-O0"))
    #expect(cpp.hasUnwindTables && cpp.hasExceptionTables)
    let c = try image(
      try scratch.build("int f(int x) { return x; }", "gcc", "-fno-asynchronous-unwind-tables -c"))
    #expect(!c.hasUnwindTables && !c.hasExceptionTables)
  }
}
