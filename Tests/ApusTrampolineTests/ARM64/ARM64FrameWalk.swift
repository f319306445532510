import ApusISA
import ApusProbe
import ApusTrampoline

/// What arm64 instructions do to the stack pointer and to the places of the return address.
enum ARM64FrameWalk {
  private static let held = CFIRow.ReturnAddress.shadowMap(0)
  private static let link = CFIRow.ReturnAddress.register(30)
  private static let siteLink = CFIRow.ReturnAddress.register(9)

  /// What is wrong with the rows of a program, or nil.
  static func objection(_ blob: CodeBlob, _ role: ProbeProgram.Role) -> String? {
    let steps = ARM64.Decoder().decodeAll(blob.bytes, at: 0).map { step($0, blob) }
    let place =
      switch role {
      case .returnStub: held
      case .sharedStub: siteLink
      case .stub, .routine: link
      }
    let start = FrameWalk.State(cfaOffset: 0, places: [place])
    return FrameWalk(start: start, end: .init(cfaOffset: 0, places: [link])).objection(blob, steps)
  }

  private static func step(_ instruction: ARM64.Instruction, _ blob: CodeBlob) -> FrameWalk.Step {
    let offset = Int(instruction.address)
    let relocation = blob.relocations.first { $0.offset == offset }
    var step = FrameWalk.Step(offset: offset, size: 4, text: instruction.text)
    step.isFollowed = !instruction.endsPath || blob.isTrap(offset)
    switch instruction.kind {
    case .return(.x9) where blob.returnPoint == offset + 4:
      step.callsBody = true
      step.isFollowed = true
      step.change = { $0.places = [held] }
    case .return, .jumpRegister: step.leaves = true
    case .address(.x30, _, _): step.change = { $0.places.remove(link) }
    case .jump where relocation != nil: step.leaves = true
    case .call where relocation?.target == .body:
      step.callsBody = true
      step.change = { $0.places = [held] }
    case .call: step.change = { $0.places.remove(link) }
    case .move(.x30, _): step.change = { $0.places = [link] }
    case .stack(let change): step.change = { adjust(&$0, instruction.word, change) }
    // str x?, [sp]: the return address changes, if it is there.
    case .other where instruction.word & 0xffff_ffe0 == 0xf900_03e0 && !hasNoLink(blob, after: offset):
      step.change = { $0.places = [.memory(-$0.cfaOffset)] }
    default:
      if let target = instruction.relativeTarget { step.targets = [Int(target)] }
    }
    return step
  }

  /// Whether what is next taken from the stack together with the stack pointer is x17, which has no return address.
  private static func hasNoLink(_ blob: CodeBlob, after offset: Int) -> Bool {
    let rest = ARM64.Decoder().decodeAll(Array(blob.bytes[offset...]), at: 0)
    let taken = rest.first {
      if case .stack(let change) = $0.kind { change > 0 && $0.word & 1 << 22 != 0 } else { false }
    }
    return taken.map { $0.word & 31 == 17 } ?? false
  }

  /// A store below the stack pointer, which goes down with it, or a load that takes it up again. Where the link register is
  /// the first of the pair, the return address goes with it.
  private static func adjust(_ state: inout FrameWalk.State, _ word: UInt32, _ change: Int32) {
    let isLink = word & 31 == 30
    if change < 0 {
      state.cfaOffset -= change
      let isHere = isLink && state.places.contains(link) || word & 31 == 9 && state.places.contains(siteLink)
      if isHere { state.places.insert(.memory(-state.cfaOffset)) }
    } else {
      let isThere = state.places.contains(.memory(-state.cfaOffset))
      state.cfaOffset -= change
      // What is below the stack pointer is nobody's.
      state.places = state.places.filter { if case .memory = $0 { false } else { true } }
      if isLink, isThere { state.places.insert(link) }
      if isLink, !isThere { state.places.remove(link) }
    }
  }
}
