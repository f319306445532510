import CZstd

/// A long-lived zstd compression context with one set of parameters.
@safe final class Compressor {
  /// How hard to look for repetitions.
  enum Style {
    /// Level 1: for columns of tokens and identifiers, which repeat.
    case matches
    /// Almost nothing but Huffman coding: for time steps, which hardly repeat.
    case literals
  }

  private let context: OpaquePointer?

  init(_ style: Style) {
    unsafe context = ZSTD_createCCtx()
    set(ZSTD_c_compressionLevel, 1)
    guard style == .literals else { return }
    set(ZSTD_c_strategy, CInt(ZSTD_fast.rawValue))
    set(ZSTD_c_hashLog, 10)
    set(ZSTD_c_minMatch, 7)
    // With the fast strategy this is the step between attempts to find a match.
    set(ZSTD_c_targetLength, 4096)
    // ZSTD_c_literalCompressionMode = ZSTD_ps_enable: a long step would turn Huffman coding off. The
    // parameter is experimental: a library without it refuses, and compresses less.
    set(ZSTD_c_experimentalParam5, 1)
  }

  deinit { unsafe _ = ZSTD_freeCCtx(context) }

  private func set(_ parameter: ZSTD_cParameter, _ value: CInt) {
    // A parameter that is refused leaves the default, which is always valid.
    unsafe _ = ZSTD_CCtx_setParameter(context, parameter, value)
  }

  /// The most bytes that `count` bytes can become.
  static func bound(_ count: Int) -> Int { ZSTD_compressBound(count) }

  /// Packs `source` to `target`; returns the size, or nil if it would not become smaller.
  func pack(_ source: UnsafeRawBufferPointer, to target: UnsafeMutableRawBufferPointer) -> Int? {
    guard source.count > 16, unsafe context != nil else { return nil }
    let size = unsafe ZSTD_compress2(
      context, target.baseAddress, target.count, source.baseAddress, source.count)
    guard ZSTD_isError(size) == 0, size < source.count else { return nil }
    return size
  }
}

/// A long-lived zstd decompression context.
@safe final class Decompressor {
  private let context: OpaquePointer?

  init() { unsafe context = ZSTD_createDCtx() }

  deinit { unsafe _ = ZSTD_freeDCtx(context) }

  /// Unpacks `source`, which must become exactly `target`'s size; false if it is not valid or does not.
  func unpack(_ source: UnsafeRawBufferPointer, to target: UnsafeMutableRawBufferPointer) -> Bool {
    guard unsafe context != nil else { return false }
    let size = unsafe ZSTD_decompressDCtx(
      context, target.baseAddress, target.count, source.baseAddress, source.count)
    return ZSTD_isError(size) == 0 && size == target.count
  }

  /// Unpacks a payload that is packed unless it has its unpacked size; nil if it is not valid.
  func unpack(_ source: UnsafeRawBufferPointer, size: Int) -> [UInt8]? {
    if source.count == size { return unsafe [UInt8](source) }
    var bytes = [UInt8](repeating: 0, count: size)
    let done = unsafe bytes.withUnsafeMutableBytes { unsafe unpack(source, to: $0) }
    return done ? bytes : nil
  }
}
