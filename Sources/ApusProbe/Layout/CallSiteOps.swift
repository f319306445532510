/// What a call site's stub records of its function, and where it stands if many functions have the same stub: in the memory of
/// the process, found by a pointer in the nops before the function.
///
/// All words are 64 bits, and are written before the site is enabled.
package enum CallSiteOps {
  /// The function's number.
  package static let function: Int32 = 0
  /// The words of its events, without time: see ``EventWord``.
  package static let entry: Int32 = 8
  package static let `return`: Int32 = 16
  package static let tail: Int32 = 24
  /// In bytes.
  package static let size = 32

  /// The words of a function.
  package static func words(function: UInt32) -> [UInt64] {
    [UInt64(function)] + [.entry, .return, .tail].map { EventWord($0, function: function, time: 0).rawValue }
  }
}

/// Whose calls a stub records.
package enum StubFunction: Sendable, Hashable {
  /// Those of one function, whose number is in the code.
  case one(UInt32)
  /// Those of all functions whose ops it finds this many bytes before the body.
  case many(opsDistance: Int)

  /// What its stub is entered from.
  var role: ProbeProgram.Role {
    switch self {
    case .one: .stub
    case .many(let distance): .sharedStub(opsDistance: distance)
    }
  }
}

extension ProgramBuilder {
  /// Where a stub of many functions has its site's ops while it runs up to the body.
  private static let ops = ProbeRegister.v5

  /// Finds the site's ops. Before the first use of any of the operands below, and again behind calls of routines.
  mutating func findOps(_ function: StubFunction) {
    if case .many = function { emit(.siteOps(Self.ops)) }
  }

  /// An event's word without its time.
  func word(_ kind: EventWord.Kind, _ function: StubFunction) -> ProbeOperand {
    switch function {
    case .one(let number): .immediate(Int32(EventWord(kind, function: number, time: 0).rawValue))
    case .many:
      switch kind {
      case .return: .at(Self.ops, CallSiteOps.return)
      case .tail: .at(Self.ops, CallSiteOps.tail)
      default: .at(Self.ops, CallSiteOps.entry)
      }
    }
  }

  /// Stores an event's word without its time. Of many functions, changes `scratch`.
  mutating func storeWord(
    _ base: ProbeRegister, _ offset: Int32, _ kind: EventWord.Kind, _ function: StubFunction,
    scratch: ProbeRegister
  ) {
    switch word(kind, function) {
    case .immediate(let value): storeConstant(base, offset, value)
    case .register(let register): store(base, offset, register)
    case .memory(let place):
      load(scratch, place.base, place.offset)
      store(base, offset, scratch)
    }
  }

  /// `d` = the function's number.
  mutating func number(_ d: ProbeRegister, _ function: StubFunction) {
    switch function {
    case .one(let number): constant(d, UInt64(number))
    case .many:
      emit(.siteOps(d))
      load(d, d, CallSiteOps.function)
    }
  }
}
