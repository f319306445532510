import ApusISA
import TestSupport

/// One instruction form: writes a random instance of itself and says what an assembler calls it.
struct EncoderForm: CustomStringConvertible, Sendable {
  var description: String
  var write: @Sendable (inout X86_64.Encoder, inout Randomness) -> String
}

extension Randomness {
  mutating func register() -> X86_64.Register { X86_64.Register.allCases[Int(next() % 16)] }

  /// Values of all the sizes that encodings tell apart.
  mutating func immediate() -> Int32 {
    switch next() % 6 {
    case 0: Int32(truncatingIfNeeded: next())
    case 1: Int32(Int8(truncatingIfNeeded: next()))
    case 2: [0, 1, -1, 127, 128, -128, -129, Int32.max, Int32.min][Int(next() % 9)]
    default: Int32(Int16(truncatingIfNeeded: next()))
    }
  }

  mutating func memory() -> X86_64.Memory {
    switch next() % 16 {
    case 0: .relative(immediate())
    case 1: .thread(immediate())
    default: X86_64.Memory(register(), immediate())
    }
  }
}

extension X86_64.Memory {
  /// Intel syntax.
  var text: String {
    switch base {
    case .register(let register): "[\(register) + \(displacement)]"
    case .nextInstruction: "[rip + \(displacement)]"
    case .threadPointer: "fs:[\(displacement)]"
    }
  }
}

extension X86_64.Register {
  /// The name of its low bytes.
  func name(_ width: X86_64.Width) -> String {
    let name = "\(self)"
    if rawValue >= 8 {
      return name + ["", "b", "w", "", "d"][width == .eight ? 0 : width.rawValue]
    }
    switch width {
    case .eight: return name
    case .four: return "e" + name.dropFirst()
    case .two: return String(name.dropFirst())
    case .one:
      let short = name.dropFirst()
      return short.hasSuffix("x") ? String(short.dropLast()) + "l" : short + "l"
    }
  }
}

extension X86_64.Width {
  var pointer: String {
    switch self {
    case .one: "byte ptr "
    case .two: "word ptr "
    case .four: "dword ptr "
    case .eight: "qword ptr "
    }
  }
}

extension X86_64.Arithmetic {
  var mnemonic: String {
    switch self {
    case .add: "add"
    case .or: "or"
    case .and: "and"
    case .subtract: "sub"
    case .exclusiveOr: "xor"
    case .compare: "cmp"
    }
  }
}

extension EncoderForm {
  private init(
    _ name: String, _ write: @escaping @Sendable (inout X86_64.Encoder, inout Randomness) -> String
  ) {
    self.init(description: name, write: write)
  }

  private init(_ text: String, _ write: @escaping @Sendable (inout X86_64.Encoder) -> Void) {
    self.init(text) { code, _ in
      write(&code)
      return text
    }
  }

  /// Every form that the encoder has.
  static let all: [EncoderForm] = moves + arithmetic + control + fixed

  private static let moves: [EncoderForm] =
    [
      EncoderForm("mov r, r") { code, random in
        let (d, s) = (random.register(), random.register())
        code.move(d, s)
        return "mov \(d), \(s)"
      },
      EncoderForm("mov r32, imm") { code, random in
        let (d, value) = (random.register(), UInt32(bitPattern: random.immediate()))
        code.move32(d, value)
        return "mov \(d.name(.four)), \(value)"
      },
      EncoderForm("mov r, simm32") { code, random in
        let (d, value) = (random.register(), random.immediate())
        code.moveSigned(d, value)
        return "mov \(d), \(value)"
      },
      EncoderForm("movabs r, imm64") { code, random in
        let (d, value) = (random.register(), random.next())
        code.move64(d, value)
        return "movabs \(d), \(value)"
      },
      EncoderForm("xor r32, r32") { code, random in
        let d = random.register()
        code.clear(d)
        return "xor \(d.name(.four)), \(d.name(.four))"
      },
      EncoderForm("lea r, m") { code, random in
        // An address has no segment.
        var (d, m) = (random.register(), random.memory())
        if m.base == .threadPointer { m.base = .register(d) }
        code.loadEffectiveAddress(d, m)
        return "lea \(d), \(m.text)"
      },
      EncoderForm("prefetchw m") { code, random in
        let m = random.memory()
        code.prefetchForStore(m)
        return "prefetchw \(m.text)"
      },
      EncoderForm("lea r, [r + r*n]") { code, random in
        let (d, base) = (random.register(), random.register())
        var index = random.register()
        if index == .rsp { index = .r12 }
        let shift = UInt8(truncatingIfNeeded: random.next() >> 40) & 3
        code.loadEffectiveAddress(d, base, index: index, shift: shift)
        return "lea \(d), [\(base) + \(1 << shift)*\(index)]"
      },
      EncoderForm("xchg r, r") { code, random in
        var (d, s) = (random.register(), random.register())
        if d == .rax, s == .rax { (d, s) = (.rcx, .rax) }
        code.exchange(d, s)
        return "xchg \(d), \(s)"
      },
      EncoderForm("push r") { code, random in
        let s = random.register()
        code.push(s)
        return "push \(s)"
      },
      EncoderForm("pushfq") { code, _ in
        code.pushFlags()
        return "pushfq"
      },
      EncoderForm("mov r32, sreg") { code, random in
        let d = random.register()
        let segment = X86_64.Segment.allCases[random.below(2)]
        code.move(d, segment)
        return "mov \(d.name(.four)), \(segment == .code ? "cs" : "ss")"
      },
      EncoderForm("pop r") { code, random in
        let d = random.register()
        code.pop(d)
        return "pop \(d)"
      },
      EncoderForm("mov m, simm32") { code, random in
        let (m, value) = (random.memory(), random.immediate())
        code.store(m, immediate: value)
        return "mov qword ptr \(m.text), \(value)"
      },
      EncoderForm("cmpxchg m, r") { code, random in
        let (m, s) = (random.memory(), random.register())
        code.compareExchange(m, s, lock: false)
        return "cmpxchg qword ptr \(m.text), \(s)"
      },
      EncoderForm("lock cmpxchg m, r") { code, random in
        let (m, s) = (random.memory(), random.register())
        code.compareExchange(m, s, lock: true)
        return "lock cmpxchg qword ptr \(m.text), \(s)"
      },
    ]
    + X86_64.Width.allCases.map { width in
      EncoderForm("load \(width)") { code, random in
        let (d, m) = (random.register(), random.memory())
        code.load(d, m, width)
        switch width {
        case .one, .two: return "movzx \(d.name(.four)), \(width.pointer)\(m.text)"
        case .four, .eight: return "mov \(d.name(width)), \(width.pointer)\(m.text)"
        }
      }
    }
    + X86_64.Width.allCases.map { width in
      // For rax and a plain 32-bit displacement after fs there is another, equally long form.
      EncoderForm("store \(width)") { code, random in
        let (s, m) = (random.register(), random.memory())
        code.store(m, s, width)
        return "mov \(width.pointer)\(m.text), \(s.name(width))"
      }
    }

  private static let arithmetic: [EncoderForm] =
    X86_64.Arithmetic.allCases.flatMap { kind in
      [
        EncoderForm("\(kind.mnemonic) r, r") { code, random in
          let (d, s) = (random.register(), random.register())
          code.arithmetic(kind, d, s)
          return "\(kind.mnemonic) \(d), \(s)"
        },
        EncoderForm("\(kind.mnemonic) r, m") { code, random in
          let (d, m) = (random.register(), random.memory())
          code.arithmetic(kind, d, m)
          return "\(kind.mnemonic) \(d), qword ptr \(m.text)"
        },
        EncoderForm("\(kind.mnemonic) r, imm") { code, random in
          let (d, value) = (random.register(), random.immediate())
          code.arithmetic(kind, d, value)
          return "\(kind.mnemonic) \(d), \(value)"
        },
        EncoderForm("\(kind.mnemonic) m, r") { code, random in
          let (m, s) = (random.memory(), random.register())
          code.arithmetic(kind, m, s)
          return "\(kind.mnemonic) qword ptr \(m.text), \(s)"
        },
        EncoderForm("\(kind.mnemonic) m, imm") { code, random in
          let (m, value) = (random.memory(), random.immediate())
          code.arithmetic(kind, m, value)
          return "\(kind.mnemonic) qword ptr \(m.text), \(value)"
        },
      ]
        + (kind == .compare
          ? []
          : [
            EncoderForm("lock \(kind.mnemonic) m, r") { code, random in
              let (m, s) = (random.memory(), random.register())
              code.arithmetic(kind, m, s, lock: true)
              return "lock \(kind.mnemonic) qword ptr \(m.text), \(s)"
            },
            EncoderForm("lock \(kind.mnemonic) m, imm") { code, random in
              let (m, value) = (random.memory(), random.immediate())
              code.arithmetic(kind, m, value, lock: true)
              return "lock \(kind.mnemonic) qword ptr \(m.text), \(value)"
            },
          ])
    }
    + [
      EncoderForm("imul r, r") { code, random in
        let (d, s) = (random.register(), random.register())
        code.multiply(d, s)
        return "imul \(d), \(s)"
      },
      EncoderForm("imul r, m") { code, random in
        let (d, m) = (random.register(), random.memory())
        code.multiply(d, m)
        return "imul \(d), qword ptr \(m.text)"
      },
      EncoderForm("imul r, r, imm") { code, random in
        let (d, s, value) = (random.register(), random.register(), random.immediate())
        code.multiply(d, s, value)
        return "imul \(d), \(s), \(value)"
      },
      EncoderForm("test r, r") { code, random in
        let (d, s) = (random.register(), random.register())
        code.test(d, s)
        return "test \(d), \(s)"
      },
    ]
    + X86_64.Shift.allCases.map { kind in
      EncoderForm("shift \(kind)") { code, random in
        let (d, count) = (random.register(), UInt8(random.next() % 64))
        code.shift(kind, d, count)
        return "\(kind == .left ? "shl" : "shr") \(d), \(count)"
      }
    }

  private static let conditions = [
    "o", "no", "b", "ae", "e", "ne", "be", "a", "s", "ns", "p", "np", "l", "ge", "le", "g",
  ]

  private static let control: [EncoderForm] = [
    EncoderForm("jcc rel8") { code, random in
      let condition = X86_64.Condition.allCases[Int(random.next() % 16)]
      let distance = Int8(truncatingIfNeeded: random.next())
      code.branch(condition, short: distance)
      return "j\(conditions[Int(condition.rawValue)]) . + 2 + \(distance)"
    },
    EncoderForm("jcc rel32") { code, random in
      let condition = X86_64.Condition.allCases[Int(random.next() % 16)]
      let distance = Int32.random(in: 1000...1_000_000, using: &random)
      code.branch(condition, near: distance)
      return "j\(conditions[Int(condition.rawValue)]) . + 6 + \(distance)"
    },
    EncoderForm("jmp rel8") { code, random in
      let distance = Int8(truncatingIfNeeded: random.next())
      code.jump(short: distance)
      return "jmp . + 2 + \(distance)"
    },
    EncoderForm("jmp rel32") { code, random in
      let distance = -Int32.random(in: 1000...1_000_000, using: &random)
      code.jump(near: distance)
      return "jmp . + 5 + \(distance)"
    },
    EncoderForm("call rel32") { code, random in
      let distance = Int32(truncatingIfNeeded: random.next() >> 40) - 1000
      code.call(near: distance)
      return "call . + 5 + \(distance)"
    },
    EncoderForm("jmp m") { code, random in
      let m = random.memory()
      code.jump(through: m)
      return "jmp qword ptr \(m.text)"
    },
    EncoderForm("call m") { code, random in
      let m = random.memory()
      code.call(through: m)
      return "call qword ptr \(m.text)"
    },
  ]

  /// The no-operations that the Intel manual recommends, by how many bytes they are.
  private static let noOperations = [
    "nop", "xchg ax, ax", "nop dword ptr [rax]", "{disp8} nop dword ptr [rax]",
    "{disp8} nop dword ptr [rax + rax]", "{disp8} nop word ptr [rax + rax]", "{disp32} nop dword ptr [rax]",
    "{disp32} nop dword ptr [rax + rax]", "{disp32} nop word ptr [rax + rax]",
  ]

  private static let fixed: [EncoderForm] = [
    EncoderForm("nop") { code, random in
      let count = random.below(41)
      code.noOperation(count)
      let longest = noOperations[8]
      let whole = [String](repeating: longest, count: count / 9)
      return (whole + (count % 9 == 0 ? [] : [noOperations[count % 9 - 1]])).joined(separator: "; ")
    },
    EncoderForm("ret") { $0.return() },
    EncoderForm("int3") { $0.breakpoint() },
    EncoderForm("ud2") { $0.undefined() },
    EncoderForm("rdtsc") { $0.readTimestamp() },
    EncoderForm("pause") { $0.pause() },
    EncoderForm("mfence") { $0.memoryFence() },
    EncoderForm("endbr64") { $0.endBranch() },
  ]
}
