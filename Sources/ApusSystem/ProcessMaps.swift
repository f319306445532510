package import ApusCore

/// One line of /proc/PID/maps.
package struct MemoryMapping: Sendable, Hashable {
  /// The addresses.
  package var range: AddressRange
  /// r
  package var isReadable: Bool
  /// w
  package var isWritable: Bool
  /// x
  package var isExecutable: Bool
  /// s rather than p
  package var isShared: Bool
  /// Where in the file it begins, in bytes.
  package var offset: UInt64
  /// `major:minor`, as printed.
  package var device: String
  /// 0 for anonymous memory.
  package var inode: UInt64
  /// The file's path or a name in brackets; nil for anonymous memory. Without the kernel's " (deleted)".
  package var name: String?
  /// Whether the kernel says that the file has been deleted (or replaced).
  package var isDeleted: Bool
}

/// /proc/PID/maps.
package enum ProcessMaps {
  /// The mappings of a process, in order of address.
  package static func read(process: Int32) throws(SystemError) -> [MemoryMapping] {
    parse(try WholeFile.text("/proc/\(process)/maps"))
  }

  /// Reads the file's text; a line that makes no sense is left out.
  package static func parse(_ text: String) -> [MemoryMapping] {
    text.utf8.split(separator: UInt8(ascii: "\n")).compactMap { parseLine($0) }
  }

  /// `7f0012340000-7f0012345000 r-xp 00001000 fe:01 1234      /a path/with spaces (deleted)`
  private static func parseLine(_ line: Substring.UTF8View) -> MemoryMapping? {
    let fields = line.split(separator: UInt8(ascii: " "), maxSplits: 5, omittingEmptySubsequences: false)
    // The name's column is padded with spaces; there may be no name, and then no space either.
    guard fields.count >= 5 else { return nil }
    let ends = fields[0].split(separator: UInt8(ascii: "-"))
    guard ends.count == 2, let start = UInt64(Substring(ends[0]), radix: 16),
      let end = UInt64(Substring(ends[1]), radix: 16), start <= end,
      let offset = UInt64(Substring(fields[2]), radix: 16), let inode = UInt64(Substring(fields[4]))
    else { return nil }
    let flags = Array(fields[1])
    guard flags.count >= 4 else { return nil }
    var name = fields.count > 5 ? unescaped(Substring(fields[5].drop { $0 == UInt8(ascii: " ") })) : ""
    let deleted = name.utf8.reversed().starts(with: " (deleted)".utf8.reversed())
    if deleted { name.removeLast(" (deleted)".count) }
    return MemoryMapping(
      range: AddressRange(start, end), isReadable: flags[0] == UInt8(ascii: "r"),
      isWritable: flags[1] == UInt8(ascii: "w"), isExecutable: flags[2] == UInt8(ascii: "x"),
      isShared: flags[3] == UInt8(ascii: "s"), offset: offset, device: String(Substring(fields[3])),
      inode: inode, name: name.isEmpty ? nil : name, isDeleted: deleted)
  }

  /// The kernel writes a newline in a name as `\012`, and nothing else so.
  private static func unescaped(_ name: Substring) -> String {
    let parts = String(name).utf8.split(separator: UInt8(ascii: "\\"), omittingEmptySubsequences: false)
    guard parts.count > 1, let head = parts.first else { return String(name) }
    var bytes = Array(head)
    for part in parts.dropFirst() {
      if part.starts(with: "012".utf8) {
        bytes.append(UInt8(ascii: "\n"))
        bytes += part.dropFirst(3)
      } else {
        bytes.append(UInt8(ascii: "\\"))
        bytes += part
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}
