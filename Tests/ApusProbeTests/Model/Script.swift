import ApusProbe

/// One thing that a modelled thread does in a function's body.
indirect enum Op: Sendable {
  /// Calls a function, whose site is enabled and whose body is the list.
  case call(Int, [Op])
  /// Calls a function that has no site: it moves the stack pointer and does the rest.
  case untraced([Op])
  /// Leaves the body by a tail call.
  case tail(Int, [Op])
  /// Leaves the body by a tail call of a function that asks for its return address.
  case tailGiveBack
  /// setjmp or try: a jump or a throw with this number leads behind it.
  case protect(Int, [Op])
  /// A body with a cleanup landing pad, whose code is the second list.
  case cleanup([Op], [Op])
  case longjmp(Int)
  case raise(Int)
  case backtrace
  /// An unwinder begins to walk, and jumps without landing anywhere (thread cancellation).
  case forced(Int)
  /// Switches to another stack, and back.
  case resume(Int)
  case yield
  /// Gives a stack a new life: what was open on it is forgotten.
  case restart(Int, [Op])
  case post(Int)
  case await(Int)
  /// The reader reads.
  case read
  /// So much time passes that the words' times come round; meanwhile the reader notes that what is open is old.
  case age
  /// A library has been opened, and the loader calls its debuggers' function.
  case open
}

/// Which stubs the functions have.
enum Level: Sendable {
  case count, entry, graph
}

extension [Op] {
  /// Where jumps out of it lead.
  var jumps: [Int] {
    flatMap { operation -> [Int] in
      switch operation {
      case .longjmp(let mark): [mark]
      case .call(_, let body), .tail(_, let body), .untraced(let body): body.jumps
      case .protect(let mark, let body): body.jumps.filter { $0 != mark }
      default: []
      }
    }
  }

  /// Whether an unwinder runs somewhere in it.
  var unwinds: Bool {
    contains { operation in
      switch operation {
      case .raise, .forced, .backtrace: true
      case .call(_, let body), .tail(_, let body), .untraced(let body), .protect(_, let body): body.unwinds
      case .cleanup(let body, let cleanup): body.unwinds || cleanup.unwinds
      default: false
      }
    }
  }
}

extension Injection {
  /// Whether it is a handler in which an unwinder runs.
  var unwinds: Bool {
    switch self {
    case .handler(let body), .alternate(let body), .handlerThenFork(let body): body.unwinds
    case .within(let body, _, let second), .behind(let body, _, let second, _):
      body.unwinds || second.unwinds
    default: false
    }
  }
}

/// What one exploration is about.
struct Scenario: Sendable {
  var name: String
  var level = Level.graph
  var timed = true
  var waits = true
  /// Whether who waits for room stops itself, and the reader reads while it stands.
  var stops = false
  var depthLimit: Int32?
  /// Calls that are shorter may be taken back.
  var minimumTicks: Int32 = 0
  /// Whether all calls within the limit, and no others, are recorded or counted as lost.
  var depthIsExact = false
  /// Functions that are never beyond the limit, whatever handlers come in between.
  var shallow: Set<Int> = []
  /// Functions that always are.
  var tooDeep: Set<Int> = []
  /// In events.
  var ringEvents = 512
  /// How many stores of a thread may wait before others see them.
  var waitingStores = 8
  /// What is special about a function's stub.
  var options: [Int: StubOptions] = [:]
  /// Whether the functions with odd numbers have a stub of many functions.
  var sharesStubs = false
  /// Whether the functions with odd numbers are on the regs path.
  var recordsRegisters = false
  /// What the threads run; thread 0 is the one that is interrupted.
  var threads: [[Op]] = []
  /// The contexts that the threads have.
  var contexts = [0, 1]
  /// Which of them do not exist.
  var withoutContext: Set<Int> = []
  /// Whether the contexts say where the thread's own stack ends.
  var knowsOwnStack = false
  /// How many places behind its own a context stands; retired ones stand before it.
  var retired = 0
  /// Other stacks than the threads' own: what runs on fibre `threads.count + n`.
  var fibres: [[Op]] = []
  /// How far above a border between chunks the first thread's stack begins, if on such a stack.
  var edge: UInt64?
  /// Whether the alternate signal stack lies above all others, and not below.
  var alternateIsAbove = false
  /// Whether the first fibre's stack lies in the chunk of the first thread's, above it.
  var sharesChunk = false
  /// What is tried at each boundary.
  var injections: [Injection] = []
  /// Whether that is only before the first thread has a window.
  var isBeforeWindows = false
  /// Whether streams nest exactly.
  var isExact = true
  /// Whether all frames are closed by their own returns when nothing is injected.
  var leavesNothing = true
  /// Whether whatever was left is followed by an event that says so.
  var endsClosed = false
  /// How many boundaries to go on after each one that is explored.
  var stride = 1
  /// A second injection at each of this many random boundaries after the first.
  var pairs = 0
  /// Whether nobody reads or answers while the threads run.
  var readerIsAway = false
  /// Whether the stack table is full before anything runs.
  var tableIsFull = false
  /// How many slots are taken before anything runs, from the home of all stacks on.
  var slotsTaken = 0
  /// The function whose entry, just logged, stands before the first thread's buffer: at the end of another one.
  var neighbour: UInt32?
  /// How many returns the first thread owes before anything runs.
  var owed: UInt64 = 0
}

/// What comes between two operations.
enum Injection: Sendable {
  /// A signal handler runs on the same stack.
  case handler([Op])
  /// A signal handler runs on the alternate stack.
  case alternate([Op])
  /// The process forks in a handler, and parent and child run on; with the shared region replaced or not.
  case fork(severed: Bool)
  /// A handler that does something first, and then forks.
  case handlerThenFork([Op])
  /// The second thread runs to its end, or until it waits.
  case secondThread
  /// The reader reads what is visible.
  case reader
  /// The reader's release is seen before its stores by loads that do not acquire.
  case earlyReader
  /// `apus` takes so many steps towards the loader's next answer.
  case apus(Int)
  /// The loader's answer is seen before what it stands for, by loads that do not acquire.
  case earlyAnswer
  /// `apus` dies, or ends the session: nobody reads or answers any more.
  case death, ending
  /// `apus` has died, and a handler runs that nobody attends to: nothing is made to begin anew, or done first.
  case unattended([Op], alternate: Bool)
  /// The process forks, and at each of so many boundaries such a handler runs in the child.
  case inChild([Op], alternate: Bool, boundaries: Int)
  /// A handler, and something else at each of its boundaries, or of so many behind its end.
  indirect case within([Op], alternate: Bool, Injection)
  indirect case behind([Op], alternate: Bool, Injection, boundaries: Int)
}
