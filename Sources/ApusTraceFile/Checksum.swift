/// XXH64 with seed 0 (the xxHash specification, "XXH64 algorithm description").
package enum Checksum {
  private static let prime1: UInt64 = 0x9E37_79B1_85EB_CA87
  private static let prime2: UInt64 = 0xC2B2_AE3D_27D4_EB4F
  private static let prime3: UInt64 = 0x1656_67B1_9E37_79F9
  private static let prime4: UInt64 = 0x85EB_CA77_C2B2_AE63
  private static let prime5: UInt64 = 0x27D4_EB2F_1656_67C5

  @inline(__always) private static func rotate(_ x: UInt64, _ by: UInt64) -> UInt64 {
    x << by | x >> (64 &- by)
  }
  @inline(__always) private static func round(_ lane: UInt64, _ input: UInt64) -> UInt64 {
    rotate(lane &+ input &* prime2, 31) &* prime1
  }
  @inline(__always) private static func merge(_ hash: UInt64, _ lane: UInt64) -> UInt64 {
    (hash ^ round(0, lane)) &* prime1 &+ prime4
  }

  /// The hash of all bytes.
  package static func xxh64(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
    guard let base = bytes.baseAddress else { return finish(prime5) }
    let count = bytes.count
    var at = 0
    var hash: UInt64
    if count >= 32 {
      var (a, b, c, d) = (prime1 &+ prime2, prime2, UInt64(0), 0 &- prime1)
      while at &+ 32 <= count {
        a = unsafe round(a, load(UInt64.self, base, at))
        b = unsafe round(b, load(UInt64.self, base, at &+ 8))
        c = unsafe round(c, load(UInt64.self, base, at &+ 16))
        d = unsafe round(d, load(UInt64.self, base, at &+ 24))
        at &+= 32
      }
      hash = rotate(a, 1) &+ rotate(b, 7) &+ rotate(c, 12) &+ rotate(d, 18)
      hash = merge(merge(merge(merge(hash, a), b), c), d)
    } else {
      hash = prime5
    }
    hash &+= UInt64(count)
    while at &+ 8 <= count {
      hash = unsafe rotate(hash ^ round(0, load(UInt64.self, base, at)), 27) &* prime1 &+ prime4
      at &+= 8
    }
    if at &+ 4 <= count {
      hash =
        unsafe rotate(hash ^ UInt64(load(UInt32.self, base, at)) &* prime1, 23) &* prime2 &+ prime3
      at &+= 4
    }
    while at < count {
      hash = unsafe rotate(hash ^ UInt64(load(UInt8.self, base, at)) &* prime5, 11) &* prime1
      at &+= 1
    }
    return finish(hash)
  }

  private static func finish(_ hash: UInt64) -> UInt64 {
    var hash = hash
    hash = (hash ^ hash >> 33) &* prime2
    hash = (hash ^ hash >> 29) &* prime3
    return hash ^ hash >> 32
  }

  /// The low half, as chunk headers hold it.
  static func short(_ bytes: UnsafeRawBufferPointer) -> UInt32 {
    unsafe UInt32(truncatingIfNeeded: xxh64(bytes))
  }
}
