/// Little-endian loads and stores on raw memory whose bounds the caller has checked.
@inline(__always)
func load<T: FixedWidthInteger>(_ type: T.Type, _ base: UnsafeRawPointer, _ offset: Int) -> T {
  T(littleEndian: unsafe base.loadUnaligned(fromByteOffset: offset, as: T.self))
}

@inline(__always)
func store<T: FixedWidthInteger>(_ value: T, _ base: UnsafeMutableRawPointer, _ offset: Int) {
  unsafe base.storeBytes(of: value.littleEndian, toByteOffset: offset, as: T.self)
}

/// Raw memory of a fixed size that lives as long as this object.
@safe final class Block {
  let base: UnsafeMutableRawPointer
  let size: Int

  init(size: Int) {
    self.size = size
    unsafe base = UnsafeMutableRawPointer.allocate(byteCount: max(size, 1), alignment: 64)
  }

  deinit { unsafe base.deallocate() }

  /// All of it.
  var bytes: UnsafeMutableRawBufferPointer { unsafe UnsafeMutableRawBufferPointer(start: base, count: size) }
}
