import ApusCore
import ApusELF
import Testing

@Suite struct SymbolFileTests {
  @Test("binutils and our own reader find what was written", arguments: Architecture.allCases)
  func isRead(_ architecture: Architecture) throws {
    let arenas = [AddressRange(0x10_0000, 0x20_0000), AddressRange(0x7f00_0000_0000, 0x7f00_0001_0000)]
    let symbols = [
      SymbolFile.Symbol(name: "apus:one", range: AddressRange(0x10_0040, 0x10_0080)),
      SymbolFile.Symbol(name: "apus:two", range: AddressRange(0x7f00_0000_ffff, 0x7f00_0001_0000)),
      SymbolFile.Symbol(name: "apus:outside", range: AddressRange(0x30_0000, 0x30_0010)),
    ]
    let frames: [UInt8] = [4, 0, 0, 0, 0xff, 0xff, 0xff, 0xff]
    let bytes = SymbolFile(architecture, text: arenas, symbols: symbols, callFrames: frames).bytes
    let image = try ELFImage(source: bytes)
    #expect(image.architecture == architecture && image.type == .executable)
    let text = image.sections.filter { $0.name.hasPrefix(".text") }
    #expect(text.map { $0.addresses } == arenas)
    #expect(text.allSatisfy { $0.isNoBits && $0.isAllocated })

    let scratch = try Scratch()
    let path = "\(scratch.path)/symbols"
    let octal = bytes.map { "\\" + String($0, radix: 8) }
    try run("printf '%b' '\(octal.map { "\\0" + $0.dropFirst() }.joined())' > '\(path)'")
    #expect(
      try run("nm '\(path)'").split(separator: "\n").map { $0.split(separator: " ") } == [
        ["0000000000100040", "T", "apus:one"], ["00007f000000ffff", "T", "apus:two"],
      ])
    let said = try run("LC_ALL=C readelf -aW '\(path)' 2>&1")
    #expect(!said.contains("Warning") && !said.contains("Error") && said.contains(".debug_frame"), "\(said)")
  }
}
