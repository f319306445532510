package import ApusCore

/// Why an ELF file, or a part of it, cannot be used.
package struct ELFError: Error, Sendable, Hashable, CustomStringConvertible {
  /// What was wrong.
  package enum Reason: Sendable, Hashable {
    /// The file does not begin with `\u{7f}ELF`.
    case notELF
    /// An ELF file of a sort that Apus does not trace; the text names it ("32-bit").
    case unsupported(String)
    /// Something lies outside of the file, or of what holds it.
    case bytes(ByteError)
    /// A field has a value that contradicts the specification or another field; the text says which.
    case malformed(String)
    /// No part of the file is loaded at the address that was asked for.
    case unmapped(address: Address)
  }

  /// What was wrong.
  package var reason: Reason
  /// What was being read: "section headers", "symbol table .symtab".
  package var subject: String

  /// Describes a failure while `subject` was read.
  package init(_ reason: Reason, in subject: String) {
    self.reason = reason
    self.subject = subject
  }

  package var description: String {
    switch reason {
    case .notELF: return "not an ELF file"
    case .unsupported(let what):
      return
        "\(what) ELF files are not supported"
        + ": apus traces 64-bit little-endian ones for x86_64, arm64 and ppc64le"
    case .bytes(let error): return "malformed ELF file, \(subject): \(error)"
    case .malformed(let what): return "malformed ELF file, \(subject): \(what)"
    case .unmapped(let address): return "\(subject): nothing in the file is loaded at \(hexadecimal(address))"
    }
  }
}

/// Runs `body`, and says of a ``ByteError`` what was being read.
@inline(__always)
func reading<T>(_ subject: @autoclosure () -> String, _ body: () throws(ByteError) -> T) throws(ELFError) -> T
{
  do { return try body() } catch { throw ELFError(.bytes(error), in: subject()) }
}
