import ApusISA
import ApusProbe

/// Lowers one program to A64.
///
/// All of a region of the program runs with the same machine registers on the stack. A stub looks like this:
///
/// ```
///   x30         R, the caller's return address; the stack pointer is the frame address
///   stp…        the machine registers that the first region uses, and x30 if it calls routines
///   …           the program
///   ldp…        before the body is called, jumped to, or the stub left
/// ```
///
/// A stub of many functions (``ProbeProgram/Role/sharedStub(opsDistance:)``) is entered by `bl` with the caller's return address in
/// x9. It goes to the body by `ret x9`: a processor that predicts returns finds there what the call site's `bl` has left, and no landing pad
/// is needed (Arm ARM, D8.4.4: only indirect branches other than returns look for one).
///
/// Bodies are entered by `b` and `bl`, which need no landing pad; callers by `ret`. The body must not expect x30 to be
/// signed: a function that signs it does so behind its call site.
struct ARM64Lowering: ~Copyable {
  typealias Register = ARM64.Register

  /// A place in the code while the sizes of branches are still open.
  struct Mark {
    /// In the bytes of ``code``, which has no branches in it.
    var position: Int
    /// How many branches stand before the place.
    var branches: Int
  }

  /// What a branch to a label depends on.
  enum Condition {
    case always
    case flags(ARM64.Condition)
    case zero(Register)
    case notZero(Register)
  }

  /// A branch to a label, to be put between the bytes of ``code``.
  struct Branch {
    var condition: Condition
    var position: Int
    /// Index of the label.
    var label: Int
    /// Whether it needs no jump of its own.
    var isShort = true
    var size: Int { (isShort ? 1 : 2) * ARM64.instructionSize }
  }

  /// A label and what is known at it.
  struct Label {
    /// Nil for the lowering's own.
    var name: ProbeLabel?
    var mark = Mark(position: 0, branches: 0)
    /// Where the return address is when a branch comes here; nil before the first branch.
    var returnAddress: CFIRow.ReturnAddress?
  }

  let outline: ProgramOutline
  var program: ProbeProgram { outline.program }
  var code = ARM64.Encoder()
  var labels: [Label] = []
  var branches: [Branch] = []
  /// The region that is being written.
  var frame = ARM64Frame()
  /// Whether control reaches the place that is being written.
  var isReachable = true
  var cfaOffset: Int32 = 0
  var returnAddress = CFIRow.ReturnAddress.register(ARM64.returnAddressDwarfNumber)
  /// What is in ``ARM64Frame/address``: a probe register's value and a displacement.
  var known: ProbeAddress?

  var relocations: [(mark: Mark, target: CodeBlob.Relocation.Target)] = []
  var faults: [(start: Mark, label: Int)] = []
  var traps: [(start: Mark, end: Mark, reason: ProbeTrap)] = []
  var committed: [(start: Mark, end: Mark, store: ProbeInstruction)] = []
  var returnPoints: [Mark] = []
  var rows: [(mark: Mark, row: CFIRow)] = []
  var constants: [(mark: Mark, count: Int, value: UInt64)] = []

  init(_ program: ProbeProgram) throws(LoweringError) {
    self.init(
      outline: try ProgramOutline(
        program, free: ARM64Frame.scratch, hidden: ARM64Frame.hiddenRegisters))
  }

  private init(outline: ProgramOutline) {
    self.outline = outline
    labels = outline.labels.map { Label(name: $0) }
  }

  /// Here.
  var mark: Mark { Mark(position: code.count, branches: branches.count) }

  /// The machine register of a probe register.
  @inline(__always)
  func machine(_ register: ProbeRegister) -> Register { ARM64Frame.machine[Int(register.rawValue)] }

  /// Writes the whole program.
  mutating func run() throws(LoweringError) -> CodeBlob {
    code.reserve(program.instructions.count * 8 + 64)
    frame = ARM64Frame(outline.needs(at: 0), isShared: program.role.isShared)
    prologue()
    for (index, instruction) in program.instructions.enumerated() {
      if case .label = instruction {
        place(outline.labelIndices[index], index)
      } else if isReachable {
        guard instruction.isAllowed(in: program.role) else {
          throw .notAllowed(program: program.name, index: index)
        }
        let start = mark
        try write(instruction, index)
        if outline.isCommitted[index] { committed.append((start, mark, instruction)) }
        forget(instruction.effect.writes.union(instruction.effect.spoils))
      }
    }
    guard !isReachable else { throw .fallsOffEnd(program: program.name) }
    return try finish()
  }

  /// Registers have changed.
  private mutating func forget(_ changed: ProbeRegisterSet) {
    if let base = known?.base, changed.contains(base) { known = nil }
  }

  /// Puts a label here.
  private mutating func place(_ label: Int, _ index: Int) {
    labels[label].mark = mark
    known = nil
    guard !isReachable else { return }
    isReachable = true
    frame = ARM64Frame(outline.needs(at: index), isShared: program.role.isShared)
    cfaOffset = frame.byteCount
    returnAddress = labels[label].returnAddress ?? returnAddress
    row()
  }

  /// Notes that from here on the call-frame information is as it is now.
  mutating func row() {
    rows.append((mark, CFIRow(offset: 0, cfaOffset: cfaOffset, returnAddress: returnAddress)))
  }

  /// A branch to a label.
  mutating func branch(_ condition: Condition, to label: Int) {
    if labels[label].returnAddress == nil { labels[label].returnAddress = returnAddress }
    branches.append(Branch(condition: condition, position: code.count, label: label))
  }

  /// A label of the lowering's own, here; for branches back over branches.
  mutating func newLabel() -> Int {
    labels.append(Label(name: nil, mark: mark))
    return labels.count - 1
  }
}
