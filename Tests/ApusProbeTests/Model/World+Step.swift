import ApusProbe

extension World {
  /// What a thread's step came to.
  enum Progress {
    case ran, waits, done
  }

  /// How many steps a run may take.
  private static let stepLimit = 60_000

  /// The frame address of the next call.
  private func nextFrame(_ fibre: Int) -> UInt64 {
    (fibres[fibre].levels.last?.frame ?? Self.frameBytes) - Self.frameBytes
  }
  /// From a call's frame address to that of a call in its body.
  static let frameBytes: UInt64 = 48

  /// Runs a thread's stub, to its next boundary or until it is over, or one operation of the script.
  mutating func step(_ thread: Int, toBoundary: Bool = false) -> Progress {
    steps += 1
    if steps > Self.stepLimit { fail("it goes on for ever") }
    if failure != nil || threads[thread].isDone { return .done }
    let fibre = threads[thread].fibre
    let top = fibres[fibre].levels.count - 1
    memory.active = thread
    if fibres[fibre].levels[top].interpreter != nil {
      interpret(thread, fibre, top, toBoundary: toBoundary)
      return .ran
    }
    let level = fibres[fibre].levels[top]
    if level.place < level.operations.count {
      let operation = level.operations[level.place]
      if case .await(let flag) = operation, posted & (1 << UInt64(flag)) == 0 { return .waits }
      fibres[fibre].levels[top].place += 1
      perform(operation, thread, fibre)
    } else {
      endBody(thread, fibre, top)
    }
    return threads[thread].isDone ? .done : .ran
  }

  private mutating func interpret(_ thread: Int, _ fibre: Int, _ top: Int, toBoundary: Bool) {
    guard var machine = fibres[fibre].levels[top].interpreter else { return }
    fibres[fibre].levels[top].interpreter = nil
    machine.time = clock
    var result = ProbeStep.ran
    repeat {
      let (program, index) = machine.place
      if setup.isPause[program.index][index], !setup.scenario.readerIsAway, !isGone {
        drainStores(thread)
        read(threads[thread].context)
        answer()
      }
      if setup.isTrap[program.index][index] {
        // The tracer holds the session's process, as long as there is one, and no other.
        if isGone || isChild { fail("it stops itself, and nobody lets it go on") }
        drainStores(thread)
        read(threads[thread].context)
      }
      result = machine.step(&memory)
      steps += 1
      if result != .ran || steps > Self.stepLimit { break }
      let (next, following) = machine.place
      if toBoundary, setup.isBoundary[next.index][following] { break }
    } while true
    clock = machine.time
    switch result {
    case .ran: fibres[fibre].levels[top].interpreter = machine
    case .callBody:
      store(fibres[fibre].levels[top].frame, ModelLayout.stubPoint(fibres[fibre].levels[top].function))
      fibres[fibre].levels[top].isLeaving = false
      fibres[fibre].levels[top].began = clock
    case .jumpBody:
      if case .hook(let purpose) = fibres[fibre].levels[top].kind { hooked(purpose, thread, fibre, top) }
    case .left: goToReturnAddress(thread, fibre, top)
    case .fault(let fault): fail("\(machine.place): \(fault)")
    case .returned, .ranOff, .jumpAddress: fail("\(machine.place): \(result)")
    }
  }

  /// A store of the modelled program itself.
  mutating func store(_ address: UInt64, _ value: UInt64) {
    do throws(ProbeFault) {
      try memory.store(address, value, .eight, .plain)
    } catch { fail("the program: \(error)") }
  }

  /// A load of the modelled program itself.
  mutating func load(_ address: UInt64) -> UInt64 {
    do throws(ProbeFault) {
      return try memory.load(address, .eight, .plain)
    } catch {
      fail("the program: \(error)")
      return 0
    }
  }

  /// Makes everything that a thread has stored visible, as a lock or a kernel entry does.
  mutating func drainStores(_ thread: Int) {
    do throws(ProbeFault) { try memory.drain(thread) } catch { fail("the stores: \(error)") }
  }

  /// Control goes to what stands at the frame address.
  private mutating func goToReturnAddress(_ thread: Int, _ fibre: Int, _ top: Int) {
    let level = fibres[fibre].levels[top]
    let target = load(level.frame)
    if target == level.token {
      fibres[fibre].levels.removeLast()
    } else if let function = ModelLayout.function(at: target) {
      beginLeaving(fibre, top)
      fibres[fibre].levels[top].interpreter = machine(
        setup.stub(function), at: setup.afterBody(function), thread, frame: level.frame)
    } else if target == ModelLayout.slowReturn {
      beginLeaving(fibre, top)
      fibres[fibre].levels[top].interpreter = machine(setup.slowReturn, thread, frame: level.frame)
    } else {
      fail("function \(level.function) returns to 0x\(String(target, radix: 16)): its address is lost")
    }
  }

  private mutating func beginLeaving(_ fibre: Int, _ top: Int) {
    fibres[fibre].levels[top].isLeaving = true
    let level = fibres[fibre].levels[top]
    if let began = level.began, setup.scenario.minimumTicks > 0,
      clock - began >= UInt64(setup.scenario.minimumTicks)
    {
      long[level.function] += 1
    }
  }

  func machine(
    _ entry: LinkedPrograms.Entry, at index: Int = 0, _ thread: Int, frame: UInt64, argument: UInt64 = 0
  ) -> ProbeInterpreter {
    var arguments = InlineArray<6, UInt64>(repeating: 0)
    arguments[0] = argument
    var machine = ProbeInterpreter(
      entry, at: index, of: setup.linked, threadPointer: ModelLayout.threadPointers[threads[thread].context],
      frameAddress: frame, arguments: arguments,
      registerFile: frame - UInt64(ModelLayout.registers.frameBytes), seed: frame)
    if entry.index < ProgramSet.functions { machine.siteOps = ModelLayout.ops(entry.index) }
    return machine
  }

  private mutating func endBody(_ thread: Int, _ fibre: Int, _ top: Int) {
    let level = fibres[fibre].levels[top]
    switch level.kind {
    case .function, .hook: goToReturnAddress(thread, fibre, top)
    case .inline, .handler:
      fibres[fibre].levels.removeLast()
      if level.pendingRaise >= 0 { raise(level.pendingRaise, thread, fibre) }
    case .base:
      let resumer = fibres[fibre].resumer
      if resumer >= 0 {
        threads[thread].fibre = resumer
      } else {
        drainStores(thread)
        threads[thread].isDone = true
      }
    }
  }

  /// A new level of a called function.
  private mutating func enter(
    _ kind: Activation.Kind, _ fibre: Int, function: Int = 0, _ operations: [Op] = []
  ) -> Activation {
    tokens += 1
    var level = Activation(kind: kind, function: function, frame: nextFrame(fibre), operations: operations)
    level.token = ModelLayout.tokens + tokens * 16
    store(level.frame, level.token)
    return level
  }

  /// What the lowered code of a stub on the regs path does first. Both halves of the first word say which call it is.
  private mutating func writeRegisters(_ function: Int, _ frame: UInt64) {
    guard setup.scenario.recordsRegisters, function % 2 == 1 else { return }
    tokens += 1
    let call = tokens * 16 + UInt64(function)
    store(frame - UInt64(ModelLayout.registers.frameBytes), call << 32 | call)
    store(frame - UInt64(ModelLayout.registers.frameBytes) + 8, 0)
  }

  /// Notes a call, on a fibre where all open functions but the innermost `outside` are around it.
  private mutating func count(_ function: Int, on fibre: Int, outside: Int) {
    made[function] += 1
    let depth = fibres[fibre].levels.count { if case .function = $0.kind { true } else { false } } - outside
    if let limit = setup.scenario.depthLimit, depth >= Int(limit) { deep[function] += 1 }
  }

  private mutating func perform(_ operation: Op, _ thread: Int, _ fibre: Int) {
    let top = fibres[fibre].levels.count - 1
    switch operation {
    case .call(let function, let operations):
      count(function, on: fibre, outside: 0)
      var level = enter(.function, fibre, function: function, operations)
      writeRegisters(function, level.frame)
      level.interpreter = machine(setup.stub(function), thread, frame: level.frame)
      calledOn[function].insert(level.frame >> UInt64(StackChunk.shift))
      fibres[fibre].levels.append(level)
    case .untraced(let operations):
      fibres[fibre].levels.append(
        Activation(kind: .inline, frame: nextFrame(fibre), operations: operations))
    case .tail(let function, let operations):
      count(function, on: fibre, outside: 1)
      let frame = fibres[fibre].levels[top].frame
      calledOn[function].insert(frame >> UInt64(StackChunk.shift))
      fibres[fibre].levels[top].function = function
      fibres[fibre].levels[top].operations = operations
      fibres[fibre].levels[top].place = 0
      writeRegisters(function, frame)
      fibres[fibre].levels[top].interpreter = machine(setup.stub(function), thread, frame: frame)
    case .tailGiveBack:
      fibres[fibre].levels[top].kind = .hook(.giveBack)
      fibres[fibre].levels[top].interpreter = machine(
        setup.hook(.giveBack), thread, frame: fibres[fibre].levels[top].frame)
    case .protect(let mark, let operations):
      var level = Activation(kind: .inline, frame: fibres[fibre].levels[top].frame, operations: operations)
      level.mark = mark
      fibres[fibre].levels.append(level)
    case .cleanup(let operations, let cleanup):
      var level = Activation(kind: .inline, frame: fibres[fibre].levels[top].frame, operations: operations)
      level.cleanup = cleanup
      fibres[fibre].levels.append(level)
    case .longjmp(let mark):
      guard let target = fibres[fibre].levels.lastIndex(where: { $0.mark == mark }) else {
        return fail("a jump to nowhere")
      }
      leave(fibre, to: target)
    case .raise(let mark): raise(mark, thread, fibre)
    case .forced(let mark): startHook(.forced(mark), .disarm, thread, fibre)
    case .backtrace: startHook(.walk, .disarm, thread, fibre)
    case .resume(let other):
      fibres[other].resumer = fibre
      threads[thread].fibre = other
    case .yield: threads[thread].fibre = fibres[fibre].resumer
    case .restart(let other, let operations):
      left += 1
      fibres[other].levels = [Activation(kind: .base, frame: fibres[other].top, operations: operations)]
    case .post(let flag):
      drainStores(thread)
      posted |= 1 << UInt64(flag)
    case .await: break
    case .read:
      drainStores(thread)
      read(threads[thread].context)
    case .age: age(thread, fibre)
    case .open: open(thread, fibre)
    }
  }

  private mutating func age(_ thread: Int, _ fibre: Int) {
    drainStores(thread)
    let context = setup.context(threads[thread].context)
    do throws(ProbeFault) {
      let position = try memory.global(context + UInt64(ThreadContext.position))
      try memory.setGlobal(context + UInt64(ThreadContext.aged), position)
    } catch { fail("the reader: \(error)") }
    clock += 1 << EventWord.timeBits
  }

  /// Forgets the levels from `target` on.
  mutating func leave(_ fibre: Int, to target: Int) {
    for level in fibres[fibre].levels[target...] {
      if case .handler = level.kind { hasJumped = true }
      guard case .function = level.kind else { continue }
      left += 1
      if level.interpreter != nil { abandoned[level.function] += 1 }
    }
    fibres[fibre].levels.removeSubrange(target...)
  }

  /// Calls a hooked function.
  mutating func startHook(
    _ purpose: Activation.Purpose, _ hook: ProgramSet.Hook, _ thread: Int, _ fibre: Int, argument: UInt64 = 0
  ) {
    var level = enter(.hook(purpose), fibre)
    level.interpreter = machine(setup.hook(hook), thread, frame: level.frame, argument: argument)
    fibres[fibre].levels.append(level)
  }
}
