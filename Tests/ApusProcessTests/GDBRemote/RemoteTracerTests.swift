import ApusCore
import ApusProcess
import ApusSystem
import Glibc
import TestSupport
import Testing

/// Real servers: gdbserver on this machine, and qemu's user-mode emulator for the two other architectures.
@Suite(.serialized, .holdsProcesses, .timeLimit(.minutes(10))) struct RemoteTracerTests {
  typealias Kind = RemoteServerProcess.Kind

  static let hello = """
    #include <stdio.h>
    #include <unistd.h>
    volatile long marker = 0x1122334455667788;
    int main(int count, char **words) {
      printf("marker %lx, %s\\n", marker, count > 1 ? words[1] : "");
      fflush(stdout);
      return 3;
    }
    """

  @Test(arguments: Kind.allCases) func aProgramRunsToItsEndUnderAServer(kind: Kind) throws {
    let server = try RemoteServerProcess(kind, "hello", Self.hello, arguments: ["word"])
    #expect(server.tracer.architecture == kind.architecture)
    #expect(try server.runToEnd() == .exited(3))
    #expect(server.tracer.isEmpty)
    #expect(try server.output() == "marker 1122334455667788, word\n")
  }

  /// What Debian 12's servers can do, each found out from the server.
  @Test(arguments: Kind.allCases) func capabilitiesAreFoundOut(kind: Kind) throws {
    let server = try RemoteServerProcess(kind, "hello", Self.hello)
    let found = server.tracer.capabilities
    #expect(!found.sharesMemory && !found.survivesTracer && found.callsRemotely)
    switch kind {
    case .gdbserver:
      #expect(found.isAllStop && !found.isNonStop && found.interrupt == .breakCharacter)
      #expect(found.writesText && found.readsFiles)
    case .gdbserverNonStop:
      #expect(!found.isAllStop && found.isNonStop && found.interrupt == .perThread)
      #expect(found.writesText && found.readsFiles)
    case .qemuARM64, .qemuPPC64LE:
      #expect(!found.isAllStop && !found.isNonStop && found.readsSingleRegisters)
      guard case .signal = found.interrupt else {
        Issue.record("\(found.interrupt)")
        return
      }
    }
  }

  /// The auxiliary vector tells independently where the program begins, and the C library's start code what is on the stack.
  @Test(arguments: Kind.allCases) func registersAreReadAndSetByName(kind: Kind) throws {
    let server = try RemoteServerProcess(kind, "hello", Self.hello)
    let tracer = server.tracer
    let thread = try server.thread()
    let original = try tracer.registers(of: thread)
    #expect(original.layout.architecture == kind.architecture)
    if kind.architecture != .x86_64 {
      // A static program begins at its entry; another one in the dynamic loader.
      #expect(original.programCounter == (try tracer.auxiliaryVector(of: thread)[UInt64(AT_ENTRY)]))
    }
    // The stack begins with the count of arguments.
    let memory = try tracer.memory(of: try server.process())
    #expect(try memory.readWord(original.stackPointer) == 1)
    let names: [String] =
      switch kind.architecture {
      case .x86_64: ["r15", "rbx", "rax", "r8", "rdi"]
      case .arm64: ["x0", "x8", "x15", "x29", "x30"]
      case .ppc64le: ["r0", "r3", "r31", "ctr", "link"]
      }
    var changed = original
    for (index, name) in names.enumerated() {
      let slot = try #require(changed.layout.names.firstIndex(of: name))
      changed[slot] = 0x0123_4567_89ab_cde0 + UInt64(index)
    }
    try tracer.setRegisters(changed, of: thread)
    try tracer.forgetKnownRegisters(of: thread)
    #expect(try tracer.registers(of: thread) == changed)
    try tracer.setRegisters(original, of: thread)
    #expect(try server.runToEnd() == .exited(3))
  }

  @Test(arguments: Kind.allCases) func memoryIsReadAndWritten(kind: Kind) throws {
    let server = try RemoteServerProcess(kind, "hello", Self.hello)
    let tracer = server.tracer
    let thread = try server.thread()
    let memory = try tracer.memory(of: try server.process())
    let registers = try tracer.registers(of: thread)
    // More than a packet, with all byte values, below the stack pointer and back.
    let place = registers.stackPointer - 65536
    let pattern = (0..<40_000).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ $0 >> 8) }
    try memory.write(pattern, at: place)
    #expect(try memory.read(place, count: pattern.count) == pattern)
    #expect(try memory.read(place + 1, count: 100) == Array(pattern[1...100]))
    let counter = registers.programCounter
    let code = try memory.read(counter, count: 16)
    if tracer.capabilities.writesText {
      try memory.write([1, 2, 3, 4], at: counter)
      #expect(try memory.read(counter, count: 16) == [1, 2, 3, 4] + code[4...])
      try memory.write(code, at: counter)
    } else {
      #expect(throws: ApusProcess.MemoryError.self) { try memory.write([1, 2, 3, 4], at: counter) }
      #expect(try memory.read(counter, count: 16) == code)
    }
    do throws(ApusProcess.MemoryError) {
      _ = try memory.read(16, count: 8)
      Issue.record("the first page can be read")
    } catch {
      #expect(error.reason == .unmapped && error.done == 0)
    }
    #expect(try server.runToEnd() == .exited(3))
  }

  @Test(arguments: Kind.allCases) func systemCallsAreMadeInTheTarget(kind: Kind) throws {
    let server = try RemoteServerProcess(kind, "hello", Self.hello)
    let tracer = server.tracer
    let thread = try server.thread()
    let before = try tracer.registers(of: thread)
    let gate = try tracer.installGate(on: thread)
    let caller = RemoteCaller(tracer, thread: thread, gate: gate)
    let place = try caller.mmap(
      0, count: 65536, protection: PROT_READ | PROT_WRITE, flags: MAP_PRIVATE | MAP_ANONYMOUS)
    let memory = try tracer.memory(of: try server.process())
    let text = Array("written for it\n".utf8)
    try memory.write(text, at: place)
    // write(1, place, count), then the same with the text as a payload, which becomes the second argument of writev-like calls.
    let written = try tracer.systemCall(
      kind.write, [1, place, UInt64(text.count)], on: thread, through: gate)
    #expect(written == Int64(text.count))
    // An error is an error: EBADF.
    #expect(
      try tracer.systemCall(kind.write, [999, place, 1], on: thread, through: gate) == -Int64(EBADF))
    #expect(throws: TraceError.remoteCall(.close, errno: Errno(rawValue: EBADF))) { try caller.close(999) }
    let file = try caller.memfdCreate(named: "apus test", flags: 1)
    #expect(file > 2)
    try caller.close(file)
    try caller.munmap(AddressRange(place, place + 65536))
    #expect(throws: (any Error).self) { try memory.read(place, count: 1) }
    #expect(try tracer.registers(of: thread) == before)
    #expect(try server.runToEnd() == .exited(3))
    #expect(try server.output() == "written for it\nmarker 1122334455667788, \n")
  }

  /// These servers all run on this machine.
  @Test(arguments: Kind.allCases) func aFileIsSharedWithAProcessOfThisMachine(kind: Kind) throws {
    let server = try RemoteServerProcess(kind, "hello", Self.hello)
    let tracer = server.tracer
    let thread = try server.thread()
    let gate = try tracer.installGate(on: thread)
    #expect(!tracer.capabilities.sharesMemory)
    let shared = try #require(try tracer.shareFile(bytes: 65536, on: thread, through: gate))
    #expect(tracer.capabilities.sharesMemory)
    try shared.view.store(bytes: Array("from here, ".utf8), at: 4096)
    let memory = try tracer.memory(of: try server.process())
    try memory.write(Array("from there\n".utf8), at: shared.address + 4107)
    // The process itself sees both.
    #expect(
      try tracer.systemCall(kind.write, [1, shared.address + 4096, 22], on: thread, through: gate) == 22)
    #expect(try server.runToEnd() == .exited(3))
    #expect(try server.output() == "from here, from there\nmarker 1122334455667788, \n")
  }

  static let threads = """
    #include <pthread.h>
    #include <stdio.h>
    #include <unistd.h>
    volatile long counts[4];
    volatile int stop;
    static void *work(void *index) {
      while (!stop) counts[(long)index]++;
      return 0;
    }
    int main(void) {
      pthread_t made[3];
      for (long i = 0; i < 3; i++) pthread_create(&made[i], 0, work, (void *)i);
      while (!counts[0] || !counts[1] || !counts[2]) usleep(1000);
      write(1, "all run\\n", 8);
      pause();
      return 1;
    }
    """

  /// Three threads that count are born, stopped, moved into calls, and let go again.
  @Test(arguments: [Kind.gdbserver, .gdbserverNonStop]) func threadsAreStoppedAndResumed(kind: Kind) throws {
    let server = try RemoteServerProcess(kind, "threads", Self.threads)
    let tracer = server.tracer
    let process = try server.process()
    try tracer.resume(process)
    var born: Set<ThreadID> = []
    // In all-stop mode the server is not asked for births.
    while tracer.capabilities.tellsThreads, born.count < 3 {
      let event = try #require(try tracer.next(timeoutMilliseconds: 20_000))
      if case .born(parent: process, .clone) = event.kind { born.insert(event.thread) }
      try tracer.resume(event.thread)
    }
    #expect(!born.contains(process))
    #expect(Set(tracer.threads(of: process)) == born.union([process]))
    #expect(throws: TraceError.notStopped(thread: process)) { try tracer.resume(process) }
    #expect(throws: TraceError.notStopped(thread: process)) { try tracer.registers(of: process) }
    while try WholeFile.text(server.outputPath).isEmpty { usleep(1000) }
    // The first thread is in pause(), which must not notice.
    for _ in 0..<5 {
      for thread in born.sorted() + [process] {
        try tracer.interrupt(thread)
        let event = try #require(try tracer.next(timeoutMilliseconds: 20_000))
        #expect(event.thread == thread && event.kind == .interrupted)
        let before = try tracer.registers(of: thread)
        if tracer.capabilities.isAllStop {
          #expect(tracer.threads(of: process).allSatisfy(tracer.isStopped))
        } else {
          #expect(tracer.threads(of: process).filter(tracer.isStopped) == [thread])
        }
        let gate = try tracer.installGate(on: thread)
        let caller = RemoteCaller(tracer, thread: thread, gate: gate)
        let page = try caller.mmap(0, count: 4096, protection: PROT_READ, flags: MAP_PRIVATE | MAP_ANONYMOUS)
        try caller.munmap(AddressRange(page, page + 4096))
        #expect(try tracer.registers(of: thread) == before)
        try tracer.resume(thread)
      }
    }
    try tracer.interrupt(process)
    #expect(try #require(try tracer.next(timeoutMilliseconds: 20_000)).kind == .interrupted)
    // SIGTERM ends it: told of first, delivered by the resumption.
    kill(process, SIGTERM)
    var signals: [Int32] = []
    let status = try server.runToEnd { event in
      if case .signal(let info) = event.kind { signals.append(info.number) }
    }
    #expect(signals == [SIGTERM])
    #expect(status == .signalled(SIGTERM, dumpedCore: false))
    #expect(try server.output() == "all run\n")
  }

  /// qemu's stub hears of a SIGTRAP only; the other threads run on meanwhile.
  @Test(arguments: [Kind.qemuARM64, .qemuPPC64LE]) func anEmulatedProgramIsInterruptedAndCallsAreMade(
    kind: Kind
  ) throws {
    let source = """
      #include <stdio.h>
      volatile long count, limit = 1;
      int main(void) { while (count < limit) count += limit > 1; puts("over"); return 5; }
      """
    let spinning = source.replacingFirst("limit = 1;", with: "limit = 1L << 62;")
    let server = try RemoteServerProcess(kind, "spin", spinning)
    let tracer = server.tracer
    let thread = try server.thread()
    for _ in 0..<3 {
      try tracer.resume(thread)
      #expect(throws: (any Error).self) { try tracer.memory(of: try server.process()).read(4096, count: 1) }
      try tracer.interrupt(thread)
      let event = try #require(try tracer.next(timeoutMilliseconds: 20_000))
      #expect(event.thread == thread && event.kind == .interrupted)
      let before = try tracer.registers(of: thread)
      let gate = try tracer.installGate(on: thread)
      let caller = RemoteCaller(tracer, thread: thread, gate: gate)
      _ = try caller.mmap(0, count: 65536, protection: PROT_READ, flags: MAP_PRIVATE | MAP_ANONYMOUS)
      #expect(try tracer.registers(of: thread) == before)
    }
  }

  static let family = """
    #include <stdio.h>
    #include <sys/wait.h>
    #include <unistd.h>
    int main(int count, char **words) {
      if (count > 1) return 9;
      int status;
      pid_t child = fork();
      if (child == 0) { execl(words[0], words[0], "again", (char *)0); _exit(1); }
      waitpid(child, &status, 0);
      return WEXITSTATUS(status);
    }
    """

  @Test(arguments: [Kind.gdbserver, .gdbserverNonStop]) func forksAndExecsAreTold(kind: Kind) throws {
    let server = try RemoteServerProcess(kind, "family", Self.family)
    let tracer = server.tracer
    let process = try server.process()
    var kinds: [String] = []
    var child: ThreadID = 0
    var ends: [ThreadID: Termination] = [:]
    try tracer.resume(process)
    while ends.count < 2 {
      let event = try #require(try tracer.next(timeoutMilliseconds: 20_000), "\(kinds)")
      switch event.kind {
      case .created(let new, .fork):
        #expect(event.thread == process)
        child = new
        kinds.append("created")
      case .born(parent: process, .fork):
        #expect(event.thread == child && event.process == child)
        kinds.append("born")
      case .executed:
        #expect(event.thread == child)
        kinds.append("executed")
      case .exited(let status): ends[event.thread] = status
      default: break
      }
      if tracer.isStopped(event.thread) { try tracer.resume(event.thread) }
    }
    #expect(kinds == ["created", "born", "executed"])
    #expect(ends == [process: .exited(9), child: .exited(9)])
  }

  @Test func filesOfTheTargetAreRead() throws {
    let server = try RemoteServerProcess(.gdbserver, "hello", Self.hello)
    let process = try server.process()
    let maps = String(decoding: try server.tracer.readFile("/proc/\(process)/maps"), as: UTF8.self)
    let path = try #require(try server.tracer.programPath(of: process))
    #expect(maps.contains(path))
    let image = try server.tracer.readFile(path)
    #expect(image == (try WholeFile.bytes(path)))
    #expect(throws: TraceError.self) { try server.tracer.readFile("/no/such/file") }
  }

  @Test func detachedProcessesRunOn() throws {
    for kind in [Kind.gdbserver, .qemuARM64] {
      let server = try RemoteServerProcess(kind, "hello", Self.hello)
      try server.tracer.detach(try server.thread())
      #expect(server.tracer.isEmpty)
      #expect(try server.output() == "marker 1122334455667788, \n")
    }
  }

  @Test func nobodyThereAndNonsenseAreTypedErrors() throws {
    var options = RemoteTracer.Options()
    options.patienceMilliseconds = 0
    options.timeoutMilliseconds = 300
    let nobody = try #require(SocketAddress("127.0.0.1:\(try RemoteServerProcess.freePort())"))
    do throws(TraceError) {
      _ = try RemoteTracer(to: nobody, options: options)
      Issue.record("connected to nobody")
    } catch {
      guard case .remote(.unreachable(nobody, _)) = error else {
        Issue.record("\(error)")
        return
      }
      #expect(error.description.contains("gdbserver"))
    }
    for text in ["", "host", "1.2.3.4", "1.2.3.4:0", "1.2.3.4:99999", "somewhere:1", "::1:5", "[::1"] {
      #expect(SocketAddress(text) == nil, "\(text)")
    }
    #expect(SocketAddress("[::1]:5") == .tcp(host: "::1", port: 5))
    #expect(SocketAddress(":1234") == SocketAddress("localhost:1234"))
    #expect(SocketAddress("/tmp/x") == .unix(path: "/tmp/x"))
  }
}

extension String {
  fileprivate func replacingFirst(_ part: String, with other: String) -> String {
    guard let range = firstRange(of: part) else { return self }
    return self[..<range.lowerBound] + other + self[range.upperBound...]
  }
}
