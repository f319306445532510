internal import ApusCore
internal import ApusELF

/// Whatever the bytes: an image with all that is read of it, or an error.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzELF(_ data: UnsafePointer<UInt8>, _ size: Int) -> CInt {
  let bytes = [UInt8](UnsafeBufferPointer(start: data, count: size))
  do throws(ELFError) {
    let image = try ELFImage(source: bytes)
    _ = image.linkage
    _ = image.textRanges
    ignoring { () throws(ELFError) in _ = try image.notes() }
    ignoring { () throws(ELFError) in _ = try image.neededLibraries() }
    ignoring { () throws(ELFError) in try image.forEachDynamicRelocation { _ in } }
    ignoring { () throws(ELFError) in try image.forEachPackedRelocation { _ in } }
    let report = try SiteReport.of(image, fileName: "input")
    _ = report.text()
    _ = report.json().bytes
  } catch { _ = error.description }
  return 0
}

/// One part may be damaged and the others not.
private func ignoring(_ body: () throws(ELFError) -> Void) {
  do throws(ELFError) { try body() } catch { _ = error.description }
}

@_silgen_name("LLVMFuzzerRunDriver")
private func runDriver(
  _ count: UnsafeMutablePointer<CInt>, _ arguments: UnsafeMutablePointer<UnsafeMutableRawPointer?>,
  _ test: @convention(c) (UnsafePointer<UInt8>, Int) -> CInt
) -> CInt

/// The package manager gives an executable's main function this name.
@_cdecl("FuzzELF_main")
public func main(_ count: CInt, _ arguments: UnsafeMutableRawPointer?) -> CInt {
  var count = count
  var arguments = arguments
  return runDriver(&count, &arguments, fuzzELF)
}
