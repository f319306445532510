import ApusCore
import ApusISA
import TestSupport
import Testing

/// All exported functions of real libraries, moved and compared by what the moved instructions do.
@Suite("arm64 relocator on real code")
struct ARM64RelocatorLibraryTests {
  /// The addresses of the functions in the dynamic symbol table, and the text; in these libraries it stands at equal
  /// addresses and offsets.
  private func functions(_ path: String) throws -> (addresses: [Address], text: AddressRange) {
    let scratch = try Scratch()
    try scratch.run(
      "aarch64-linux-gnu-nm -D -n --defined-only '\(path)' > symbols && aarch64-linux-gnu-readelf -lW '\(path)' > segments"
    )
    let segments = String(decoding: try scratch.read("segments"), as: UTF8.self)
    let text = segments.split(separator: "\n").first { $0.contains("LOAD") && $0.contains("R E") }
    let fields = try #require(text).split(separator: " ")
    let numbers = [1, 2, 4].compactMap { UInt64(fields[$0].dropFirst(2), radix: 16) }
    try #require(numbers.count == 3 && numbers[0] == numbers[1], "text's offset and address differ")
    let range = AddressRange(numbers[1], numbers[1] + numbers[2])
    let symbols = String(decoding: try scratch.read("symbols"), as: UTF8.self).split(separator: "\n")
      .compactMap { line -> Address? in
        let parts = line.split(separator: " ")
        guard parts.count == 3, ["T", "W", "i"].contains(parts[1]) else { return nil }
        return UInt64(parts[0], radix: 16)
      }
    return (Set(symbols.filter(range.contains)).sorted(), range)
  }

  @Test(
    "moved instructions mean the same, near and far",
    arguments: [
      ("/usr/aarch64-linux-gnu/lib/libc.so.6", 1500), ("/usr/aarch64-linux-gnu/lib/libm.so.6", 200),
    ])
  func libraries(_ path: String, _ least: Int) throws {
    let image = try readFile(path)
    let (addresses, text) = try functions(path)
    #expect(addresses.count >= least)
    for distance: UInt64 in [0x10_0000, 0x400_0000] {
      var moved = 0
      for (index, address) in addresses.enumerated() {
        let bound = index + 1 < addresses.count ? addresses[index + 1] : text.end
        let code = Array(image[Int(address)..<Int(min(bound, UInt64(image.count)))])
        let destination = address &+ distance
        for count in [4, 8, 16] where count <= code.count {
          do throws(RelocationError) {
            let result = try ARM64.Relocator().relocate(
              code, at: address, to: destination, minimumCount: count)
            moved += count == 4 ? 1 : 0
            compare(code, result, address, destination)
          } catch {
            if case .undecodable = error.reason { Issue.record("\(error)") }
          }
        }
      }
      print("\(path), moved by \(distance >> 20) MiB: \(moved) of \(addresses.count)")
      #expect(moved * 100 >= addresses.count * 99)
    }
  }

  private func compare(
    _ code: [UInt8], _ result: RelocatedCode, _ address: Address, _ destination: Address
  ) {
    let ends = result.offsets.dropFirst().map(\.relocated) + (result.continues ? [] : [result.bytes.count])
    for (offset, end) in zip(result.offsets, ends) {
      let before = code[offset.original..<offset.original + 4]
      let after = result.bytes[offset.relocated..<end]
      let old = ARM64.Decoder().decode(before, at: address &+ UInt64(offset.original))
      if old?.relativeTarget == nil {
        #expect(Array(before) == Array(after))
      } else {
        #expect(
          ARM64Effect(Array(after), at: destination &+ UInt64(offset.relocated))
            == ARM64Effect(Array(before), at: address &+ UInt64(offset.original)))
      }
    }
  }
}
