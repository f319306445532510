import ApusProbe

extension World {
  /// An exception is thrown, or goes on after a cleanup.
  mutating func raise(_ mark: Int, _ thread: Int, _ fibre: Int) {
    startHook(.raise(mark), .disarm, thread, fibre)
  }

  /// A hook has run, and the hooked function's body begins.
  mutating func hooked(_ purpose: Activation.Purpose, _ thread: Int, _ fibre: Int, _ top: Int) {
    switch purpose {
    case .raise(let mark):
      guard let target = landing(mark, fibre) else { return fail("an exception without a landing") }
      checkUnwindable(fibre, down: target)
      let unwinder = ModelLayout.unwinder + UInt64(thread) * 64
      store(unwinder + 16, fibres[fibre].levels[target].frame + 8)
      startHook(.land(mark), .land, thread, fibre, argument: unwinder)
    case .land(let mark):
      guard let target = landing(mark, fibre) else { return fail("an exception without a landing") }
      let level = fibres[fibre].levels[target]
      leave(fibre, to: target)
      guard let cleanup = level.cleanup else { return }
      var inline = Activation(kind: .inline, frame: level.frame, operations: cleanup)
      inline.pendingRaise = mark
      fibres[fibre].levels.append(inline)
    case .forced(let mark):
      checkUnwindable(fibre, down: 0)
      guard let target = fibres[fibre].levels.lastIndex(where: { $0.mark == mark }) else {
        return fail("a jump to nowhere")
      }
      leave(fibre, to: target)
    case .walk:
      checkUnwindable(fibre, down: 0)
      fibres[fibre].levels.removeLast()
      startHook(.walked, .arm, thread, fibre)
    case .walked: fibres[fibre].levels.removeLast()
    case .loader(let since): passLoader(thread, since)
    case .giveBack:
      if load(fibres[fibre].levels[top].frame) != fibres[fibre].levels[top].token {
        fail("a function that asks for its return address sees another")
      }
    }
  }

  private func landing(_ mark: Int, _ fibre: Int) -> Int? {
    fibres[fibre].levels.lastIndex { $0.mark == mark || $0.cleanup != nil }
  }

  /// An unwinder must see the real return address of every frame on its stack, but need not get past a stub that a
  /// handler has interrupted, nor from the alternate stack to a fibre's whose return the thread has not noted yet.
  private mutating func checkUnwindable(_ fibre: Int, down last: Int) {
    let levels = fibres[fibre].levels
    let first = levels.indices.last { index in
      guard case .handler = levels[index].kind else { return false }
      return levels[index - 1].interpreter != nil
        || levels[index].frame == alternateTop && fibres.count > 1
    }
    for level in levels[max(first ?? 0, last)...] {
      guard case .function = level.kind else { continue }
      if load(level.frame) != level.token {
        fail("an unwinder sees 0x\(String(load(level.frame), radix: 16)) in the frame of \(level.function)")
      }
    }
  }
}
