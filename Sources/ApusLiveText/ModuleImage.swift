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
  /// From its lowest to its highest address of text: what must be in branch range of its trampolines. A large part of a module
  /// may be data.
  package let text: AddressRange
  /// The file.
  package let image: ELFImage

  /// An address of the file, in the process.
  package func live(_ address: Address) -> Address { address &+ bias }

  /// A file's mappings, of which at least one is executable.
  package struct Mapped: Sendable {
    package var path: String
    /// In order of addresses; of several instances, if the file is loaded more than once.
    package var mappings: [MemoryMapping]
  }

  /// The files that have executable mappings, in order of their first addresses.
  package static func mapped(_ mappings: [MemoryMapping]) -> [Mapped] {
    var result: [Mapped] = []
    var places: [String: Int] = [:]
    for mapping in mappings {
      guard let name = mapping.name, name.hasPrefix("/"), mapping.inode != 0,
        !name.hasPrefix("/memfd:"), !name.hasPrefix("/SYSV")
      else {
        continue
      }
      if let place = places[name] {
        result[place].mappings.append(mapping)
      } else {
        places[name] = result.count
        result.append(Mapped(path: name, mappings: [mapping]))
      }
    }
    return result.filter { $0.mappings.contains { $0.isExecutable } }
  }

  /// The instances of a file in a process of this machine.
  package static func instances(of mapped: Mapped, process: Int32) throws(ModuleError) -> [ModuleImage] {
    let memory: MappedMemory
    do throws(SystemError) { memory = try MappedMemory.file("/proc/\(process)/root\(mapped.path)") } catch {
      throw ModuleError(path: mapped.path, why: "\(error)")
    }
    return try instances(of: mapped, bytes: source(memory), pageSize: UInt64(KernelSettings.pageSize))
  }

  /// A mapped file's bytes.
  package static func source(_ memory: MappedMemory) -> any ByteSource {
    unsafe BorrowedBytes(UnsafeRawBufferPointer(memory.buffer)) { _ in _ = memory }
  }

  /// The instances of a file with these bytes in a process whose pages have that size; they see the same image.
  ///
  /// The first segment of each begins where a mapping has its file offset, and the others are within its span: so a
  /// file whose segments share a page, and one that is loaded twice side by side, are told apart.
  package static func instances(
    of mapped: Mapped, bytes source: any ByteSource, pageSize: UInt64
  ) throws(ModuleError) -> [ModuleImage] {
    let image: ELFImage
    do throws(ELFError) { image = try ELFImage(source: source) } catch {
      throw ModuleError(path: mapped.path, why: "\(error)")
    }
    let loaded = image.segments.filter(\.isLoaded)
    guard let first = loaded.first else { throw ModuleError(path: mapped.path, why: "has no loaded segment") }
    let page = ~(pageSize - 1)
    let low = first.address & page
    let high = loaded.map(\.addresses.end).max() ?? low
    let texts = loaded.filter(\.isExecutable).map(\.addresses)
    let text = AddressRange(texts.map(\.start).min() ?? low, texts.map(\.end).max() ?? high)
    var result: [ModuleImage] = []
    var end: Address = 0
    for mapping in mapped.mappings
    where mapping.range.start >= end && mapping.offset == first.fileOffset & page {
      end = mapping.range.start &+ (high &- low)
      let bias = mapping.range.start &- low
      result.append(
        ModuleImage(
          path: mapped.path, bias: bias, range: AddressRange(mapping.range.start, end),
          text: AddressRange(text.start &+ bias, text.end &+ bias), image: image))
    }
    return result
  }
}

/// A mapped file that cannot be read as a module.
package struct ModuleError: Error, Sendable, CustomStringConvertible {
  package var path: String
  package var why: String

  package init(path: String, why: String) {
    self.path = path
    self.why = why
  }

  package var description: String { "\(path): \(why)" }
}
