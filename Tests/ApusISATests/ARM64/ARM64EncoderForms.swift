import ApusISA
import TestSupport

/// One instruction form of A64: writes a random instance of itself and says what an assembler calls it.
struct ARM64EncoderForm: CustomStringConvertible, Sendable {
  var description: String
  var write: @Sendable (inout ARM64.Encoder, inout Randomness) -> String

  init(
    _ name: String, _ write: @escaping @Sendable (inout ARM64.Encoder, inout Randomness) -> String
  ) {
    description = name
    self.write = write
  }

  /// Every form that the encoder has.
  static let all: [ARM64EncoderForm] = data + memory + control
}

extension Randomness {
  mutating func below(_ bound: Int) -> Int { Int(next() % UInt64(bound)) }
  mutating func flag() -> Bool { next() & 1 == 1 }

  /// x0 to x30.
  mutating func numbered() -> ARM64.Register { ARM64.Register.numbered[below(31)] }
  /// x0 to x30 or the zero register.
  mutating func orZero() -> ARM64.Register { ARM64.Register(number: UInt32(below(32))) }
  /// x0 to x30 or the stack pointer.
  mutating func orStack() -> ARM64.Register { ARM64.Register(base: UInt32(below(32))) }

  /// A multiple of 4 in a signed field of `width` bits that counts instructions.
  mutating func distance(_ width: Int) -> Int {
    let limit = 1 << (width - 1)
    return switch below(4) {
    case 0: [0, 1, -1, limit - 1, -limit][below(5)] * 4
    case 1: (below(64) - 32) * 4
    default: (below(2 * limit) - limit) * 4
    }
  }
  /// 0 to `limit`, the ends often.
  mutating func number(_ limit: Int) -> Int { below(4) == 0 ? [0, 1, limit][below(3)] : below(limit + 1) }
  /// A value that logical instructions can hold.
  mutating func mask() -> UInt64 {
    let size = UInt64([2, 4, 8, 16, 32, 64][below(6)])
    let ones = 1 + next() % (size - 1)
    let rotation = next() % size
    var value: UInt64 = 0
    for bit in 0..<64 where (UInt64(bit) + rotation) % size < ones { value |= 1 << UInt64(bit) }
    return value
  }
}

extension ARM64.Register {
  var text: String { self == .zero ? "xzr" : "\(self)" }
  /// The 32-bit name.
  var text32: String { self == .zero ? "wzr" : "w\(number)" }
  func text(_ width: ARM64.Width) -> String { width == .eight ? text : text32 }
}

extension ARM64.Width {
  /// What stands behind `ldr`, `str`, `ldur`, `stur`.
  var suffix: String {
    switch self {
    case .one: "b"
    case .two: "h"
    case .four, .eight: ""
    }
  }
}

extension ARM64.Logical {
  var mnemonic: String {
    switch self {
    case .and: "and"
    case .or: "orr"
    case .exclusiveOr: "eor"
    }
  }
}

extension ARM64EncoderForm {
  private static func immediate(
    _ name: String,
    _ write: @escaping @Sendable (inout ARM64.Encoder, inout Randomness, UInt16, Bool) -> String
  ) -> ARM64EncoderForm {
    ARM64EncoderForm(name) { code, random in
      let (value, high) = (random.number(4095), random.flag())
      return write(&code, &random, UInt16(value), high) + ", #\(value)" + (high ? ", lsl #12" : "")
    }
  }

  private static func moveWide(
    _ name: String, _ write: @escaping @Sendable (inout ARM64.Encoder, ARM64.Register, UInt16, Int) -> Void
  ) -> ARM64EncoderForm {
    ARM64EncoderForm(name) { code, random in
      let (d, value, part) = (random.orZero(), random.number(0xffff), random.below(4))
      write(&code, d, UInt16(value), part)
      return "\(name) \(d.text), #\(value), lsl #\(16 * part)"
    }
  }

  private static let data: [ARM64EncoderForm] =
    [
      ARM64EncoderForm("mov") { code, random in
        let (d, s) = (random.orZero(), random.orZero())
        code.move(d, s)
        return "mov \(d.text), \(s.text)"
      },
      ARM64EncoderForm("mov sp") { code, random in
        let s = random.numbered()
        let toStack = random.flag()
        if toStack { code.move(.sp, s) } else { code.move(s, .sp) }
        return toStack ? "mov sp, \(s.text)" : "mov \(s.text), sp"
      },
      moveWide("movz") { $0.moveZero($1, $2, part: $3) },
      moveWide("movn") { $0.moveNot($1, $2, part: $3) },
      moveWide("movk") { $0.moveKeep($1, $2, part: $3) },
      immediate("add immediate") { code, random, value, high in
        let (d, s) = (random.orStack(), random.orStack())
        code.add(d, s, value, high: high)
        return "add \(d.text), \(s.text)"
      },
      immediate("sub immediate") { code, random, value, high in
        let (d, s) = (random.orStack(), random.orStack())
        code.subtract(d, s, value, high: high)
        return "sub \(d.text), \(s.text)"
      },
      immediate("cmp immediate") { code, random, value, high in
        let s = random.orStack()
        code.compare(s, value, high: high)
        return "cmp \(s.text)"
      },
      immediate("cmn immediate") { code, random, value, high in
        let s = random.orStack()
        code.compareNegative(s, value, high: high)
        return "cmn \(s.text)"
      },
      ARM64EncoderForm("add shifted") { code, random in
        let (d, l, r, n) = (random.orZero(), random.orZero(), random.orZero(), random.number(63))
        code.add(d, l, r, shift: UInt8(n))
        return "add \(d.text), \(l.text), \(r.text), lsl #\(n)"
      },
      ARM64EncoderForm("sub shifted") { code, random in
        let (d, l, r, n) = (random.orZero(), random.orZero(), random.orZero(), random.number(63))
        code.subtract(d, l, r, shift: UInt8(n))
        return "sub \(d.text), \(l.text), \(r.text), lsl #\(n)"
      },
      ARM64EncoderForm("cmp") { code, random in
        let (l, r) = (random.orZero(), random.orZero())
        code.compare(l, r)
        return "cmp \(l.text), \(r.text)"
      },
      ARM64EncoderForm("mul") { code, random in
        let (d, l, r) = (random.orZero(), random.orZero(), random.orZero())
        code.multiply(d, l, r)
        return "mul \(d.text), \(l.text), \(r.text)"
      },
      ARM64EncoderForm("lsl") { code, random in
        let (d, s, n) = (random.orZero(), random.orZero(), random.number(63))
        code.shiftLeft(d, s, UInt8(n))
        return "lsl \(d.text), \(s.text), #\(n)"
      },
      ARM64EncoderForm("lsr") { code, random in
        let (d, s, n) = (random.orZero(), random.orZero(), random.number(63))
        code.shiftRight(d, s, UInt8(n))
        return "lsr \(d.text), \(s.text), #\(n)"
      },
    ]
    + ARM64.Logical.allCases.flatMap { kind in
      [
        ARM64EncoderForm(kind.mnemonic) { code, random in
          let (d, l, r) = (random.orZero(), random.orZero(), random.orZero())
          code.logical(kind, d, l, r)
          return "\(kind.mnemonic) \(d.text), \(l.text), \(r.text)"
        },
        ARM64EncoderForm("\(kind.mnemonic) mask") { code, random in
          let (d, l, value) = (random.orStack(), random.orZero(), random.mask())
          if let mask = ARM64.BitMask(value) { code.logical(kind, d, l, mask) }
          return "\(kind.mnemonic) \(d.text), \(l.text), #0x\(String(value, radix: 16))"
        },
      ]
    }

  private static let memory: [ARM64EncoderForm] =
    ARM64.Width.allCases.flatMap { width in
      [
        ARM64EncoderForm("ldr \(width)") { code, random in
          let (d, b, n) = (random.orZero(), random.orStack(), random.number(4095) * width.rawValue)
          code.load(d, b, UInt32(n), width)
          return "ldr\(width.suffix) \(d.text(width)), [\(b.text), #\(n)]"
        },
        ARM64EncoderForm("str \(width)") { code, random in
          let (s, b, n) = (random.orZero(), random.orStack(), random.number(4095) * width.rawValue)
          code.store(s, b, UInt32(n), width)
          return "str\(width.suffix) \(s.text(width)), [\(b.text), #\(n)]"
        },
        ARM64EncoderForm("ldur \(width)") { code, random in
          let (d, b, n) = (random.orZero(), random.orStack(), random.number(511) - 256)
          code.load(d, b, unscaled: Int32(n), width)
          return "ldur\(width.suffix) \(d.text(width)), [\(b.text), #\(n)]"
        },
        ARM64EncoderForm("stur \(width)") { code, random in
          let (s, b, n) = (random.orZero(), random.orStack(), random.number(511) - 256)
          code.store(s, b, unscaled: Int32(n), width)
          return "stur\(width.suffix) \(s.text(width)), [\(b.text), #\(n)]"
        },
        ARM64EncoderForm("ldr indexed \(width)") { code, random in
          let (d, b, i) = (random.orZero(), random.orStack(), random.orZero())
          code.load(d, b, index: i, width)
          return "ldr\(width.suffix) \(d.text(width)), [\(b.text), \(i.text)]"
        },
        ARM64EncoderForm("str indexed \(width)") { code, random in
          let (s, b, i) = (random.orZero(), random.orStack(), random.orZero())
          code.store(s, b, index: i, width)
          return "str\(width.suffix) \(s.text(width)), [\(b.text), \(i.text)]"
        },
      ]
    }
    + ARM64.Indexing.allCases.flatMap { indexing in
      [
        ARM64EncoderForm("ldp \(indexing)") { code, random in
          let (n, registers) = ((random.number(127) - 64) * 8, random.distinct(3))
          let base = random.flag() ? .sp : registers[2]
          code.loadPair(registers[0], registers[1], base, Int32(n), indexing)
          return "ldp \(registers[0].text), \(registers[1].text), \(indexing.text(base, n))"
        },
        ARM64EncoderForm("stp \(indexing)") { code, random in
          let (n, registers) = ((random.number(127) - 64) * 8, random.distinct(3))
          let base = random.flag() ? .sp : registers[2]
          code.storePair(registers[0], registers[1], base, Int32(n), indexing)
          return "stp \(registers[0].text), \(registers[1].text), \(indexing.text(base, n))"
        },
      ]
    }
    + [
      ARM64EncoderForm("str before") { code, random in
        let (n, registers) = (random.number(511) - 256, random.distinct(2))
        let base = random.flag() ? .sp : registers[1]
        code.storeBefore(registers[0], base, Int32(n))
        return "str \(registers[0].text), \(ARM64.Indexing.before.text(base, n))"
      },
      ARM64EncoderForm("ldr after") { code, random in
        let (n, registers) = (random.number(511) - 256, random.distinct(2))
        let base = random.flag() ? .sp : registers[1]
        code.loadAfter(registers[0], base, Int32(n))
        return "ldr \(registers[0].text), \(ARM64.Indexing.after.text(base, n))"
      },
      ARM64EncoderForm("prfm") { code, random in
        let b = random.orStack()
        let offset = UInt32(truncatingIfNeeded: random.next() >> 40) & 0xfff * 8
        code.prefetchForStore(b, offset)
        return "prfm pstl1keep, [\(b.text), #\(offset)]"
      },
      ARM64EncoderForm("ldrsw") { code, random in
        let (d, b) = (random.orZero(), random.orStack())
        code.loadSignedWord(d, b)
        return "ldrsw \(d.text), [\(b.text)]"
      },
      ARM64EncoderForm("ldar") { code, random in
        let (d, b) = (random.orZero(), random.orStack())
        code.loadAcquire(d, b)
        return "ldar \(d.text), [\(b.text)]"
      },
      ARM64EncoderForm("stlr") { code, random in
        let (s, b) = (random.orZero(), random.orStack())
        code.storeRelease(s, b)
        return "stlr \(s.text), [\(b.text)]"
      },
      ARM64EncoderForm("ldxr, ldaxr") { code, random in
        let (d, b, acquire) = (random.orZero(), random.orStack(), random.flag())
        code.loadExclusive(d, b, acquire: acquire)
        return "\(acquire ? "ldaxr" : "ldxr") \(d.text), [\(b.text)]"
      },
      ARM64EncoderForm("stxr, stlxr") { code, random in
        let (registers, release) = (random.distinct(3), random.flag())
        let base = random.flag() ? .sp : registers[2]
        code.storeExclusive(registers[0], registers[1], base, release: release)
        let name = release ? "stlxr" : "stxr"
        return "\(name) \(registers[0].text32), \(registers[1].text), [\(base.text)]"
      },
    ]
}

extension Randomness {
  /// Different registers of x0 to x30.
  mutating func distinct(_ count: Int) -> [ARM64.Register] {
    var result: [ARM64.Register] = []
    while result.count < count {
      let register = numbered()
      if !result.contains(register) { result.append(register) }
    }
    return result
  }
}

extension ARM64.Indexing {
  func text(_ base: ARM64.Register, _ offset: Int) -> String {
    switch self {
    case .offset: "[\(base.text), #\(offset)]"
    case .before: "[\(base.text), #\(offset)]!"
    case .after: "[\(base.text)], #\(offset)"
    }
  }
}
