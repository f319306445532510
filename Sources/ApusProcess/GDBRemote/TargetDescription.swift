package import ApusCore

/// The registers of a target, from the server's `target.xml` (GDB's manual, appendix G): their numbers, sizes, and
/// places in the data of `g` and `G`.
package struct TargetDescription: Sendable, Equatable {
  /// One register.
  package struct Register: Sendable, Equatable {
    /// The name: `x0`, `rip`, …
    package var name: String
    /// The number for `p` and `P`.
    package var number: Int
    /// Its size in bytes.
    package var byteCount: Int
    /// Where its bytes begin in `g`'s data. `g` may be shorter: the register is not in it then.
    package var offset: Int

    /// From its parts.
    package init(name: String, number: Int, byteCount: Int, offset: Int) {
      self.name = name
      self.number = number
      self.byteCount = byteCount
      self.offset = offset
    }
  }

  /// What `<architecture>` says, as `i386:x86-64`, `aarch64`, `powerpc:common64`; nil where it is missing.
  package private(set) var architectureName: String?
  /// The registers in the order of their numbers, which is that of `g`.
  package private(set) var registers: [Register] = []
  private var indices: [String: Int] = [:]

  /// How many documents and how deep inclusions may go; how many registers there may be.
  private static let documentLimit = 64
  private static let depthLimit = 8
  private static let registerLimit = 8192

  /// Reads the description.
  ///
  /// - Parameter document: gives the bytes of a document by its name; `target.xml` is asked for first.
  package init(_ document: (String) throws(RemoteError) -> [UInt8]) throws(RemoteError) {
    var reading = Reading()
    try reading.read("target.xml", depth: 0, document)
    architectureName = reading.architecture
    var offset = 0
    registers.reserveCapacity(reading.registers.count)
    for register in reading.registers.sorted(by: { $0.number < $1.number }) {
      if registers.last?.number == register.number {
        throw .malformed(what: "target description", why: "two registers of number \(register.number)")
      }
      var placed = register
      placed.offset = offset
      offset += register.byteCount
      // A name that comes again (in another feature) means the register that came first.
      if indices[register.name] == nil { indices[register.name] = registers.count }
      registers.append(placed)
    }
  }

  private struct Reading {
    var architecture: String?
    var registers: [Register] = []
    private var documents = 0
    private var nextNumber = 0

    mutating func read(
      _ name: String, depth: Int, _ document: (String) throws(RemoteError) -> [UInt8]
    ) throws(RemoteError) {
      documents += 1
      if documents > documentLimit || depth > depthLimit {
        throw .malformed(what: "target description", why: "it includes too much")
      }
      var scanner = XMLScanner(try document(name))
      var isInArchitecture = false
      while let piece = try scanner.next() {
        switch piece {
        case .open("architecture", _): isInArchitecture = true
        case .close("architecture"): isInArchitecture = false
        case .text(let text) where isInArchitecture: architecture = architecture ?? text
        case .open("reg", let attributes): try add(attributes)
        case .open("xi:include", let attributes), .open("include", let attributes):
          guard let href = attributes["href"] else {
            throw .malformed(what: "target description", why: "an inclusion of nothing")
          }
          try read(href, depth: depth + 1, document)
        default: break
        }
      }
    }

    /// "If omitted, a register's number is one greater than that of the previous register (either in the current
    /// feature or in a preceding feature)" (G.5).
    private mutating func add(_ attributes: [String: String]) throws(RemoteError) {
      let number = attributes["regnum"].map { Int($0) } ?? nextNumber
      guard let name = attributes["name"], let bits = attributes["bitsize"].flatMap({ Int($0) }), let number,
        (0..<registerLimit).contains(number), (1...65536).contains(bits), registers.count < registerLimit
      else {
        throw .malformed(what: "target description", why: "a register without a good name, size or number")
      }
      nextNumber = number + 1
      registers.append(Register(name: name, number: number, byteCount: (bits + 7) / 8, offset: 0))
    }
  }

  /// A register by its name.
  package func register(_ name: String) -> Register? { indices[name].map { registers[$0] } }

  /// The architecture, if it is one of ours.
  package var architecture: Architecture? {
    switch architectureName {
    case "i386:x86-64": .x86_64
    case "aarch64": .arm64
    case "powerpc:common64": .ppc64le
    default: nil
    }
  }
}
