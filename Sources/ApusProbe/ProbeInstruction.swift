/// One of the eight 64-bit registers of the probe language.
///
/// Lowering gives each a machine register; what the traced program had in it is saved before and put back
/// after, so a probe program never sees or changes the program's own values except by the operations that
/// say so.
package struct ProbeRegister: RawRepresentable, Sendable, Hashable, CustomStringConvertible {
  package var rawValue: UInt8
  /// Register `rawValue`, 0 to 7.
  package init(rawValue: UInt8) { self.rawValue = rawValue & 7 }

  package static let v0 = ProbeRegister(rawValue: 0)
  package static let v1 = ProbeRegister(rawValue: 1)
  package static let v2 = ProbeRegister(rawValue: 2)
  package static let v3 = ProbeRegister(rawValue: 3)
  package static let v4 = ProbeRegister(rawValue: 4)
  package static let v5 = ProbeRegister(rawValue: 5)
  package static let v6 = ProbeRegister(rawValue: 6)
  package static let v7 = ProbeRegister(rawValue: 7)
  /// All eight.
  package static let all: [ProbeRegister] = (0..<8).map { ProbeRegister(rawValue: $0) }

  package var description: String { "v\(rawValue)" }
}

/// How many bytes a load or a store moves.
package enum ProbeWidth: Int, Sendable, CaseIterable {
  case one = 1
  case two = 2
  case four = 4
  case eight = 8
}

/// A place in memory: a register and a displacement.
package struct ProbeAddress: Sendable, Hashable {
  package var base: ProbeRegister
  /// In bytes, added with wrap-around.
  package var offset: Int32
  package init(_ base: ProbeRegister, _ offset: Int32 = 0) {
    self.base = base
    self.offset = offset
  }
}

/// The second operand of arithmetic and comparisons.
package enum ProbeOperand: Sendable, Hashable {
  case register(ProbeRegister)
  /// Sign-extended to 64 bits.
  case immediate(Int32)
  /// A 64-bit load from memory.
  case memory(ProbeAddress)
}

/// 64-bit arithmetic with wrap-around.
package enum ProbeArithmetic: Sendable, CaseIterable {
  case add, subtract, and, or, exclusiveOr, multiply
}

/// Unsigned comparisons.
package enum ProbeCondition: Sendable, CaseIterable {
  case equal, notEqual, below, aboveOrEqual

  /// Whether the condition holds between two values.
  package func holds(_ left: UInt64, _ right: UInt64) -> Bool {
    switch self {
    case .equal: left == right
    case .notEqual: left != right
    case .below: left < right
    case .aboveOrEqual: left >= right
    }
  }
}

/// A place in a program that branches lead to; unique within its program.
package struct ProbeLabel: RawRepresentable, Sendable, Hashable {
  package var rawValue: Int
  package init(rawValue: Int) { self.rawValue = rawValue }
}

/// A name for code outside the program: a routine shared by stubs.
package struct ProbeSymbol: RawRepresentable, Sendable, Hashable {
  package var rawValue: String
  package init(rawValue: String) { self.rawValue = rawValue }
}

/// What a thread stops for.
package enum ProbeTrap: Sendable, Hashable, CaseIterable {
  /// Its buffer is full.
  case room
  /// Libraries have been loaded or unloaded.
  case loader
  /// It has no context.
  case thread
  /// The process is about to end.
  case end
  /// The process is about to become another program, if that can be executed.
  case exec
}

/// The operations of the probe language.
///
/// All arithmetic is on 64 bits. Loads zero-extend. "Local" operations are atomic only against signals that
/// arrive on the same thread: on x86_64 one instruction without the lock prefix, on arm64 and ppc64le a loop whose
/// exclusive monitor or reservation a signal clears. What local and atomic operations, acquiring loads and releasing
/// stores access is aligned to 8 bytes; other accesses need no alignment.
package enum ProbeInstruction: Sendable, Hashable {
  /// A branch target; does nothing.
  case label(ProbeLabel)
  case constant(ProbeRegister, UInt64)
  case move(ProbeRegister, ProbeRegister)
  case load(ProbeRegister, ProbeAddress, ProbeWidth)
  case store(ProbeAddress, ProbeRegister, ProbeWidth)
  /// Stores a sign-extended 32-bit constant as 64 bits.
  case storeConstant(ProbeAddress, Int32)
  /// `register = register op operand`.
  case arithmetic(ProbeArithmetic, ProbeRegister, ProbeOperand)
  /// Logical shifts by a constant of 0 to 63.
  case shiftLeft(ProbeRegister, UInt8)
  case shiftRight(ProbeRegister, UInt8)
  /// `first = first + (second << count)` for a count of 1 to 3: the address of an element.
  case addShifted(ProbeRegister, ProbeRegister, UInt8)
  /// Goes to the label if `register condition operand`.
  case branch(ProbeCondition, ProbeRegister, ProbeOperand, ProbeLabel)
  case jump(ProbeLabel)
  /// Adds to 64 bits of memory, atomically against this thread's own signals.
  case localAdd(ProbeAddress, ProbeOperand)
  /// If memory holds `expected`, stores `desired`; otherwise goes to the label. Atomic against this thread's own
  /// signals. `expected` has an unspecified value afterwards.
  case localCompareExchange(
    ProbeAddress, expected: ProbeRegister, desired: ProbeRegister, otherwise: ProbeLabel)
  /// Adds to 64 bits of memory, atomically against all threads; sequentially consistent.
  case atomicAdd(ProbeAddress, ProbeOperand)
  /// Like ``localCompareExchange``, against all threads; sequentially consistent.
  case atomicCompareExchange(
    ProbeAddress, expected: ProbeRegister, desired: ProbeRegister, otherwise: ProbeLabel)
  /// A 64-bit load that no later access of this thread may pass.
  case loadAcquire(ProbeRegister, ProbeAddress)
  /// A 64-bit store that no earlier access of this thread may pass.
  case storeRelease(ProbeAddress, ProbeRegister)
  /// A full fence.
  case fence
  /// A 64-bit load that may fault: the tracer then continues the thread at the label.
  case loadOrFault(ProbeRegister, ProbeAddress, ProbeLabel)
  /// A 64-bit store that may fault: the tracer then continues the thread at the label.
  case storeOrFault(ProbeAddress, ProbeRegister, ProbeLabel)
  /// The thread pointer (x86_64: the word at fs:0; arm64: tpidr_el0; ppc64le: r13).
  case threadPointer(ProbeRegister)
  /// Reads the time-stamp counter (arm64: cntvct_el0; ppc64le: the time base) into the first register; the second is
  /// scratch, unspecified afterwards.
  case timestamp(ProbeRegister, scratch: ProbeRegister)
  /// A hint to the processor that the thread is spinning.
  case pause
  /// Stops the thread for the tracer, which does what the reason asks for and lets it go on behind. Without a tracer the process
  /// would be ended by a signal: only where there is one that is told of every thread's stops.
  case trap(ProbeTrap)
  /// A hint to the processor that there will soon be a store to this place, which need not be mapped.
  case prefetchForStore(ProbeAddress)
  /// Says of the instructions between two labels, the second of which stands here: if a signal is delivered after the
  /// first and before the last of them has been executed, the tracer makes the thread go on at the first label. So no
  /// handler ever sees them half done, and none of them is left half done by a handler that does not return. Without a
  /// tracer nothing happens. Does nothing itself.
  case restartable(ProbeLabel, ProbeLabel)
  /// Says of the stores between two labels, the second of which stands here: if a signal is delivered before one of them,
  /// the tracer makes those that are left in the thread's place, and the thread goes on after them. Behind restartable instructions
  /// whose last one takes effect, they take effect with it: no handler sees the one without the others. Only 64-bit stores of
  /// registers and constants may stand there. Does nothing itself.
  case committed(ProbeLabel, ProbeLabel)
  /// Stubs only: the frame address (x86_64: where the caller's return address stands; arm64 and ppc64le: the stack
  /// pointer at the function's entry).
  case frameAddress(ProbeRegister)
  /// Stubs only: reads and writes the caller's return address.
  case loadReturnAddress(ProbeRegister)
  case storeReturnAddress(ProbeRegister)
  /// Shared stubs only, before the body is called: the address of the call site's ops (``CallSiteOps``).
  case siteOps(ProbeRegister)
  /// Stubs only: the integer argument with this index (0 to 5), as the caller passed it or the stub has set it.
  case argument(ProbeRegister, Int)
  /// Stubs only, before the body is called: the body finds a register's value as the integer argument with this index (0 to 5).
  /// If the stub leaves without the body, what the caller finds in that argument's register is unspecified.
  case setArgument(Int, ProbeRegister)
  /// Stubs only, before the body is called: the address of the call's register file, which lies right below the frame
  /// address (``RegisterFileLayout/frameBytes``) and is complete but for the program counter, whose word is 0. Only a stub
  /// with this operation writes one. What it is made of: see ``RegisterFileLayout``.
  case registerFile(ProbeRegister)
  /// Calls a routine; registers are passed both ways.
  case call(ProbeSymbol)
  /// Routines only: returns to the caller of the routine.
  case returnFromRoutine
  /// Stubs only: calls the function's body with the stack as the caller left it, but that the body returns to the stub.
  /// (x86_64: takes the return address off the stack and makes room for it again afterwards.) All probe registers are unspecified afterwards.
  case callBody
  /// Stubs only: goes on with the body; the stub is over.
  case jumpBody
  /// Stubs only: goes on at the address in the register instead of the body, with everything else as the body would find it; the
  /// stub is over. What a jump between functions may change has the address: arm64 x17, ppc64le r12 and CTR.
  case jumpAddress(ProbeRegister)
  /// Stubs only: returns to the (stored) return address; the stub is over.
  case leave
}

/// A program of the probe language: portable, checked, interpreted and lowered.
package struct ProbeProgram: Sendable {
  /// What a program is to be called from.
  package enum Role: Sendable, Hashable {
    /// Entered by a call site's jump: saves every machine register that it uses, and those in `clobbers` of the
    /// routines it calls.
    case stub
    /// A stub of many functions, on arm64: its call sites call it, with the caller's return address in x9, which nothing else
    /// needs there, and the pointer to their ops stands so many bytes before the body.
    case sharedStub(opsDistance: Int)
    /// Entered by ``ProbeInstruction/call(_:)``: saves what it uses and its caller has not saved.
    case routine
    /// A stub that is entered at a return: there is room for a return address above the stack pointer
    /// (x86_64: entered by `ret`; the frame address is the stack pointer − 8 at that moment. arm64 and ppc64le: the frame
    /// address is the stack pointer, and the return address has no value yet).
    case returnStub

    /// Whether it is entered from a call site.
    package var isAtSite: Bool {
      switch self {
      case .stub, .sharedStub: true
      case .routine, .returnStub: false
      }
    }
    /// Whether many functions have it.
    package var isShared: Bool { if case .sharedStub = self { true } else { false } }
  }

  /// The registers that every stub saves if it calls a routine, and that routines may change freely.
  package static let routineRegisters: [ProbeRegister] = [.v0, .v1, .v2, .v3]

  package var name: String
  package var role: Role
  package var instructions: [ProbeInstruction]

  package init(name: String, role: Role, instructions: [ProbeInstruction]) {
    self.name = name
    self.role = role
    self.instructions = instructions
  }
}
