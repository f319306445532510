import ApusCore
import ApusELF
import ApusISA
import ApusLiveText
import ApusProbe
import ApusProcess
import ApusSystem
import ApusTrampoline
import Glibc
import Testing

extension LaunchingTests {
  @Suite struct TrampolineWriterTests {
    static let program = "int main(void) { return 0; }"

    /// A writer with stubs of every level for some slots.
    private static func stubs(
      _ laboratory: Laboratory
    ) throws -> (writer: TrampolineWriter, stubs: [(slot: Address, stub: Address, program: ProbeProgram)]) {
      let arena = try laboratory.arena()
      try laboratory.memory.add(arena)
      let writer = try TrampolineWriter(
        arena, states: SiteStates(.x86_64), architecture: .x86_64,
        gateCode: laboratory.tracer.gateCode, environment: laboratory.environment)
      var made: [(slot: Address, stub: Address, program: ProbeProgram)] = []
      for index in UInt32(0)..<60 {
        let slot = laboratory.program.range.start + UInt64(index) * 37
        let program: ProbeProgram
        switch index % 3 {
        case 0:
          program = .graphStub(
            function: .one(index + 1), options: StubOptions(), environment: writer.environment)
        case 1: program = .entryStub(function: .one(index + 1), environment: writer.environment)
        default: program = .countStub(function: .one(index + 1), environment: writer.environment)
        }
        let stub = try writer.stub(
          program, body: slot + 5, residue: slot &+ X86_64SiteStates.stubResidue,
          modulus: X86_64SiteStates.stubModulus)
        made.append((slot, stub, program))
      }
      return (writer, made)
    }

    @Test func stubsStandWhereTheirSlotsWantThem() throws {
      let scratch = try Scratch()
      try Laboratory.run(try scratch.build(Self.program)) { laboratory in
        let (writer, made) = try Self.stubs(laboratory)
        let memory = try laboratory.tracer.memory(of: laboratory.process)
        for (slot, stub, _) in made {
          #expect((stub &- slot) & 0xff == 8)
          #expect(X86_64SiteStates.prepared(slot: slot, stub: stub) != nil)
          #expect(writer.arena.range.contains(stub))
          #expect(try memory.read(stub, count: 16).contains { $0 != 0 }, "the process sees the code")
        }
        #expect(Set(made.map(\.stub)).count == made.count)
        #expect(
          try memory.read(writer.gate.address, count: laboratory.tracer.gateCode.count)
            == laboratory.tracer.gateCode)
      }
    }

    @Test func noPageIsWritableAndExecutable() throws {
      let scratch = try Scratch()
      try Laboratory.run(try scratch.build(Self.program)) { laboratory in
        let (writer, _) = try Self.stubs(laboratory)
        let maps = try ProcessMaps.read(process: laboratory.process)
        #expect(!maps.contains { $0.isWritable && $0.isExecutable })
        #expect(maps.contains { $0.range == writer.arena.range && $0.isExecutable && !$0.isWritable })
        // No descriptor is left in the process.
        let open = try shell("ls -l /proc/\(laboratory.process)/fd")
        #expect(!open.contains("memfd"))
        #expect(writer.arena.reaches(laboratory.program.range))
      }
    }

    @Test func threadsRestartWithinAppendsOnly() throws {
      let scratch = try Scratch()
      try Laboratory.run(try scratch.build(Self.program)) { laboratory in
        let (writer, made) = try Self.stubs(laboratory)
        let ranges = writer.restartable
        #expect(ranges.count >= 1)
        for (range, next) in zip(ranges, ranges.dropFirst()) { #expect(range.end <= next.start) }
        // Every address of the arena, against a plain search.
        for address in writer.arena.range.start..<(writer.arena.range.end - writer.arena.room) {
          let wanted = ranges.first { $0.start < address && address < $0.end }?.start
          if writer.restart(at: address) != wanted {
            Issue.record("\(String(address, radix: 16)): \(String(describing: writer.restart(at: address)))")
            break
          }
        }
        #expect(writer.restart(at: writer.arena.range.end) == nil && writer.restart(at: 0) == nil)
        // A program's ranges are in its own code, as many as it says.
        let marks = made.map { stub in
          stub.program.instructions.count { if case .restartable = $0 { true } else { false } }
        }
        for (index, stub) in made.enumerated() {
          let end = index + 1 < made.count ? made[index + 1].stub : writer.arena.range.end
          #expect(
            ranges.count { $0.start >= stub.stub && $0.end <= end } == marks[index], "\(stub.program.name)")
        }
        #expect(marks.contains { $0 > 0 })
      }
    }

    /// What is restartable is whole instructions; where any of them stores, the last one does (it moves the position), but where the
    /// window changes (setWindow): what is stored last there is committed.
    @Test func restartableRangesAreWholeInstructions() throws {
      let scratch = try Scratch()
      try Laboratory.run(try scratch.build(Self.program)) { laboratory in
        let (writer, _) = try Self.stubs(laboratory)
        let memory = try laboratory.tracer.memory(of: laboratory.process)
        let decoder = try X86_64.Decoder()
        var appends = 0
        var changes = 0
        for range in writer.restartable {
          let code = try memory.read(range.start, count: Int(range.count))
          let instructions = try decoder.decodeAll(code, at: range.start)
          #expect(instructions.reduce(0) { $0 + $1.count } == code.count)
          let stores = instructions.filter { $0.mnemonic == "mov" && $0.operands.hasPrefix("qword ptr [") }
          guard !stores.isEmpty else { continue }
          if stores.last != instructions.last,
            writer.committed.contains(where: { $0.range.start == range.end })
          {
            changes += 1
            continue
          }
          appends += 1
          #expect(stores.last == instructions.last, "\(instructions.map(\.text))")
        }
        #expect(appends > 0 && changes == 1)
      }
    }

    /// At each address of the stubs: the stores that are left are made with the thread's registers, and it stands behind them.
    @Test func committedStoresAreMadeForTheThread() throws {
      let scratch = try Scratch()
      try Laboratory.run(try scratch.build(Self.program)) { laboratory in
        let (writer, made) = try Self.stubs(laboratory)
        let memory = try laboratory.tracer.memory(of: laboratory.process)
        let before = try laboratory.tracer.registers(of: laboratory.process)
        let room = before.stackPointer - 4096
        // Three of each stub. Of enter and enterRegisters: a frame's opening, and a tail call's word. Of exit: a closing, and with what is
        // owed. Of leaveFrames the same. Of room what is owed no more, of setWindow the window and what is open in it.
        let stubs = try #require(made.first).stub
        try #require(writer.committed.count { $0.range.start >= stubs } == 3 * 20)
        try #require(
          writer.committed.count { $0.range.start < stubs } == 2 * (1 + 1) + (2 + 4) + (1 + 3) + 2 + (4 + 2))
        #expect(
          writer.committed.allSatisfy { item in !writer.restartable.contains { $0.contains(item.range.start) }
          })
        var settled = 0
        for address in writer.arena.range.start..<writer.arena.range.end - writer.arena.room {
          let left = writer.committed.drop { $0.range.end <= address }
          var registers = before
          registers.programCounter = address
          guard let first = left.first, first.range.contains(address) else {
            let restarts = writer.restart(at: address) != nil
            #expect(try writer.settle(&registers, memory) == restarts)
            continue
          }
          settled += 1
          let stores = left.prefix { $0.range.start < first.range.start + 24 }
          var expected: [UInt64: UInt64] = [:]
          for (index, item) in stores.reversed().enumerated() {
            // The first one's place is in the room, and the others' are near it.
            registers[item.store.base] = room &- UInt64(bitPattern: Int64(item.store.displacement))
            if case .register(let word) = item.store.value { registers[word] = 1000 + UInt64(index) }
          }
          for item in stores {
            let place = registers[item.store.base] &+ UInt64(bitPattern: Int64(item.store.displacement))
            try memory.write([UInt8](repeating: 0xff, count: 8), at: place)
            switch item.store.value {
            case .register(let word): expected[place] = registers[word]
            case .constant(let constant): expected[place] = constant
            }
          }
          #expect(try writer.settle(&registers, memory))
          #expect(registers.programCounter == stores.last?.range.end)
          for (place, value) in expected { #expect(try memory.readWord(place) == value) }
        }
        #expect(settled > 3 * 20 * 3)
      }
    }

    @Test func accessesThatMayFaultAreRecorded() throws {
      let scratch = try Scratch()
      try Laboratory.run(try scratch.build(Self.program)) { laboratory in
        let (writer, _) = try Self.stubs(laboratory)
        #expect(!writer.faults.isEmpty)
        let memory = try laboratory.tracer.memory(of: laboratory.process)
        let decoder = try X86_64.Decoder()
        #expect(Set(writer.faults.map(\.access)).count == writer.faults.count)
        for fault in writer.faults {
          #expect(writer.arena.range.contains(fault.access) && writer.arena.range.contains(fault.recovery))
          let instruction = try decoder.decode(try memory.read(fault.access, count: 15), at: fault.access)
          #expect(instruction.operands.contains("["), "\(instruction.text) touches memory")
          #expect(fault.recovery != fault.access)
        }
      }
    }

    @Test func displacedInstructionsGoOnBehindThem() throws {
      let scratch = try Scratch()
      let path = try scratch.build(
        """
        __asm__(".globl work\\n.type work, @function\\nwork: push %rbx\\n mov %edi, %ebx\\n lea 1(%rbx), %eax\\n"
                " pop %rbx\\n ret\\n.size work, .-work");
        int work(int);
        int main(void) { return work(41); }
        """)
      try Laboratory.run(path) { laboratory in
        let (writer, _) = try Self.stubs(laboratory)
        let functions = try laboratory.program.image.functions()
        let work = try #require(functions.first { $0.names.contains("work") })
        let address = laboratory.program.live(work.address)
        let memory = try laboratory.tracer.memory(of: laboratory.process)
        let code = try memory.read(address, count: Int(work.size))
        let displacer = try CodeDisplacer(SiteStates(.x86_64))
        let bytes = try writer.displace(.loaderHook(), code: code, at: address, displacer: displacer)
        #expect(bytes.count == X86_64SiteStates.slotBytes)
        try memory.write(bytes, at: address)
        // The program runs through the hook and the moved instructions; the hook has rung.
        try laboratory.tracer.resume(laboratory.process, signal: 0)
        let control = try #require(laboratory.memory.control)
        while control.loaderRequests == 0 {
          if let event = try laboratory.tracer.next(timeoutMilliseconds: 100) {
            if case .exited = event.kind { break }
            try laboratory.tracer.resume(event.thread, signal: nil)
          }
        }
        #expect(control.loaderRequests == 1)
        control.answerLoader(1)
        var status: Termination?
        while status == nil {
          let event = try #require(try laboratory.tracer.next(timeoutMilliseconds: 5000))
          if case .exited(let end) = event.kind {
            status = end
          } else {
            try laboratory.tracer.resume(event.thread, signal: nil)
          }
        }
        #expect(status == .exited(42))
      }
    }

    @Test func anArenaGivesOutNoMoreThanItHas() throws {
      let scratch = try Scratch()
      try Laboratory.run(try scratch.build(Self.program)) { laboratory in
        let arena = try laboratory.arena(bytes: 4096)
        #expect(arena.room == 4096)
        let first = try arena.allocate(10)
        let second = try arena.allocate(10, residue: 0x1234_5677, modulus: 256)
        #expect(first == arena.range.start && second & 0xff == 0x77 && second >= first + 10)
        #expect(throws: LiveTextError.self) { try arena.allocate(4096) }
        let room = arena.room
        _ = try arena.allocate(Int(room) & ~15)
        #expect(throws: LiveTextError.self) { try arena.write([0], at: arena.range.end) }
        #expect(throws: LiveTextError.self) { try arena.write([0], at: arena.range.start - 1) }
        #expect(throws: LiveTextError.self) { try arena.write([0, 0], at: arena.range.end - 1) }
      }
    }
  }
}
