internal import ApusCore
internal import ApusELF

/// The libraries of programs, found as files.
enum NeededLibraries {
  /// The libraries that files need, those included that these need, as far as they are where libraries are.
  static func images(_ images: [ELFImage]) throws(ELFError) -> [ELFImage] {
    var result: [ELFImage] = []
    var known: Set<String> = []
    var waiting = images
    while let image = waiting.popLast() {
      for name in try image.neededLibraries() where known.insert(name).inserted {
        for directory in Self.directories(image.architecture) {
          // Not there, or another architecture's: the next directory may have it. What nobody has shows in the findings.
          guard let found = try? openImage("\(directory)/\(name)"), found.architecture == image.architecture
          else { continue }
          result.append(found)
          waiting.append(found)
          break
        }
      }
    }
    return result
  }

  private static func directories(_ architecture: Architecture) -> [String] {
    let triple =
      switch architecture {
      case .x86_64: "x86_64-linux-gnu"
      case .arm64: "aarch64-linux-gnu"
      case .ppc64le: "powerpc64le-linux-gnu"
      }
    return [
      "/lib/\(triple)", "/usr/lib/\(triple)", "/usr/\(triple)/lib", "/lib64", "/usr/lib64", "/lib",
      "/usr/lib", "/usr/local/lib",
    ]
  }
}
