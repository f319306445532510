import TestSupport

extension Randomness {
  /// 0 to `bound` − 1.
  mutating func below(_ bound: Int) -> Int { Int(next() % UInt64(bound)) }
  /// True once in `count` times.
  mutating func once(in count: Int) -> Bool { below(count) == 0 }
  mutating func pick<Element>(_ choices: [Element]) -> Element { choices[below(choices.count)] }

  /// Values of all the sizes that encodings tell apart.
  mutating func value() -> UInt64 {
    switch below(6) {
    case 0: next()
    case 1: UInt64(UInt32(truncatingIfNeeded: next()))
    case 2: UInt64(bitPattern: Int64(Int32(truncatingIfNeeded: next())))
    case 3: UInt64(bitPattern: Int64(Int8(truncatingIfNeeded: next())))
    case 4: pick([0, 1, ~0, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff, 1 << 63, 0xffff_ffff_8000_0000])
    default: UInt64(below(200))
    }
  }

  mutating func immediate() -> Int32 {
    switch below(4) {
    case 0: Int32(truncatingIfNeeded: next())
    case 1: pick([0, 1, -1, 127, 128, -128, -129, .max, .min])
    default: Int32(Int8(truncatingIfNeeded: next()))
    }
  }
}
