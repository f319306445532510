package import ApusCore
package import ApusELF
package import ApusSystem

/// An ELF file as it is mapped in a process.
package struct ModuleImage: Sendable {
  /// The path, as the process's maps name it.
  package let path: String
  /// What is added to the file's addresses.
  package let bias: UInt64
  /// From its lowest to its highest mapped address.
  package let range: AddressRange
  /// The file.
  package let image: ELFImage

  /// An address of the file, in the process.
  package func live(_ address: Address) -> Address { address &+ bias }

  /// What a process maps.
  package struct Mapped: Sendable, Hashable {
    package var path: String
    package var range: AddressRange
    /// The address at which the file's beginning is mapped, or would be.
    package var fileStart: Address
  }

  /// The files that have executable mappings.
  package static func mapped(_ mappings: [MemoryMapping]) -> [Mapped] {
    var result: [Mapped] = []
    var executable: Set<String> = []
    for mapping in mappings {
      guard let name = mapping.name, name.hasPrefix("/"), !name.hasPrefix("/memfd:"),
        mapping.inode != 0 else { continue }
      if mapping.isExecutable { executable.insert(name) }
      if let last = result.indices.last, result[last].path == name,
        mapping.range.start - mapping.offset == result[last].fileStart || mapping.offset != 0
      {
        result[last].range.end = mapping.range.end
      } else {
        result.append(
          Mapped(path: name, range: mapping.range, fileStart: mapping.range.start &- mapping.offset))
      }
    }
    return result.filter { executable.contains($0.path) }
  }

  /// Opens the file of a mapping, as the process sees it.
  package init(_ mapped: Mapped, process: Int32) throws(ModuleError) {
    do throws(SystemError) {
      let memory = try MappedMemory.file("/proc/\(process)/root\(mapped.path)")
      let source = unsafe BorrowedBytes(UnsafeRawBufferPointer(memory.buffer)) { _ in _ = memory }
      do throws(ELFError) { image = try ELFImage(source: source) } catch {
        throw SystemError(call: "ELF", errno: .notExecutableFormat, context: "\(error)")
      }
    } catch { throw ModuleError(path: mapped.path, why: "\(error)") }
    guard let first = image.segments.first(where: { $0.isLoaded }) else {
      throw ModuleError(path: mapped.path, why: "has no loaded segment")
    }
    path = mapped.path
    range = mapped.range
    let page: UInt64 = ~0xfff
    bias = (mapped.fileStart &+ (first.fileOffset & page)) &- (first.address & page)
  }
}

/// A mapped file that cannot be read as a module.
package struct ModuleError: Error, Sendable, CustomStringConvertible {
  package var path: String
  package var why: String
  package var description: String { "\(path): \(why)" }
}
