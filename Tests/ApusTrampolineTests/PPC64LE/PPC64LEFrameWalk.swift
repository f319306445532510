import ApusISA
import ApusProbe
import ApusTrampoline

/// What Power instructions do to the stack pointer and to the places of the return address. r9 is one of them, between the
/// link register and the stack.
enum PPC64LEFrameWalk {
  private static let held = CFIRow.ReturnAddress.shadowMap(0)
  private static let link = CFIRow.ReturnAddress.register(PPC64LE.returnAddressDwarfNumber)
  private static let copy = CFIRow.ReturnAddress.register(9)

  /// What is wrong with the rows of a program, or with what it does to the stack, or nil.
  static func objection(_ blob: CodeBlob, _ role: ProbeProgram.Role) throws -> String? {
    let code = try PPC64LE.Decoder().decodeAll(blob.bytes, at: 0)
    let hasRegisterFile = code.first?.word == 0xf821_fe81  // stdu 1, -384(1)
    for (index, instruction) in code.enumerated() {
      // Stores through r1 stay below it, and within the bytes that are protected, or go to the register file.
      if case .storeToStack(_, let place) = instruction.effect, !(-288 ... -8).contains(place),
        !hasRegisterFile || !(32..<384).contains(place)
      {
        return "at \(instruction.address): a store to \(place)(r1)"
      }
      // Routines find a frame below what their caller saved.
      guard let relocation = blob.relocations.first(where: { $0.offset == Int(instruction.address) }),
        relocation.target != .body
      else { continue }
      guard index > 0, case .moveStack(let distance) = code[index - 1].effect, distance < 0,
        distance & 15 == 0
      else { return "at \(instruction.address): a call without a frame" }
    }
    let steps = code.map { step($0, blob) }
    let start = FrameWalk.State(cfaOffset: 0, places: role == .returnStub ? [held] : [link])
    return FrameWalk(start: start, end: .init(cfaOffset: 0, places: [link])).objection(blob, steps)
  }

  private static func step(_ instruction: PPC64LE.Instruction, _ blob: CodeBlob) -> FrameWalk.Step {
    let offset = Int(instruction.address)
    let relocation = blob.relocations.first { $0.offset == offset }
    var step = FrameWalk.Step(offset: offset, size: 4, text: instruction.text)
    step.isFollowed = !instruction.endsPath || blob.isTrap(offset)
    switch instruction.flow {
    case .return: step.leaves = true
    case .jump(nil): step.leaves = true
    case .jump where relocation != nil: step.leaves = true
    case .call where relocation?.target == .body:
      step.callsBody = true
      step.change = { $0.places = [held] }
    case .call: step.change = { $0.places.subtract([link, copy]) }
    default:
      if let target = instruction.target { step.targets = [Int(target)] }
      step.change = { change(&$0, instruction) }
    }
    return step
  }

  private static func change(_ state: inout FrameWalk.State, _ instruction: PPC64LE.Instruction) {
    let hasCopy = state.places.contains(copy)
    switch instruction.effect {
    case .moveFromLink(.r9):
      if state.places.contains(link) { state.places.insert(copy) } else { state.places.remove(copy) }
    case .moveToLink(.r9):
      if hasCopy { state.places.insert(link) } else { state.places.remove(link) }
    // The program says where to return to.
    case .moveToLink: state.places = [link]
    case .storeToStack(let register, let place):
      let slot = CFIRow.ReturnAddress.memory(Int32(place) - state.cfaOffset)
      if register == .r9, hasCopy { state.places.insert(slot) } else { state.places.remove(slot) }
    case .moveStack(let distance): state.cfaOffset -= Int32(distance)
    default:
      state.places.remove(copy)
      // ld 9, place(1)
      guard instruction.word & 0xffff_0003 == 0xe921_0000 else { return }
      let place = Int32(Int16(truncatingIfNeeded: instruction.word & 0xfffc))
      if state.places.contains(.memory(place - state.cfaOffset)) { state.places.insert(copy) }
    }
  }
}
