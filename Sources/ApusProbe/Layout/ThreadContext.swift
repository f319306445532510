package import ApusCore
package import ApusISA

extension Architecture {
  /// Whether ``ProbeInstruction/threadPointer(_:)`` is the word that the thread pointer points to, which is itself in every C
  /// library, or (elsewhere) the register.
  package var keepsThreadPointerInMemory: Bool {
    switch self {
    case .x86_64: true
    case .arm64, .ppc64le: false
    }
  }
}

/// Where everything stands that trampolines share with each other and with `apus`: one table, used by the
/// programs, their interpreter and the recorder.
///
/// Three regions live in the traced process, the first two side by side:
///
/// ```
/// private (anonymous, inherited by fork)   contexts │ cursors (wiped by fork)
/// shared  (a memfd, mapped by apus too)    control │ progress │ lost calls │ counts │ buffers
/// tables  (anonymous, not reserved)        chunk table │ mirror: one mirror chunk for each slot of the table
/// ```
package enum ThreadContext {
  /// Bytes from one context to the next, and from one cursor to the next.
  package static let stride = 128
  /// log2 of ``stride``.
  package static let strideShift: UInt8 = 7
  /// log2 of how many home places the table has.
  package static let tableBits: UInt8 = 15
  /// How far from its home place a context may stand.
  package static let probeLimit = 64
  /// Contexts in the table, the ones past the last home place included: whole pages of them on every architecture.
  package static let count = (1 << Int(tableBits)) + Int(largestPage) / stride
  /// The largest page of any architecture, in bytes.
  private static let largestPage: Int32 = 64 << 10
  /// The multiplier of the hash, 2^32/φ as a negative number: thread pointers come in arithmetic series, which Fibonacci
  /// hashing spreads. It fits an instruction's immediate.
  package static let hashMultiplier = Int32(bitPattern: 0x9E37_79B1)
  /// The place in the table is the product's bits from this one on. A series with a step of 2^s, s from 12 to 40, is spread
  /// by what the product has in and below these bits.
  package static let hashShift: UInt8 = 40

  /// The home place of a thread pointer.
  package static func home(of threadPointer: UInt64) -> Int {
    let product = threadPointer &* UInt64(bitPattern: Int64(hashMultiplier))
    return Int(product >> UInt64(hashShift) & (1 << UInt64(tableBits) - 1))
  }

  // What every event touches stands in three cache lines: of the context, of its cursor, and of its progress words. They
  // are the same distances apart for every thread, and in different sets of the first cache, whatever its place (bits 6 to 11
  // of their addresses): lines of one set that also agree in a hash of higher bits push each other out of AMD's predictor of
  // ways (with one context in three an untimed call cost half as much again), and a load waits for a store to the same place
  // of another page. The context's is the second line of its place, the progress words' the first, and cursors are shifted.
  // The position, for which some architectures have no displacement, is whole pages from the context.

  /// The context's line, from the context's start.
  private static let contextLine: Int32 = 64
  /// How far into their pages the cursors begin.
  private static let cursorLead: Int32 = 2048
  /// The bytes of contexts.
  package static let contextBytes = Int32(count * stride)
  /// The bytes of contexts and cursors.
  package static let privateBytes = 2 * contextBytes + largestPage

  // Offsets in a context. Fork's child inherits these.

  /// The thread pointer: 0 when never used, 1 when retired.
  package static let threadPointer = contextLine + 0
  /// The window: the stack chunk that the thread runs on. Its lowest address.
  package static let windowLow = contextLine + 8
  /// The mirror entry of frame F stands at 4 F + delta.
  package static let windowDelta = contextLine + 16
  /// The innermost open frame in the window, or the window's end when none is open. 0: there is no valid window (so while
  /// the window changes).
  package static let current = contextLine + 24
  /// The window's slot in the chunk table; 0 until the thread's first event.
  package static let windowSlot = contextLine + 32
  /// Not 0 while return addresses are put back.
  package static let disarmed = contextLine + 40
  /// How many traced frames are open (with `--depth` only).
  package static let depth = contextLine + 48
  /// The outermost open root frame, or 0 (with `--root` only).
  package static let rootFrame = contextLine + 56
  /// The buffer's address.
  package static let bufferBase: Int32 = 0
  /// The address of the buffer's end.
  package static let bufferEnd: Int32 = 8
  /// While an unwinder walks: the frame address of its first function, else 0. Nothing is armed meanwhile, by no
  /// handler that interrupts it.
  package static let unwinding: Int32 = 16
  /// How many windows may still be searched for a landing.
  package static let searches: Int32 = 24

  /// The number of the highest stack chunk of the thread's own stack; 0 if that is not known.
  package static let home: Int32 = 32
  /// The thread's own stack lies in so many chunks down from there.
  package static let homeChunks: Int32 = 32

  /// Counts changes of the window, those that began anew too.
  package static let windowChanges: Int32 = 40
  /// With a depth limit: the depth when the thread's window last changed from a chunk of its own stack.
  package static let ownDepth: Int32 = 48

  // Offsets from a context to the words of its cursor. Zero after a fork: no position is below a limit of 0.

  /// Events may be written while the position is below this address.
  package static let limit = contextBytes + cursorLead
  /// The buffer's size in bytes; 0 for a thread without a buffer.
  package static let capacity = limit + 8
  /// This thread's call counters, 8 bytes a function (count level).
  package static let counters = limit + 16
  /// Returns of recorded calls that found the buffer full.
  package static let pendingReturns = limit + 24
  /// Not 0 while a session lasts.
  package static let session = limit + 32
  /// Not 0 if the stack chunk must be logged before anything else.
  package static let stackOwed = limit + 40

  /// From a context to its progress words: they follow the control page, which follows the cursors.
  package static let progressDistance = privateBytes + SharedControl.size

  // Offsets from a context to its progress words, in the shared region: what the thread and the reader tell each other.

  /// The address where the next event goes, from the buffer's start to its end, both included; only the thread changes it.
  package static let position = progressDistance + 0
  /// With a minimum duration: the reader's position, behind which the thread may take entries back; only the thread changes
  /// it, and never back.
  package static let sealed = progressDistance + 8
  /// With a minimum duration: the entries below this address that are not sealed have been open for long. Only the reader changes it,
  /// seldom, so that it may stand in the thread's line.
  package static let aged = progressDistance + 16
  /// The address of the first event that is not consumed; only the reader changes it.
  package static let consumed = progressDistance + 64
}

/// The chunk table: which piece of which stack has which mirror.
///
/// A slot is claimed once, by compare-and-exchange of its key, and never given back while a session lasts, so that
/// a frame's mirror entry can always be found from its address.
package enum StackChunk {
  /// log2 of a chunk's bytes.
  package static let shift: UInt8 = 18
  /// A chunk's bytes.
  package static let size: UInt64 = 1 << UInt64(shift)
  /// A mirror chunk's bytes: 32 for each 8 of stack. (Frames may stand 8 bytes apart: gcc's -fipa-stack-alignment.)
  package static let mirrorShift: UInt8 = shift + 2
  /// Bytes from one slot to the next.
  package static let slotStride = 128
  package static let slotShift: UInt8 = 7
  /// How far from its home place a slot may stand.
  package static let probeLimit = 128

  /// The multiplier of the hash, 2^64/φ; a key's home place is in the product's high bits.
  package static let hashMultiplier: UInt64 = 0x9E37_79B9_7F4A_7C15

  // Offsets in a slot.

  /// The stack address >> ``shift``; 0 when free.
  package static let key: Int32 = 0
  /// The thread context's `current` when this chunk was last left, or 0 when it never was a window.
  package static let current: Int32 = 8
  /// The depth when this chunk was last left.
  package static let depth: Int32 = 16

  // Offsets in a mirror entry.

  /// The caller's return address; 0 when the frame is not open.
  package static let returnAddress: Int32 = 0
  /// The low bits of the frame's return event; in bit 63 ``hasOuterBit``.
  package static let frame: Int32 = 8
  /// Set in a frame that changed the thread's window: ``outerSlot`` says what to change it back to.
  package static let hasOuterBit: UInt8 = 63
  /// The window's slot before the frame was entered.
  package static let outerSlot: Int32 = 16
  /// The enclosing open frame, or the window's end if there is none.
  package static let enclosing: Int32 = 24
}

/// The shared region's control page.
package enum SharedControl {
  /// A robust lock that `apus` holds: 32 bits, whose bit 30 the kernel sets when its holder dies.
  package static let owner: Int32 = 0
  /// Bit 30, FUTEX_OWNER_DIED.
  package static let ownerDied: Int32 = 0x4000_0000
  /// How many ticks of the time-stamp counter a writer waits for room before it gives up.
  package static let patience: Int32 = 64
  /// Not 0 once a writer has given up: nobody waits any more.
  package static let gaveUp: Int32 = 72
  /// How often the dynamic loader reported a change.
  package static let loaderRequests: Int32 = 80
  /// How many of these `apus` has answered.
  package static let loaderAnswers: Int32 = 88
  /// How many arenas there are; (start, size) pairs follow at ``arenas``.
  package static let arenaCount: Int32 = 96
  package static let arenas: Int32 = 1024
  /// As many as fit in the control page.
  package static let arenaLimit = 190
  /// Slow-path counters.
  package static let counters: Int32 = 128

  /// What slow paths count.
  package enum Counter: Int32, Sendable, CaseIterable {
    case unmatchedReturns = 0
    case unwound = 1
    case rearmed = 2
    case stackFull = 3
    case noContext = 4
    case stackSwitches = 5
    case waits = 7
    case unwinderCalls = 8
    case gaveUp = 9
    case walkedThrough = 10

    /// Offset in the control page.
    package var offset: Int32 { SharedControl.counters + 8 * rawValue }
    /// The name in `apus info`.
    package var name: String {
      switch self {
      case .unmatchedReturns: "unmatched_returns"
      case .unwound: "unwound"
      case .rearmed: "re_armed"
      case .stackFull: "stack_full"
      case .noContext: "no_context"
      case .stackSwitches: "stack_switches"
      case .waits: "waits"
      case .unwinderCalls: "unwinder_calls"
      case .gaveUp: "gave_up_waiting"
      case .walkedThrough: "walked_through"
      }
    }
  }

  /// The control page's bytes: a page of any architecture.
  package static let size: Int32 = 64 << 10
}

/// The register file that stubs on the regs path write and log.
package struct RegisterRecord: Sendable, Hashable {
  /// How many words.
  package var count: Int
  /// How far below the frame address it begins.
  package var frameBytes: Int32
  /// Which word is the program counter.
  package var programCounter: Int

  package init(count: Int, frameBytes: Int32, programCounter: Int) {
    self.count = count
    self.frameBytes = frameBytes
    self.programCounter = programCounter
  }

  /// What an architecture's stubs write.
  package init(_ layout: RegisterFileLayout) {
    self.init(
      count: layout.recorded, frameBytes: Int32(layout.frameBytes), programCounter: layout.programCounter)
  }

  /// The bytes of its events, the call's own included.
  package var eventBytes: Int32 { Int32(8 * (2 * count + 1)) }
}

/// What the programs must know of one session: addresses in the traced process, and the policy.
package struct ProbeEnvironment: Sendable, Hashable {
  /// The first thread context.
  package var contexts: Address
  /// The first slot of the chunk table.
  package var chunkTable: Address
  /// log2 of the chunk table's home places.
  package var chunkBits: UInt8
  /// The first mirror chunk.
  package var mirror: Address
  /// The shared region's control page.
  package var control: Address
  /// Lost calls, 8 bytes a function, by function identifier.
  package var lostCalls: Address
  /// Calls of threads without a context at count level, 8 bytes a function.
  package var sharedCounts: Address
  /// Where a frame returns to whose return needs the slow path.
  package var slowReturn: Address
  /// The arena that the code lies in.
  package var arena: AddressRange
  /// Whether events carry times.
  package var isTimed: Bool
  /// Whether a writer waits for room instead of dropping.
  package var waitsForRoom: Bool
  /// How many traced frames may be open at once, if limited.
  package var depthLimit: Int32?
  /// Calls that are shorter than this many ticks are taken back, if they are the last that was logged. 0: none is.
  package var minimumTicks: Int32
  /// Whether a writer that waits for room stops itself for the tracer (``ProbeTrap/room``) instead of spinning: where the
  /// buffers can be read only while their threads stand.
  package var trapsForRoom = false
  /// Whether a thread that loads libraries stops itself for the tracer (``ProbeTrap/loader``) instead of spinning.
  package var trapsForLoader = false
  /// Whether a thread without a context stops itself for the tracer (``ProbeTrap/thread``), which was not told of its birth.
  package var trapsForThreads = false
  /// What is logged of the registers on the regs path.
  package var registers: RegisterRecord
  /// Whether return addresses are put back before an unwinder walks, since each stands at its frame address. Otherwise the
  /// unwinder's look-ups are led past ours (``ProbeProgram/lookUpHook(_:environment:)``).
  package var putsBack: Bool

  /// The address of a word that is not zero while the session's memory is the session's own: zero in a forked child.
  package var sessionMark: Address {
    contexts + UInt64((ThreadContext.count - 1) * ThreadContext.stride) + UInt64(ThreadContext.session)
  }

  package init(
    contexts: Address, chunkTable: Address, chunkBits: UInt8, mirror: Address, control: Address,
    lostCalls: Address, sharedCounts: Address, slowReturn: Address, arena: AddressRange, isTimed: Bool,
    waitsForRoom: Bool, depthLimit: Int32? = nil,
    minimumTicks: Int32 = 0,
    registers: RegisterRecord = RegisterRecord(RegisterFileLayout(.x86_64)), putsBack: Bool = true
  ) {
    self.putsBack = putsBack
    self.registers = registers
    self.contexts = contexts
    self.chunkTable = chunkTable
    self.chunkBits = chunkBits
    self.mirror = mirror
    self.control = control
    self.lostCalls = lostCalls
    self.sharedCounts = sharedCounts
    self.slowReturn = slowReturn
    self.arena = arena
    self.isTimed = isTimed
    self.waitsForRoom = waitsForRoom
    self.depthLimit = depthLimit
    self.minimumTicks = minimumTicks
  }
}
