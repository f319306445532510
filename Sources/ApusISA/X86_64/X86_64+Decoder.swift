package import ApusCore
import CCapstone

extension X86_64 {
  /// One decoded instruction.
  package struct Instruction: Sendable, Hashable {
    /// What it does to the flow of control.
    package enum Flow: Sendable, Hashable {
      /// Goes on with the next instruction.
      case next
      /// `jmp` to an address, or to one that is known only when it runs (nil).
      case jump(Address?)
      /// `jcc` to an address.
      case branch(Condition, Address)
      /// `call`; nil: through a register or memory.
      case call(Address?)
      /// `loop`, `loope`, `loopne`, `jrcxz`, `jecxz`, `xbegin` and others that have only one, relative, form.
      case special(Address?)
      case `return`
      /// `int3`, `ud2`, `hlt`.
      case trap
    }
    /// Where it stands.
    package var address: Address
    package var bytes: [UInt8]
    package var mnemonic: String
    /// The operands as text, in the Intel manual's order.
    package var operands: String
    package var flow: Flow
    /// If it has an operand relative to the next instruction's address: the offset of its 4-byte
    /// displacement.
    package var relativeDisplacementOffset: Int?
    /// Whether it is one of the forms that assemblers pad with.
    package var isNoOperation: Bool

    /// How many bytes it takes.
    package var count: Int { bytes.count }
    /// The address after it.
    package var next: Address { address &+ UInt64(bytes.count) }
    /// Mnemonic and operands.
    package var text: String { operands.isEmpty ? mnemonic : mnemonic + " " + operands }
    /// Whether control never goes on to the next instruction.
    package var endsPath: Bool {
      switch flow {
      case .jump, .return, .trap: true
      default: false
      }
    }
    /// The address in the operand that is relative to the next instruction.
    package var relativeTarget: Address? {
      guard let offset = relativeDisplacementOffset, offset + 4 <= bytes.count else { return nil }
      var value: UInt32 = 0
      for index in 0..<4 { value |= UInt32(bytes[offset + index]) << UInt32(8 * index) }
      return next &+ UInt64(bitPattern: Int64(Int32(bitPattern: value)))
    }
  }

  /// Why bytes could not be decoded.
  package enum DecodingError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The decoder library could not be started; its error number.
    case unavailable(Int)
    /// The bytes from here on are no instruction, or are cut short.
    case invalid(Address, [UInt8])

    package var description: String {
      switch self {
      case .unavailable(let code): "capstone cannot be used: error \(code)"
      case .invalid(let address, let bytes):
        "no x86-64 instruction at 0x\(String(address, radix: 16)): "
          + bytes.map { String($0, radix: 16) }.joined(separator: " ")
      }
    }
  }

  /// Decodes instructions with capstone. Not for use by several threads at once.
  @safe
  package final class Decoder {
    private var handle: csh = 0
    private let storage: UnsafeMutablePointer<cs_insn>

    /// Opens the library.
    package init() throws(DecodingError) {
      var handle: csh = 0
      let opened = unsafe cs_open(CS_ARCH_X86, CS_MODE_64, &handle)
      guard opened == CS_ERR_OK else { throw .unavailable(Int(opened.rawValue)) }
      let detailed = cs_option(handle, CS_OPT_DETAIL, Int(CS_OPT_ON.rawValue))
      guard detailed == CS_ERR_OK, let storage = unsafe cs_malloc(handle) else {
        unsafe cs_close(&handle)
        throw .unavailable(Int(detailed.rawValue))
      }
      self.handle = handle
      unsafe self.storage = storage
    }

    deinit {
      unsafe cs_free(storage, 1)
      unsafe cs_close(&handle)
    }

    /// Decodes the instruction at the start of `bytes`.
    package func decode(_ bytes: some Collection<UInt8>, at address: Address) throws(DecodingError)
      -> Instruction
    {
      let window = Array(bytes.prefix(15))
      var count = window.count
      var position = address
      let decoded = unsafe window.withUnsafeBufferPointer { buffer in
        var start = buffer.baseAddress
        return unsafe start != nil && cs_disasm_iter(handle, &start, &count, &position, storage)
      }
      guard decoded else { throw .invalid(address, window) }
      let size = window.count - count
      return unsafe describe(storage.pointee, Array(window.prefix(size)), address)
    }

    /// Decodes all of `bytes`, one instruction after the other.
    package func decodeAll(_ bytes: [UInt8], at address: Address) throws(DecodingError) -> [Instruction] {
      var result: [Instruction] = []
      var offset = 0
      while offset < bytes.count {
        let instruction = try decode(bytes[offset...], at: address &+ UInt64(offset))
        result.append(instruction)
        offset += instruction.count
      }
      return result
    }

    private func describe(_ raw: cs_insn, _ bytes: [UInt8], _ address: Address) -> Instruction {
      var raw = unsafe raw
      let mnemonic = unsafe Self.text(&raw.mnemonic)
      let operands = unsafe Self.text(&raw.op_str)
      var instruction = Instruction(
        address: address, bytes: bytes, mnemonic: mnemonic, operands: operands, flow: .next,
        relativeDisplacementOffset: nil,
        isNoOperation: unsafe raw.id == X86_INS_NOP.rawValue)
      guard let detail = unsafe raw.detail else { return instruction }
      let x86 = unsafe detail.pointee.x86
      let displacement = Int(x86.encoding.disp_offset)
      // ModRM with mod 0 and r/m 5 is [rip + disp32] (Intel manual, volume 2, 2.2.1.6).
      if displacement > 0 && x86.encoding.modrm_offset > 0 && x86.modrm & 0xc7 == 0x05 {
        instruction.relativeDisplacementOffset = displacement
      }
      let immediate = x86.op_count > 0 && x86.operands.0.type == X86_OP_IMM
      let target: Address? = immediate ? UInt64(bitPattern: x86.operands.0.imm) : nil
      instruction.flow = unsafe Self.flow(raw.id, bytes, target, isJump: raw.mnemonic.0 == 0x6a)
      return instruction
    }

    private static func flow(
      _ id: UInt32, _ bytes: [UInt8], _ target: Address?, isJump: Bool
    ) -> Instruction.Flow {
      // With an operand-size prefix processors disagree on how a relative branch is read.
      let isOdd = target != nil && bytes.first == Prefix.operandSize.rawValue
      switch id {
      case X86_INS_JMP.rawValue, X86_INS_LJMP.rawValue: return isOdd ? .special(target) : .jump(target)
      case X86_INS_CALL.rawValue, X86_INS_LCALL.rawValue: return isOdd ? .special(target) : .call(target)
      case X86_INS_RET.rawValue, X86_INS_RETF.rawValue, X86_INS_RETFQ.rawValue, X86_INS_IRET.rawValue,
        X86_INS_IRETD.rawValue, X86_INS_IRETQ.rawValue, X86_INS_SYSRET.rawValue:
        return .return
      case X86_INS_INT3.rawValue, X86_INS_UD2.rawValue, X86_INS_HLT.rawValue: return .trap
      case X86_INS_LOOP.rawValue, X86_INS_LOOPE.rawValue, X86_INS_LOOPNE.rawValue, X86_INS_JRCXZ.rawValue,
        X86_INS_JECXZ.rawValue, X86_INS_JCXZ.rawValue, X86_INS_XBEGIN.rawValue:
        return .special(target)
      default: break
      }
      guard let target, isJump else { return .next }
      guard let condition = condition(bytes) else { return .special(target) }
      return .branch(condition, target)
    }

    /// The condition of a `jcc`, after branch hints and other prefixes.
    private static func condition(_ bytes: [UInt8]) -> Condition? {
      let code = bytes.drop { $0 == 0x2e || $0 == 0x3e || $0 == 0xf2 || $0 & 0xf0 == Prefix.rex.rawValue }
      guard let first = code.first else { return nil }
      if UInt16(first & 0xf0) == Opcode.jumpConditionalShort.rawValue {
        return Condition(rawValue: first & 15)
      }
      guard first == 0x0f, let second = code.dropFirst().first else { return nil }
      guard 0x0f00 | UInt16(second & 0xf0) == Opcode.jumpConditionalNear.rawValue else { return nil }
      return Condition(rawValue: second & 15)
    }

    /// A C string in a fixed array.
    private static func text<Array>(_ array: inout Array) -> String {
      unsafe withUnsafeBytes(of: &array) { bytes in
        unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
      }
    }
  }
}
