import ApusCore
import ApusISA
import TestSupport
import Testing

/// All exported functions of real libraries, moved and compared by disassembly.
@Suite("x86_64 relocator on real code")
struct X86_64RelocatorLibraryTests {
  private struct Function {
    var name: String
    var address: Address
    /// Up to the next symbol.
    var bound: Address
  }

  /// The functions in the dynamic symbol table; in these libraries text stands at equal addresses and
  /// offsets.
  private func functions(_ path: String) throws -> [Function] {
    let scratch = try Scratch()
    try scratch.run("nm -D -n --defined-only '\(path)' > symbols && readelf -lW '\(path)' > segments")
    let segments = String(decoding: try scratch.read("segments"), as: UTF8.self)
    let text = segments.split(separator: "\n").first { $0.contains("LOAD") && $0.contains("R E") }
    let fields = try #require(text).split(separator: " ")
    let offset = try #require(UInt64(fields[1].dropFirst(2), radix: 16))
    let start = try #require(UInt64(fields[2].dropFirst(2), radix: 16))
    let size = try #require(UInt64(fields[4].dropFirst(2), radix: 16))
    try #require(offset == start, "text's offset and address differ")
    let symbols = String(decoding: try scratch.read("symbols"), as: UTF8.self).split(separator: "\n")
      .compactMap { line -> (Address, Substring, Substring)? in
        let parts = line.split(separator: " ")
        guard parts.count == 3, let address = UInt64(parts[0], radix: 16) else { return nil }
        return (address, parts[1], parts[2])
      }
      .filter { $0.0 >= start && $0.0 < start + size }
    var result: [Function] = []
    for symbol in symbols where symbol.1 == "T" || symbol.1 == "W" || symbol.1 == "i" {
      guard result.last?.address != symbol.0 else { continue }
      if !result.isEmpty { result[result.count - 1].bound = symbol.0 }
      result.append(Function(name: String(symbol.2), address: symbol.0, bound: start + size))
    }
    return result
  }

  @Test(
    "moved instructions mean the same",
    arguments: [
      ("/lib/x86_64-linux-gnu/libc.so.6", 1500), ("/lib/x86_64-linux-gnu/libgcc_s.so.1", 80),
      ("/lib/x86_64-linux-gnu/libm.so.6", 300),
    ])
  func libraries(_ path: String, _ least: Int) throws {
    let image = try readFile(path)
    let decoder = try X86_64.Decoder()
    let relocator = X86_64.Relocator(decoder)
    let functions = try functions(path)
    #expect(functions.count >= least)
    var moved = 0
    var refused: [String: Int] = [:]
    for function in functions {
      let bound = min(function.bound, UInt64(image.count))
      let code = Array(image[Int(function.address)..<Int(bound)])
      let destination = function.address &+ 0x1234_5678
      do {
        let result = try relocator.relocate(code, at: function.address, to: destination)
        try compare(code, result, function.name, function.address, destination, decoder)
        moved += 1
      } catch let error as RelocationError {
        switch error.reason {
        case .tooShort: refused["too short", default: 0] += 1
        case .branchIntoSlot: refused["branch into the slot", default: 0] += 1
        case .immovable: refused["immovable", default: 0] += 1
        case .undecodable, .outOfRange: Issue.record("\(function.name): \(error)")
        }
      }
    }
    print("\(path): \(moved) moved, refused \(refused.sorted { $0.key < $1.key })")
    // Hand-written code that loops back to near its start: one in a thousand.
    #expect(moved * 100 >= functions.count * 99)
  }

  private func compare(
    _ code: [UInt8], _ result: RelocatedCode, _ name: String, _ address: Address,
    _ destination: Address,
    _ decoder: X86_64.Decoder
  ) throws {
    let new = try decoder.decodeAll(result.bytes, at: destination)
    for (index, offset) in result.offsets.enumerated() {
      guard offset.original < result.originalCount, index < new.count else { continue }
      let old = try decoder.decode(code[offset.original...], at: address &+ UInt64(offset.original))
      let there = new[index]
      #expect(there.address == destination &+ UInt64(offset.relocated), "\(name)")
      #expect(
        there.mnemonic == old.mnemonic && there.flow == old.flow, "\(name): \(old.text) → \(there.text)")
      #expect(there.relativeTarget == old.relativeTarget, "\(name): \(old.text) → \(there.text)")
      if old.relativeTarget == nil {
        #expect(there.operands == old.operands, "\(name): \(old.text) → \(there.text)")
      } else if old.relativeDisplacementOffset == there.relativeDisplacementOffset {
        // All but the displacement.
        let range = (old.relativeDisplacementOffset ?? 0)..<((old.relativeDisplacementOffset ?? 0) + 4)
        var (left, right) = (old.bytes, there.bytes)
        left.replaceSubrange(range, with: [])
        right.replaceSubrange(range, with: [])
        #expect(left == right, "\(name): \(old.text) → \(there.text)")
      }
    }
    #expect(new.count == result.offsets.count - (result.continues ? 1 : 0), "\(name)")
  }
}
