import ApusISA
import ApusTrampoline

/// Follows all paths of lowered code and compares the call-frame information with what the instructions do.
struct FrameWalk {
  /// What is true before an instruction.
  struct State: Equatable {
    /// The CFA's distance from the stack pointer.
    var cfaOffset: Int32
    /// Where the return address is; in several places at a time, perhaps.
    var places: Set<CFIRow.ReturnAddress>
  }

  /// An instruction.
  struct Step {
    var offset: Int
    var size: Int
    var text: String
    /// Offsets that it may branch to.
    var targets: [Int] = []
    var isFollowed = true
    /// Goes to the body or to the caller, for good.
    var leaves = false
    var callsBody = false
    /// What it changes.
    var change: (inout State) -> Void = { _ in }
  }

  /// With what the program is entered.
  var start: State
  /// With what it must go on with the body or return: all of these places.
  var end: State
  /// With what distance the body is called.
  var bodyOffset: Int32 = 0

  /// What is wrong, or nil.
  func objection(_ blob: CodeBlob, _ steps: [Step]) -> String? {
    guard blob.cfi.first?.offset == 0 else { return "no row at the start" }
    guard blob.cfi.map(\.offset) == Set(blob.cfi.map(\.offset)).sorted() else { return "rows out of order" }
    var states: [Int: State] = [0: start]
    var problem: String?
    func flow(_ state: State, to offset: Int) -> Bool {
      guard var known = states[offset] else {
        states[offset] = state
        return true
      }
      if known.cfaOffset != state.cfaOffset { problem = "two ways to \(offset): \(known) and \(state)" }
      known.places.formIntersection(state.places)
      defer { states[offset] = known }
      return states[offset] != known
    }
    var changed = true
    while changed, problem == nil {
      changed = false
      for step in steps {
        guard var state = states[step.offset] else { continue }
        step.change(&state)
        for target in step.targets where flow(state, to: target) { changed = true }
        if step.isFollowed, flow(state, to: step.offset + step.size) { changed = true }
      }
    }
    if let problem { return problem }
    for step in steps {
      // Everything is reachable.
      guard let state = states[step.offset] else { return "nothing leads to \(step.offset): \(step.text)" }
      guard let row = blob.frameInformation(at: step.offset) else { return "no row at \(step.offset)" }
      let here = "at \(step.offset), \(step.text): \(state)"
      if row.cfaOffset != state.cfaOffset { return "\(here), but \(row)" }
      // From the body, an unwinder looks at the call.
      let isHeld = if case .shadowMap = row.returnAddress { step.callsBody } else { false }
      if !isHeld, !state.places.contains(row.returnAddress) { return "\(here), but \(row)" }
      if step.callsBody, state.cfaOffset != bodyOffset { return "\(here) at the body's call" }
      if step.callsBody, !isHeld, !row.isHeld { return "\(here): nothing says who holds the return address" }
      if step.leaves, state.cfaOffset != end.cfaOffset || !state.places.isSuperset(of: end.places) {
        return "\(here) at the end"
      }
    }
    return nil
  }
}

extension CodeBlob {
  /// Whether a trap stands at an offset, behind which a tracer makes the thread go on.
  func isTrap(_ offset: Int) -> Bool { traps.contains { $0.start == offset } }
}

extension CFIRow {
  fileprivate var isHeld: Bool { if case .shadowMap = returnAddress { true } else { false } }
}
