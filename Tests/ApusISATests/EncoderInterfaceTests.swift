import TestSupport
import Testing

@Suite("what encoders can write")
struct EncoderInterfaceTests {
  /// Methods that write no instruction by themselves; what makes a constant of several instructions has tests of its own.
  static let encoders: [(architecture: String, helpers: Set<String>)] = [
    ("X86_64", ["append", "reserve", "reset"]),
    ("ARM64", ["append", "constant", "reserve", "reset", "word"]),
    ("PPC64LE", ["append", "constant", "reserve", "word"]),
  ]

  private func read(_ architecture: String) throws -> (interface: EncoderInterface, forms: String) {
    let root = #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
    let scratch = try Scratch()
    try scratch.run("cat '/\(root)/Sources/ApusISA/\(architecture)'/*.swift > sources")
    try scratch.run("cat '/\(root)/Tests/ApusISATests/\(architecture)'/*EncoderForms*.swift > forms")
    let sources = String(decoding: try scratch.read("sources"), as: UTF8.self)
    return (EncoderInterface(sources: sources), String(decoding: try scratch.read("forms"), as: UTF8.self))
  }

  @Test("is among the forms that are compared with assemblers", arguments: encoders.indices)
  func forms(_ index: Int) throws {
    let (architecture, helpers) = Self.encoders[index]
    let (interface, forms) = try read(architecture)
    #expect(interface.methods.count > 40)
    #expect(helpers.isSubset(of: interface.methods.map(\.name)))
    let missing = interface.missing(in: forms).filter { !helpers.contains($0.name) }
    #expect(missing.isEmpty, "\(architecture): \(missing)")
    print("\(architecture) encoder: \(interface.methods.count) methods, \(helpers.count) of them helpers")
  }

  @Test("is missed if no form calls it", arguments: encoders.indices)
  func absence(_ index: Int) throws {
    let (architecture, helpers) = Self.encoders[index]
    let (interface, forms) = try read(architecture)
    for method in interface.methods where !helpers.contains(method.name) {
      let others = forms.split(separator: "\n").filter { !$0.contains(".\(method.name)(") }
      let missing = interface.missing(in: others.joined(separator: "\n"))
      #expect(missing.contains { $0.description == method.description }, "\(method)")
    }
  }
}
