import ApusISA

extension ARM64EncoderForm {
  private static let conditions = [
    "eq", "ne", "hs", "lo", "mi", "pl", "vs", "vc", "hi", "ls", "ge", "lt", "gt", "le", "al", "nv",
  ]

  static let control: [ARM64EncoderForm] =
    [
      ARM64EncoderForm("b") { code, random in
        let n = random.distance(26)
        code.jump(n)
        return "b . + (\(n))"
      },
      ARM64EncoderForm("bl") { code, random in
        let n = random.distance(26)
        code.call(n)
        return "bl . + (\(n))"
      },
      ARM64EncoderForm("b.cond") { code, random in
        let (condition, n) = (ARM64.Condition.allCases[random.below(16)], random.distance(19))
        code.branch(condition, n)
        return "b.\(conditions[Int(condition.rawValue)]) . + (\(n))"
      },
      ARM64EncoderForm("cbz, cbnz") { code, random in
        let (s, isNotZero, wide, n) = (random.orZero(), random.flag(), random.flag(), random.distance(19))
        code.compareZero(s, isNotZero: isNotZero, wide: wide, n)
        return "\(isNotZero ? "cbnz" : "cbz") \(s.text(wide ? .eight : .four)), . + (\(n))"
      },
      ARM64EncoderForm("tbz, tbnz") { code, random in
        let (s, isSet, bit, n) = (random.orZero(), random.flag(), random.below(64), random.distance(14))
        code.testBit(s, UInt8(bit), isSet: isSet, n)
        return "\(isSet ? "tbnz" : "tbz") \(s.text(bit < 32 ? .four : .eight)), #\(bit), . + (\(n))"
      },
      ARM64EncoderForm("br") { code, random in
        let r = random.orZero()
        code.jump(through: r)
        return "br \(r.text)"
      },
      ARM64EncoderForm("blr") { code, random in
        let r = random.orZero()
        code.call(through: r)
        return "blr \(r.text)"
      },
      ARM64EncoderForm("ret") { code, random in
        let r = random.orZero()
        code.return(r)
        return "ret \(r.text)"
      },
      ARM64EncoderForm("adr") { code, random in
        let (d, n) = (random.orZero(), random.number((1 << 21) - 1) - (1 << 20))
        code.address(d, n)
        return "adr \(d.text), . + (\(n))"
      },
      ARM64EncoderForm("adrp") { code, random in
        let (d, n) = (random.orZero(), random.number((1 << 21) - 1) - (1 << 20))
        code.addressOfPage(d, n)
        return "adrp \(d.text), \(n) << 12"
      },
      ARM64EncoderForm("ldr literal") { code, random in
        let kind = ARM64.Literal.allCases[random.below(7)]
        let (number, n) = (UInt8(random.below(31)), random.distance(19))
        code.loadLiteral(kind, number, n)
        return switch kind {
        case .word: "ldr w\(number), . + (\(n))"
        case .doubleword: "ldr x\(number), . + (\(n))"
        case .signedWord: "ldrsw x\(number), . + (\(n))"
        case .prefetch: "prfm #\(number), . + (\(n))"
        case .vector4: "ldr s\(number), . + (\(n))"
        case .vector8: "ldr d\(number), . + (\(n))"
        case .vector16: "ldr q\(number), . + (\(n))"
        }
      },
      ARM64EncoderForm("hint") { code, random in
        let hint = ARM64.Hint.allCases[random.below(ARM64.Hint.allCases.count)]
        code.hint(hint)
        return hint.mnemonic
      },
      ARM64EncoderForm("brk, udf") { code, random in
        let (value, isUndefined) = (random.number(0xffff), random.flag())
        if isUndefined { code.undefined(UInt16(value)) } else { code.breakpoint(UInt16(value)) }
        return "\(isUndefined ? "udf" : "brk") #\(value)"
      },
      ARM64EncoderForm("mrs, dmb") { code, random in
        let r = random.orZero()
        switch random.below(4) {
        case 2:
          code.readFlags(r)
          return "mrs \(r.text), nzcv"
        case 0:
          code.readThreadPointer(r)
          return "mrs \(r.text), tpidr_el0"
        case 1:
          code.readCounter(r)
          return "mrs \(r.text), cntvct_el0"
        default:
          code.fence()
          return "dmb ish"
        }
      },
    ]
}

extension ARM64.Hint {
  var mnemonic: String {
    switch self {
    case .noOperation: "nop"
    case .yield: "yield"
    case .stripLink: "xpaclri"
    case .signLinkA: "paciasp"
    case .signLinkB: "pacibsp"
    case .authenticateLinkA: "autiasp"
    case .authenticateLinkB: "autibsp"
    case .target: "bti"
    case .targetCall: "bti c"
    case .targetJump: "bti j"
    case .targetCallJump: "bti jc"
    }
  }
}
