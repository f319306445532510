import ApusCore
import ApusELF
import TestSupport
import Testing

/// Whatever the bytes: an error or a result, never a trap.
@Suite struct MalformedTests {
  /// Everything there is to ask of a file.
  @discardableResult
  func readAll(_ bytes: [UInt8]) -> Bool {
    let image: ELFImage
    do { image = try ELFImage(source: bytes) } catch { return !error.description.isEmpty }
    var questions: [() throws -> Void] = []
    questions.append { _ = try SiteReport.of(image, fileName: "x").text() }
    questions.append { _ = try SiteReport.of(image, fileName: "x").json().bytes }
    questions.append { _ = try image.functions() }
    questions.append { _ = try image.buildID() }
    questions.append { _ = try image.controlFlowProtection() }
    questions.append { _ = try image.neededLibraries() }
    questions.append { _ = try image.sharedObjectName() }
    questions.append { _ = try image.interpreter() }
    questions.append { try image.forEachDynamicRelocation { _ in } }
    questions.append { try image.forEachPackedRelocation { _ in } }
    questions.append { try image.forEachRelocation(ofSections: { _ in true }) { _, _ in } }
    for section in image.sections { questions.append { _ = try image.contents(of: section) } }
    questions.append { _ = image.linkage.rawValue + "\(image.textRanges)" }
    var answered = true
    for question in questions {
      do { try question() } catch { answered = false }
    }
    return answered
  }

  /// Small files of all shapes.
  static func samples() throws -> [[UInt8]] {
    let scratch = try Scratch()
    let source = "int g(int x) { return x; }\nint f(int x) { return g(x) + 1; }"
    var samples: [[UInt8]] = []
    for flags in [
      "-O1 -c -ffunction-sections", "-O1 -shared -fPIC -nostdlib", "-O1 -shared -fPIC -nostdlib -s",
      "-O1 -shared -fPIC -nostdlib -Wl,-z,pack-relative-relocs -Wl,--hash-style=sysv",
      "-O1 -static -no-pie -nostdlib -Wl,-e,f -fcf-protection",
    ] {
      let path = try scratch.build(source, "gcc", "\(flags) -fpatchable-function-entry=8,2")
      samples.append(try contents(of: path))
    }
    // Without section headers the tables are found another way.
    var headerless = samples[1]
    for offset in Array(40..<48) + Array(60..<64) { headerless[offset] = 0 }
    samples.append(headerless)
    return samples
  }

  @Test func undamagedSamplesAreRead() throws {
    for sample in try Self.samples() { #expect(readAll(sample)) }
  }

  @Test func filesCutOffAnywhere() throws {
    for sample in try Self.samples() {
      let image = try ELFImage(source: sample)
      var cuts = Set(0..<72)
      for segment in image.segments {
        cuts.formUnion([Int(segment.fileOffset), Int(segment.fileOffset + segment.fileSize)])
      }
      for section in image.sections where !section.isNoBits {
        cuts.formUnion([Int(section.fileOffset), Int(section.fileOffset + section.size)])
      }
      for cut in cuts {
        for around in -1...1 where cut + around >= 0 && cut + around <= sample.count {
          readAll(Array(sample[..<(cut + around)]))
        }
      }
      for cut in stride(from: 0, to: sample.count, by: 97) { readAll(Array(sample[..<cut])) }
    }
  }

  @Test func randomDamage() throws {
    var generator = Randomness(seed: 42)
    let samples = try Self.samples()
    for round in 0..<12000 {
      var bytes = samples[round % samples.count]
      // Half of the damage goes where it hurts: the file's and the sections' headers, and the tables.
      let image = try? ELFImage(source: bytes)
      for _ in 0..<Int.random(in: 1...8, using: &generator) {
        var range = 0..<bytes.count
        switch Int.random(in: 0..<4, using: &generator) {
        case 0: range = 0..<64
        case 1:
          if let section = image?.sections.filter({ !$0.isNoBits && $0.size > 0 }).randomElement(
            using: &generator)
          {
            range = Int(section.fileOffset)..<Int(section.fileOffset + section.size)
          }
        case 2: range = max(0, bytes.count - 1500)..<bytes.count
        default: break
        }
        let at = Int.random(in: range, using: &generator)
        switch Int.random(in: 0..<4, using: &generator) {
        case 0: bytes[at] = 0
        case 1: bytes[at] = 0xff
        case 2: bytes[at] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
        default: bytes[at] = UInt8.random(in: 0...255, using: &generator)
        }
      }
      readAll(bytes)
    }
  }

  /// A header for a file of `size` bytes, and the change that spoils it.
  static let spoiled: [(String, [(Int, [UInt8])], String)] = [
    ("empty class", [(4, [0])], "unknown-class ELF files are not supported"),
    ("32-bit", [(4, [1])], "32-bit ELF files are not supported"),
    ("big-endian", [(5, [2])], "big-endian ELF files are not supported"),
    ("RISC-V", [(18, [243, 0])], "RISC-V ELF files are not supported"),
    ("i386", [(18, [3, 0])], "i386 ELF files are not supported"),
    ("core", [(16, [4, 0])], "core ELF files are not supported"),
    ("type 9", [(16, [9, 0])], "type 9"), ("version 7", [(6, [7])], "version 7"),
    ("section header size", [(58, [63, 0])], "e_shentsize is 63"),
    ("program header size", [(54, [1, 0])], "e_phentsize is 1"),
    (
      "section headers far away", [(40, [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff])], "section header 0"
    ),
    (
      "program headers far away", [(32, [0xf0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff])], "program headers"
    ),
    ("many sections", [(60, [0xff, 0xfe])], "do not fit the file"),
    ("no such name section", [(62, [0xf0, 0])], "the name section 240 does not exist"),
    ("magic", [(0, [0x7e])], "not an ELF file"),
  ]

  @Test(arguments: spoiled) func headersAreChecked(
    _ name: String, _ changes: [(Int, [UInt8])], _ text: String
  ) throws {
    var bytes = try Self.samples()[1]
    for (offset, values) in changes { bytes.replaceSubrange(offset..<offset + values.count, with: values) }
    let error = #expect(throws: ELFError.self) { try ELFImage(source: bytes) }
    #expect(error?.description.contains(text) == true, "\(String(describing: error))")
  }

  @Test func notELFAtAll() {
    for bytes in [[], [0x7f], Array("#!/bin/sh\n".utf8), Array("\u{7f}ELF".utf8)] as [[UInt8]] {
      #expect(throws: ELFError.self) { try ELFImage(source: bytes) }
    }
  }

  @Test func aMillionSymbolsWithOneLongNameAreRefused() throws {
    // A relocatable file: header, names, symbols, section headers.
    var names = ByteWriter()
    names.append(UInt8(0))
    names.append(contentsOf: [UInt8](repeating: UInt8(ascii: "a"), count: 1 << 20))
    names.append(UInt8(0))
    var symbols = ByteWriter()
    for index in 0..<20000 {
      symbols.append(UInt32(1))
      symbols.append(UInt8(0x12))
      symbols.append(UInt8(0))
      symbols.append(UInt16(3))
      symbols.append(UInt64(index))
      symbols.append(UInt64(1))
    }
    var file = ByteWriter()
    file.append(contentsOf: [0x7f, 0x45, 0x4c, 0x46, 2, 1, 1] + [UInt8](repeating: 0, count: 9))
    file.append(UInt16(1))
    file.append(UInt16(62))
    file.append(UInt32(1))
    file.append(UInt64(0))
    file.append(UInt64(0))
    let namesAt = UInt64(64)
    let symbolsAt = namesAt + UInt64(names.count)
    file.append(symbolsAt + UInt64(symbols.count))
    file.append(UInt32(0))
    for value in [64, 0, 0, 64, 4, 0] as [UInt16] { file.append(value) }
    file.append(contentsOf: names.bytes)
    file.append(contentsOf: symbols.bytes)
    func section(
      _ type: UInt32, _ flags: UInt64, _ offset: UInt64, _ size: UInt64, _ link: UInt32, _ entry: UInt64
    ) {
      file.append(UInt32(0))
      file.append(type)
      for value in [flags, 0, offset, size] { file.append(value) }
      file.append(link)
      file.append(UInt32(0))
      file.append(UInt64(1))
      file.append(entry)
    }
    section(0, 0, 0, 0, 0, 0)
    section(3, 0, namesAt, UInt64(names.count), 0, 0)
    section(2, 0, symbolsAt, UInt64(symbols.count), 1, 24)
    section(1, 6, namesAt, 30000, 0, 0)
    let image = try ELFImage(source: file.bytes)
    let error = #expect(throws: ELFError.self) { try image.functions() }
    #expect(error?.description.contains("many times larger than the file") == true)
  }
}
