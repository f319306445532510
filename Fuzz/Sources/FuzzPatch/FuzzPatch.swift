import ApusCore
import ApusELF
import ApusPatchBuild
import ApusPatchObject

/// Feeds libFuzzer's input to the comparison of object files and to the reader of patch objects.
///
/// The first byte chooses: an even one, an object file and the same with its second half damaged, and patches of the two,
/// compared and packed; an odd one, a patch object, which is shown, written again and linked, or a manifest.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzPatch(_ data: UnsafePointer<UInt8>, _ count: Int) -> CInt {
  guard count > 1 else { return 0 }
  let bytes = Array(UnsafeBufferPointer(start: data + 1, count: count - 1))
  if data[0] & 1 == 0 {
    compare(bytes)
  } else {
    read(bytes)
  }
  return 0
}

private func compare(_ bytes: [UInt8]) {
  guard let before = try? ObjectFile(bytes: bytes) else { return }
  var other = bytes
  for index in stride(from: bytes.count / 2, to: bytes.count, by: 61) { other[index] ^= 1 }
  let after = (try? ObjectFile(bytes: other)) ?? before
  guard after.architecture == before.architecture else { return }
  if let comparison = try? ObjectComparison(before: before, after: after) { _ = comparison.json.text }
  _ = try? ObjectComparison(before: before, after: before)
  if let image = try? ELFImage(source: bytes), let module = try? LinkedModule(path: "x", image: image),
    let comparison = try? ObjectComparison(before: before, after: after)
  {
    var assembler = PatchAssembler(before.architecture)
    try? assembler.add([PatchAssembler.Changes(file: "x.o", comparison: comparison)], to: module)
    _ = try? PatchObject(bytes: assembler.finish(name: "x", isReplacement: false).bytes)
    pack(before, after, image)
  }
}

private func read(_ bytes: [UInt8]) {
  _ = try? PatchManifest(String(decoding: bytes, as: UTF8.self), file: "m")
  guard let patch = try? PatchObject(bytes: bytes) else { return }
  _ = patch.json.text
  _ = patch.text { $0 }
  _ = try? PatchObject(bytes: patch.bytes)
  _ = try? PatchCheck(patch, files: [], others: [])
  for module in patch.modules.indices { link(patch, module) }
}

/// Packs a file, as an object and its own module, and the same damaged.
private func pack(_ object: ObjectFile, _ other: ObjectFile, _ image: ELFImage) {
  guard let module = try? LinkedModule(path: "x", image: image),
    let manifest = try? PatchManifest("module x\nreplace f h\nsymbol n at 0", file: "m")
  else { return }
  for lines in [manifest, try? PatchManifest("module x", file: "m")].compactMap({ $0 }) {
    for inputs in [[object], [object, other]] {
      let named: [PatchPacker.Input] = inputs.map { ("x.o", $0) }
      guard
        var packer = try? PatchPacker(lines, modules: [module], libraries: [image], inputs: named),
        let patch = try? packer.pack(name: "x")
      else { continue }
      _ = try? PatchObject(bytes: patch.bytes)
    }
  }
}

/// Links a part, near and far from what it refers to.
private func link(_ patch: PatchObject, _ module: Int) {
  guard let linker = try? PatchLinker(patch, module: module), linker.layout.size < 1 << 24 else { return }
  let bindings = patch.references.reduce(into: [Int: LinkBinding]()) { found, reference in
    let address = reference.place.address
    found[reference.symbol] =
      address & 7 == 1 ? .threadLocal(address) : .address(address, other: UInt8(address & 255))
  }
  for base in [0, linker.layout.alignment, 0 &- linker.layout.alignment, linker.layout.alignment << 30] {
    let near = LinkPlacement(base: base, threadBlock: -64, moduleNumber: 1)
    _ = try? linker.link(at: near, bindings)
    _ = try? linker.link(at: LinkPlacement(base: base, toc: base &+ 0x8000), bindings)
  }
}

@_silgen_name("LLVMFuzzerRunDriver")
private func runDriver(
  _ count: UnsafeMutablePointer<CInt>, _ arguments: UnsafeMutablePointer<UnsafeMutableRawPointer?>,
  _ test: @convention(c) (UnsafePointer<UInt8>, Int) -> CInt
) -> CInt

/// The package manager gives an executable's main function this name.
@_cdecl("FuzzPatch_main")
public func main(_ count: CInt, _ arguments: UnsafeMutableRawPointer?) -> CInt {
  var count = count
  var arguments = arguments
  return runDriver(&count, &arguments, fuzzPatch)
}
