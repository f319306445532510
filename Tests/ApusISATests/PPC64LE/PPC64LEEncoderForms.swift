import ApusISA
import TestSupport

/// One instruction form: writes a random instance of itself and says what an assembler calls it.
struct PPC64LEEncoderForm: Sendable {
  var name: String
  var write: @Sendable (inout PPC64LE.Encoder, inout Randomness) -> String

  init(
    _ name: String, _ write: @escaping @Sendable (inout PPC64LE.Encoder, inout Randomness) -> String
  ) {
    self.name = name
    self.write = write
  }
}

extension Randomness {
  mutating func powerRegister() -> PPC64LE.Register { PPC64LE.Register.allCases[Int(next() % 32)] }
  mutating func half() -> Int16 {
    next() % 8 == 0 ? [0, 1, -1, .max, .min, 4, -4, 8][Int(next() % 8)] : Int16(truncatingIfNeeded: next())
  }
  mutating func powerMemory(aligned: Bool) -> PPC64LE.Memory {
    PPC64LE.Memory(powerRegister(), aligned ? half() & ~3 : half())
  }
}

extension PPC64LE.Register {
  /// The number, as assemblers want it.
  var number: String { String(rawValue) }
}

extension PPC64LE.Memory {
  var text: String { "\(displacement)(\(base.number))" }
}

extension PPC64LEEncoderForm {
  typealias Register = PPC64LE.Register

  /// Every form that the encoder has.
  static let all: [PPC64LEEncoderForm] = immediates + registers + memory + control + system

  /// A form with two registers and 16 bits.
  private static func signed(
    _ name: String, _ write: @escaping @Sendable (inout PPC64LE.Encoder, Register, Register, Int16) -> Void
  ) -> PPC64LEEncoderForm {
    PPC64LEEncoderForm(name) { code, random in
      let (d, s, value) = (random.powerRegister(), random.powerRegister(), random.half())
      write(&code, d, s, value)
      return "\(name) \(d.number), \(s.number), \(value)"
    }
  }

  private static func unsigned(
    _ name: String, _ write: @escaping @Sendable (inout PPC64LE.Encoder, Register, Register, UInt16) -> Void
  ) -> PPC64LEEncoderForm {
    PPC64LEEncoderForm(name) { code, random in
      let (d, s) = (random.powerRegister(), random.powerRegister())
      let value = UInt16(bitPattern: random.half())
      write(&code, d, s, value)
      return "\(name) \(d.number), \(s.number), \(value)"
    }
  }

  private static let immediates: [PPC64LEEncoderForm] = [
    signed("addi") { $0.addImmediate($1, $2, $3) },
    signed("addis") { $0.addImmediateShifted($1, $2, $3) },
    signed("mulli") { $0.multiplyImmediate($1, $2, $3) },
    unsigned("ori") { $0.orImmediate($1, $2, $3) },
    unsigned("oris") { $0.orImmediateShifted($1, $2, $3) },
    unsigned("xori") { $0.exclusiveOrImmediate($1, $2, $3) },
    unsigned("xoris") { $0.exclusiveOrImmediateShifted($1, $2, $3) },
    PPC64LEEncoderForm("cmpldi") { code, random in
      let (left, value) = (random.powerRegister(), UInt16(bitPattern: random.half()))
      code.compareLogical(left, value)
      return "cmpldi 0, \(left.number), \(value)"
    },
    PPC64LEEncoderForm("cmpdi") { code, random in
      let (left, value) = (random.powerRegister(), random.half())
      code.compare(left, value)
      return "cmpdi 0, \(left.number), \(value)"
    },
    PPC64LEEncoderForm("sldi") { code, random in
      let (d, s, count) = (random.powerRegister(), random.powerRegister(), UInt8(random.next() % 64))
      code.shiftLeft(d, s, count)
      return "sldi \(d.number), \(s.number), \(count)"
    },
    PPC64LEEncoderForm("srdi") { code, random in
      let (d, s, count) = (random.powerRegister(), random.powerRegister(), UInt8(random.next() % 64))
      code.shiftRight(d, s, count)
      return "srdi \(d.number), \(s.number), \(count)"
    },
    PPC64LEEncoderForm("rldicl") { code, random in
      let (d, s, first) = (random.powerRegister(), random.powerRegister(), UInt8(random.next() % 64))
      code.keepLow(d, s, from: first)
      return "rldicl \(d.number), \(s.number), 0, \(first)"
    },
    PPC64LEEncoderForm("rldicr") { code, random in
      let (d, s, last) = (random.powerRegister(), random.powerRegister(), UInt8(random.next() % 64))
      code.keepHigh(d, s, through: last)
      return "rldicr \(d.number), \(s.number), 0, \(last)"
    },
    PPC64LEEncoderForm("rlwinm") { code, random in
      let (d, s) = (random.powerRegister(), random.powerRegister())
      let (first, last) = (UInt8(random.next() % 32), UInt8(random.next() % 32))
      code.keepWord(d, s, from: first, through: last)
      return "rlwinm \(d.number), \(s.number), 0, \(first), \(last)"
    },
  ]

  private static let registers: [PPC64LEEncoderForm] =
    PPC64LE.Arithmetic.allCases.map { kind in
      let name =
        switch kind {
        case .add: "add"
        case .subtractFrom: "subf"
        case .multiply: "mulld"
        case .and: "and"
        case .or: "or"
        case .exclusiveOr: "xor"
        }
      return PPC64LEEncoderForm(name) { code, random in
        let (d, l, r) = (random.powerRegister(), random.powerRegister(), random.powerRegister())
        code.arithmetic(kind, d, l, r)
        return "\(name) \(d.number), \(l.number), \(r.number)"
      }
    } + [
      PPC64LEEncoderForm("mr") { code, random in
        let (d, s) = (random.powerRegister(), random.powerRegister())
        code.move(d, s)
        return "mr \(d.number), \(s.number)"
      },
      PPC64LEEncoderForm("cmpld") { code, random in
        let (l, r) = (random.powerRegister(), random.powerRegister())
        code.compareLogical(l, r)
        return "cmpld 0, \(l.number), \(r.number)"
      },
    ]

  private static let memory: [PPC64LEEncoderForm] =
    zip(PPC64LE.Width.allCases, ["lbz", "lhz", "lwz", "ld"]).map { width, name in
      PPC64LEEncoderForm(name) { code, random in
        let (d, m) = (random.powerRegister(), random.powerMemory(aligned: width == .eight))
        code.load(d, m, width)
        return "\(name) \(d.number), \(m.text)"
      }
    }
    + zip(PPC64LE.Width.allCases, ["stb", "sth", "stw", "std"]).map { width, name in
      PPC64LEEncoderForm(name) { code, random in
        let (s, m) = (random.powerRegister(), random.powerMemory(aligned: width == .eight))
        code.store(m, s, width)
        return "\(name) \(s.number), \(m.text)"
      }
    } + [
      PPC64LEEncoderForm("stdu") { code, random in
        var (s, m) = (random.powerRegister(), random.powerMemory(aligned: true))
        if m.base == .r0 { m.base = .r1 }
        code.storeUpdating(m, s)
        return "stdu \(s.number), \(m.text)"
      },
      PPC64LEEncoderForm("dcbtst") { code, random in
        let (b, i) = (random.powerRegister(), random.powerRegister())
        code.prefetchForStore(b, i)
        return "dcbtst \(b.number), \(i.number)"
      },
      PPC64LEEncoderForm("ldarx") { code, random in
        let (d, a) = (random.powerRegister(), random.powerRegister())
        code.loadReserved(d, at: a)
        return "ldarx \(d.number), 0, \(a.number)"
      },
      PPC64LEEncoderForm("stdcx.") { code, random in
        let (s, a) = (random.powerRegister(), random.powerRegister())
        code.storeConditional(s, at: a)
        return "stdcx. \(s.number), 0, \(a.number)"
      },
    ]

  private static let conditions = ["blt", "bge", "bgt", "ble", "beq", "bne"]

  private static let control: [PPC64LEEncoderForm] = [
    PPC64LEEncoderForm("b") { code, random in
      let distance = Int32.random(in: -0x80_0000..<0x80_0000, using: &random) * 4
      code.jump(distance)
      return "b .+(\(distance))"
    },
    PPC64LEEncoderForm("bl") { code, random in
      let distance = Int32.random(in: -0x80_0000..<0x80_0000, using: &random) * 4
      code.call(distance)
      return "bl .+(\(distance))"
    },
    PPC64LEEncoderForm("bc") { code, random in
      let condition = PPC64LE.Condition.allCases[Int(random.next() % 6)]
      let distance = random.half() & ~3
      code.branch(condition, distance)
      return "\(conditions[Int(condition.rawValue)]) .+(\(distance))"
    },
    PPC64LEEncoderForm("bc with any operands") { code, random in
      // Those that are not reserved.
      let options: UInt32 = [0, 2, 4, 8, 10, 12, 6, 7, 14, 15, 16, 18, 24, 25, 26, 27, 20][
        Int(random.next() % 17)]
      let (bit, distance) = (UInt32(random.next() % 32), random.half() & ~3)
      code.branch(options: options, bit: bit, distance)
      return "bc \(options), \(bit), .+(\(distance))"
    },
    PPC64LEEncoderForm("blr") { code, _ in
      code.return()
      return "blr"
    },
    PPC64LEEncoderForm("bctr") { code, _ in
      code.jumpThroughCount()
      return "bctr"
    },
    PPC64LEEncoderForm("bctrl") { code, _ in
      code.callThroughCount()
      return "bctrl"
    },
  ]

  private static let system: [PPC64LEEncoderForm] =
    PPC64LE.SpecialRegister.allCases.map { special in
      PPC64LEEncoderForm("mfspr \(special.rawValue)") { code, random in
        let d = random.powerRegister()
        code.move(d, from: special)
        return "mfspr \(d.number), \(special.rawValue)"
      }
    }
    + PPC64LE.SpecialRegister.allCases.filter { $0 != .timeBase }.map { special in
      PPC64LEEncoderForm("mtspr \(special.rawValue)") { code, random in
        let s = random.powerRegister()
        code.move(to: special, s)
        return "mtspr \(special.rawValue), \(s.number)"
      }
    } + [
      PPC64LEEncoderForm("mfocrf") { code, random in
        let (d, field) = (random.powerRegister(), UInt8(random.next() % 8))
        code.moveCondition(d, field: field)
        return "mfocrf \(d.number), \(128 >> field)"
      },
      PPC64LEEncoderForm("mfcr") { code, random in
        let d = random.powerRegister()
        code.moveCondition(d)
        return "mfcr \(d.number)"
      },
      PPC64LEEncoderForm("mtocrf") { code, random in
        let (s, field) = (random.powerRegister(), UInt8(random.next() % 8))
        code.moveCondition(field: field, s)
        return "mtocrf \(128 >> field), \(s.number)"
      },
      PPC64LEEncoderForm("sync") { code, _ in
        code.synchronize(.heavy)
        return "sync"
      },
      PPC64LEEncoderForm("lwsync") { code, _ in
        code.synchronize(.light)
        return "lwsync"
      },
      PPC64LEEncoderForm("isync") { code, _ in
        code.instructionSynchronize()
        return "isync"
      },
      PPC64LEEncoderForm("trap") { code, _ in
        code.trap()
        return "trap"
      },
      PPC64LEEncoderForm("nop") { code, _ in
        code.noOperation()
        return "nop"
      },
      PPC64LEEncoderForm("yield") { code, _ in
        code.yield()
        return "or 27, 27, 27"
      },
    ]
}
