import ApusProbe

/// One level of what a modelled thread is doing.
struct Activation: Sendable {
  enum Kind: Sendable {
    /// A thread's or a fibre's first function; it has no site.
    case base
    /// A function with a site.
    case function
    /// A part of a function's body, or a function without a site.
    case inline
    /// A signal handler; without a site.
    case handler
    case hook(Purpose)
  }

  /// What a hooked function is called for.
  enum Purpose: Sendable {
    /// `_Unwind_RaiseException`, `_Unwind_Resume`: on to the landing with this number.
    case raise(Int)
    /// `_Unwind_SetIP`, on the way to it.
    case land(Int)
    /// `_Unwind_ForcedUnwind`, whose stop function jumps.
    case forced(Int)
    /// `_Unwind_Backtrace`'s beginning and end.
    case walk, walked
    /// `dlsym`.
    case giveBack
    /// The loader's debugger function, from this time on.
    case loader(since: UInt64)
  }

  var kind: Kind
  var function = 0
  /// Where the return address stands; for other kinds: the lowest stack address in use.
  var frame: UInt64
  /// The real return address.
  var token: UInt64 = 0
  var operations: [Op] = []
  var place = 0
  /// The stub that runs.
  var interpreter: ProbeInterpreter?
  /// Whether the stub's exit part runs, or ran.
  var isLeaving = false
  /// When a stub called the body.
  var began: UInt64?
  /// Which jumps lead behind this level.
  var mark = -1
  /// What runs here when an exception passes.
  var cleanup: [Op]?
  /// The exception that goes on when this level is over.
  var pendingRaise = -1
}

/// A stack and what is on it.
struct Fibre: Sendable {
  var top: UInt64
  var levels: [Activation]
  /// The fibre that goes on when this one yields or ends.
  var resumer = -1
}

/// A thread: which stack it is on.
struct ModelThread: Sendable {
  var fibre: Int
  var context: Int
  var isDone = false
}
