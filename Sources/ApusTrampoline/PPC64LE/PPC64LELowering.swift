import ApusISA
import ApusProbe

/// Lowers one program to the Power instruction set, for the ELFv2 ABI.
///
/// All of a region (``ProgramOutline``) runs with the same machine registers saved; where, see ``PPC64LEFrame``. A stub looks
/// like this:
///
/// ```
///   std…   the machine registers that the first region uses, below r1; R, the caller's return address, is in LR
///   …      the program
///   ld…    before the body is called, jumped to, or the stub left
/// ```
///
/// The body is called by `bl`, and so finds LR as a caller sets it, and r1 and all else as the caller left it.
struct PPC64LELowering: ~Copyable {
  typealias Register = PPC64LE.Register
  typealias Memory = PPC64LE.Memory

  /// A place in the code while the sizes of branches are still open.
  struct Mark {
    /// In the bytes of ``code``, which has no branches to labels in it.
    var position: Int
    /// How many branches stand before the place.
    var branches: Int
  }

  /// A branch to a label, to be put between the bytes of ``code``.
  struct Branch {
    /// Nil for a jump.
    var condition: PPC64LE.Condition?
    var position: Int
    /// The label's number.
    var label: Int
    /// A conditional branch reaches ±32 KiB; a longer one is the opposite branch over a jump.
    var isShort = true
    var size: Int { isShort ? 4 : 8 }
  }

  /// What is known at a label.
  struct Label {
    var mark = Mark(position: 0, branches: 0)
    /// Where the return address is when a branch comes here; nil before the first branch.
    var returnAddress: CFIRow.ReturnAddress?
  }

  /// What the register for addresses holds: another register's value and some 64 KiB more or less.
  struct NearAddress: Equatable {
    var base: Register
    var high: Int64
  }

  let outline: ProgramOutline
  var program: ProbeProgram { outline.program }
  var code = PPC64LE.Encoder()
  /// By the labels' numbers.
  var labels: [Label]
  var branches: [Branch] = []
  /// The region that is being written.
  var frame = PPC64LEFrame()
  /// Whether control reaches the place that is being written.
  var isReachable = true
  var cfaOffset: Int32 = 0
  var returnAddress = CFIRow.ReturnAddress.register(PPC64LE.returnAddressDwarfNumber)
  /// What can be used again; nothing is known at labels, so a thread may be set back to any of them.
  var near: NearAddress?

  var relocations: [(mark: Mark, target: CodeBlob.Relocation.Target)] = []
  var faults: [(start: Mark, label: Int)] = []
  var traps: [(start: Mark, end: Mark, reason: ProbeTrap)] = []
  var committed: [(start: Mark, end: Mark, store: ProbeInstruction)] = []
  var returnPoints: [Mark] = []
  var rows: [(mark: Mark, row: CFIRow)] = []
  var constants: [(mark: Mark, form: CodeBlob.ConstantSite.Form, value: UInt64)] = []

  init(_ program: ProbeProgram) throws(LoweringError) {
    self.init(
      outline: try ProgramOutline(
        program, free: PPC64LEFrame.routineScratch, hidden: PPC64LEFrame.hiddenRegisters))
  }

  private init(outline: ProgramOutline) {
    self.outline = outline
    labels = [Label](repeating: Label(), count: outline.labels.count)
  }

  /// Here.
  var mark: Mark { Mark(position: code.count, branches: branches.count) }

  /// The machine register of a probe register.
  @inline(__always)
  func machine(_ register: ProbeRegister) -> Register { PPC64LEFrame.machine[Int(register.rawValue)] }

  /// Writes the whole program.
  mutating func run() throws(LoweringError) -> CodeBlob {
    code.reserve(program.instructions.count * 8 + 64)
    frame.needs = outline.needs(at: 0)
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
        forgetNear(instruction)
      }
    }
    guard !isReachable else { throw .fallsOffEnd(program: program.name) }
    return try finish()
  }

  /// Puts a label here.
  private mutating func place(_ label: Int, _ index: Int) {
    labels[label].mark = mark
    near = nil
    guard !isReachable else { return }
    isReachable = true
    frame.needs = outline.needs(at: index)
    cfaOffset = Int32(frame.fileDistance)
    returnAddress = labels[label].returnAddress ?? returnAddress
    row()
  }

  /// A known address is of no use when what it was made from has changed.
  private mutating func forgetNear(_ instruction: ProbeInstruction) {
    guard let known = near else { return }
    let effect = instruction.effect
    let changed = effect.writes.union(effect.spoils)
    for register in ProbeRegister.all where changed.contains(register) && machine(register) == known.base {
      near = nil
    }
  }

  /// Notes that from here on the call-frame information is as it is now.
  mutating func row() {
    rows.append((mark, CFIRow(offset: 0, cfaOffset: cfaOffset, returnAddress: returnAddress)))
  }

  /// A branch to a label, or with no condition a jump.
  mutating func branch(_ condition: PPC64LE.Condition?, to label: Int) {
    if labels[label].returnAddress == nil { labels[label].returnAddress = returnAddress }
    branches.append(Branch(condition: condition, position: code.count, label: label))
  }
}
