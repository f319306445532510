import ApusISA
import ApusProbe

/// Lowers one program to x86-64.
///
/// All of a region of the program runs with the same machine registers on the stack. A stub looks like this:
///
/// ```
///   [rsp]  R, the caller's return address; this place is the frame address
///   push…  the machine registers that the first region uses
///   …      the program
///   pop…   before the body is called, jumped to, or the stub left
/// ```
struct X86_64Lowering: ~Copyable {
  typealias Register = X86_64.Register
  typealias Memory = X86_64.Memory

  /// A place in the code while the sizes of branches are still open.
  struct Mark {
    /// In the bytes of ``code``, which has no branches in it.
    var position: Int
    /// How many branches stand before the place.
    var branches: Int
  }

  /// A branch to a label, to be put between the bytes of ``code``.
  struct Branch {
    /// Nil for a jump.
    var condition: X86_64.Condition?
    var position: Int
    /// Index of the label.
    var label: Int
    var isShort = true
    var size: Int { isShort ? 2 : condition == nil ? 5 : 6 }
  }

  /// A label and what is known at it.
  struct Label {
    var name: ProbeLabel
    var mark = Mark(position: 0, branches: 0)
    /// Where the return address is when a branch comes here; nil before the first branch.
    var returnAddress: CFIRow.ReturnAddress?
  }

  let outline: ProgramOutline
  var program: ProbeProgram { outline.program }
  var code = X86_64.Encoder()
  var labels: [Label] = []
  var branches: [Branch] = []
  /// The region that is being written.
  var frame = X86_64Frame()
  /// Whether control reaches the place that is being written.
  var isReachable = true
  var cfaOffset: Int32 = 8
  var returnAddress = CFIRow.ReturnAddress.memory(-8)

  var relocations: [(mark: Mark, target: CodeBlob.Relocation.Target)] = []
  var faults: [(start: Mark, label: Int)] = []
  var traps: [(start: Mark, end: Mark, reason: ProbeTrap)] = []
  var committed: [(start: Mark, end: Mark, store: ProbeInstruction)] = []
  var returnPoints: [Mark] = []
  var rows: [(mark: Mark, row: CFIRow)] = []
  var constants: [(mark: Mark, form: CodeBlob.ConstantSite.Form, value: UInt64)] = []

  init(_ program: ProbeProgram) throws(LoweringError) {
    self.init(outline: try ProgramOutline(program, hidden: X86_64Frame.hiddenRegisters))
  }

  private init(outline: ProgramOutline) {
    self.outline = outline
    labels = outline.labels.map { Label(name: $0) }
  }

  /// Here.
  var mark: Mark { Mark(position: code.count, branches: branches.count) }

  /// The machine register of a probe register.
  @inline(__always)
  func machine(_ register: ProbeRegister) -> Register { X86_64Frame.machine[Int(register.rawValue)] }

  @inline(__always)
  func memory(_ address: ProbeAddress) -> Memory { Memory(machine(address.base), address.offset) }

  /// Writes the whole program.
  mutating func run() throws(LoweringError) -> CodeBlob {
    code.reserve(program.instructions.count * 8 + 64)
    frame = X86_64Frame(outline.needs(at: 0))
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
      }
    }
    guard !isReachable else { throw .fallsOffEnd(program: program.name) }
    return finish()
  }

  /// Puts a label here.
  private mutating func place(_ label: Int, _ index: Int) {
    labels[label].mark = mark
    guard !isReachable else { return }
    isReachable = true
    frame = X86_64Frame(outline.needs(at: index))
    cfaOffset = 8 + frame.byteCount
    returnAddress = labels[label].returnAddress ?? returnAddress
    row()
  }

  /// Notes that from here on the call-frame information is as it is now.
  mutating func row() {
    rows.append(
      (mark, CFIRow(offset: 0, cfaOffset: cfaOffset, returnAddress: returnAddress)))
  }

  /// A branch to a label, or with no condition a jump.
  mutating func branch(_ condition: X86_64.Condition?, to label: Int) {
    if labels[label].returnAddress == nil { labels[label].returnAddress = returnAddress }
    branches.append(Branch(condition: condition, position: code.count, label: label))
  }
}
