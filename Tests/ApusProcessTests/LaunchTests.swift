import ApusCore
import ApusProcess
import ApusSystem
import Glibc
import TestSupport
import Testing

extension PtraceTests {
  @Suite(.serialized) struct LaunchTests {
    static let ending = """
      #include <signal.h>
      #include <stdlib.h>
      #include <unistd.h>
      int main(int c, char **v) {
        int n = atoi(v[1]);
        if (n >= 0) return n;
        signal(-n, SIG_DFL);
        kill(getpid(), -n);
        for (;;) pause();
      }
      """

    @Test(arguments: [
      (0, Termination.exited(0), 0), (42, .exited(42), 42), (-9, .signalled(9, dumpedCore: false), 137),
      (-15, .signalled(15, dumpedCore: false), 143),
    ])
    func theProgramsEndIsTold(argument: Int, status: Termination, shell: Int32) throws {
      let program = try TestProgram("ending", Self.ending)
      let (seen, exiting) = try onTracer { tracer in
        let process = try tracer.launch(LaunchRequest([program.path, "\(argument)"]))
        var exiting: [Termination] = []
        let status = try tracer.runToEnd(process) {
          if case .exiting(let status) = $0.kind { exiting.append(status) }
        }
        #expect(tracer.isEmpty)
        #expect(try tracer.next() == nil)
        return (status, exiting)
      }
      #expect(seen == status && seen.shellStatus == shell)
      #expect(exiting == [status])
    }

    @Test(
      arguments: [
        ("/no/such/program", 127), ("no-such-program-in-path", 127), ("/etc/passwd", 126), ("/tmp", 126),
        ("/etc/passwd/x", 127),
      ] as [(String, Int32)])
    func aProgramThatCannotBeRun(path: String, status: Int32) throws {
      try onTracer { tracer in
        do throws(TraceError) {
          _ = try tracer.launch(LaunchRequest([path]))
          Issue.record("it ran")
        } catch {
          #expect(error.launchStatus == status)
          #expect(error.description.hasPrefix(path + ": "))
        }
        #expect(tracer.isEmpty)
      }
    }

    @Test func pathEnvironmentAndArgumentsArrive() throws {
      let output = TestProgram.outputPath()
      try onTracer { tracer in
        let process = try tracer.launch(
          LaunchRequest(["sh", "-c", "echo $A $1 > \(output)", "x", "c d"], environment: ["A=b"]))
        #expect(try tracer.runToEnd(process) == .exited(0))
      }
      #expect(try TestProgram.take(output) == "b c d\n")
    }

    @Test func signalMaskAndDispositionsAreTheStartingOnes() throws {
      let output = TestProgram.outputPath()
      try onTracer { tracer in
        try SignalDescriptor.block(SignalSet([SIGUSR1]))
        let process = try tracer.launch(
          LaunchRequest(["sh", "-c", "grep Sig /proc/self/status > \(output)"]))
        #expect(try tracer.runToEnd(process) == .exited(0))
      }
      let ours = try TestProgram.take(output).split(separator: "\n").filter { $0.hasPrefix("SigBlk") }
      let mask = try #require(ours.first?.split(separator: "\t").last.flatMap { UInt64($0, radix: 16) })
      #expect(mask & 1 << UInt64(SIGUSR1 - 1) == 0)
    }

    /// exit(0) of a 32-bit program, made by hand: there may be no 32-bit compiler.
    @Test func aThirtyTwoBitProgramIsRefused() throws {
      let path = TestProgram.outputPath()
      var image: [UInt8] = [0x7f, 0x45, 0x4c, 0x46, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0]
      func put(_ value: UInt32, _ count: Int) {
        for byte in 0..<count { image.append(UInt8(truncatingIfNeeded: value >> UInt32(8 * byte))) }
      }
      for (value, count) in [
        (2, 2), (3, 2), (1, 4), (0x0804_8054, 4), (52, 4), (0, 4), (0, 4), (52, 2), (32, 2), (1, 2), (0, 2),
        (0, 2), (0, 2), (1, 4), (0, 4), (0x0804_8000, 4), (0x0804_8000, 4), (0x60, 4), (0x60, 4), (5, 4),
        (0x1000, 4),
      ] as [(UInt32, Int)] { put(value, count) }
      image += [0xb8, 1, 0, 0, 0, 0x31, 0xdb, 0xcd, 0x80, 0x90, 0x90, 0x90]
      let file = try FileDescriptor.open(path, flags: O_WRONLY | O_CREAT, mode: 0o755)
      try file.writeFully(image)
      try file.close()
      try onTracer { tracer in
        do throws(TraceError) {
          _ = try tracer.launch(LaunchRequest([path]))
          Issue.record("it ran")
        } catch {
          switch error {
          // or a kernel without them
          case .unsupportedMachine, .notExecutable(_, .notExecutableFormat): break
          default: Issue.record(error)
          }
        }
        #expect(tracer.isEmpty)
      }
      unsafe unlink(path)
    }

    @Test(arguments: [["-O1"], ["-O1", "-static"], ["-O1", "-static-pie"], ["-O1", "-no-pie"]])
    func theThreadPointerIsSetAndTheGateWorks(flags: [String]) throws {
      let program = try TestProgram("ending", Self.ending, flags: flags)
      let isStatic = flags.contains { $0.hasPrefix("-static") }
      try onTracer { tracer in
        let process = try tracer.launch(LaunchRequest([program.path, "7"]))
        let names = try ProcessMaps.read(process: process).map { $0.name ?? "" }
        #expect(!names.contains { $0.contains("libc.so") })
        #expect(try tracer.runUntilThreadPointerSet(process) == .set)
        #expect(try tracer.threadPointer(of: process) != 0)
        let later = try ProcessMaps.read(process: process).map { $0.name ?? "" }
        #expect(later.contains { $0.contains("libc.so") } == !isStatic)

        let gate = try tracer.installBootstrapGate(process)
        let caller = RemoteCaller(tracer, thread: process, gate: gate.gate)
        let before = try (tracer.registers(of: process), tracer.vectorState(of: process))
        let address = try caller.mmap(0, count: 8192, protection: PROT_READ | PROT_WRITE, flags: 0x22)
        try tracer.memory(of: process).write([1, 2, 3], at: address + 4096)
        #expect(try tracer.memory(of: process).read(address + 4095, count: 4) == [0, 1, 2, 3])
        try caller.mprotect(.init(address, address + 4096), protection: PROT_READ)
        let file = try caller.memfdCreate(named: "test", flags: 1)
        var name = [CChar](repeating: 0, count: 64)
        let length = unsafe readlink("/proc/\(process)/fd/\(file)", &name, name.count)
        let target = name.prefix(max(0, length)).map { UInt8(bitPattern: $0) }
        #expect(String(decoding: target, as: UTF8.self).contains("memfd:test"))
        try caller.ftruncate(file, count: 4096)
        try caller.close(file)
        #expect(throws: TraceError.remoteCall(.close, errno: Errno(rawValue: EBADF))) {
          try caller.close(file)
        }
        #expect(try caller.membarrier(command: 0) & 1 == 1)
        try caller.munmap(.init(address, address + 8192))
        #expect(throws: (any Error).self) { _ = try tracer.memory(of: process).read(address, count: 1) }
        let after = try (tracer.registers(of: process), tracer.vectorState(of: process))
        #expect(before.0.programCounter == after.0.programCounter && before.1 == after.1)
        #expect(before.0.stackPointer == after.0.stackPointer)

        try tracer.removeBootstrapGate(gate)
        #expect(throws: TraceError.brokenGate(process: process, address: gate.gate.address)) {
          _ = try caller.membarrier(command: 0)
        }
        #expect(try tracer.runToEnd(process) == .exited(7))
      }
    }

    @Test func aProcessKilledUnderOurHandsIsATypedOutcome() throws {
      let program = try TestProgram("ending", Self.ending)
      try onTracer { tracer in
        let process = try tracer.launch(LaunchRequest([program.path, "7"]))
        let gate = try tracer.prepare(process)
        try SignalSender.send(SIGKILL, process: process)
        var gone = 0
        for _ in 0..<3 {
          do throws(TraceError) {
            _ = try tracer.call(.getpid, payload: nil, [], on: process, through: gate.gate)
          } catch {
            switch error {
            case .gone, .notStopped: gone += 1
            default: Issue.record(error)
            }
          }
        }
        #expect(gone == 3)
        #expect(try tracer.runToEnd(process) == .signalled(SIGKILL, dumpedCore: false))
      }
      try onTracer { tracer in
        let process = try tracer.launch(LaunchRequest([program.path, "7"]))
        try SignalSender.send(SIGKILL, process: process)
        #expect(
          try tracer.runUntilThreadPointerSet(process) == .ended(.signalled(SIGKILL, dumpedCore: false)))
        #expect(tracer.isEmpty)
      }
    }
  }
}

/// Everything that traces, one after the other: two tracers at once starve each other on a small machine.
@Suite(.serialized, .holdsProcesses, .timeLimit(.minutes(10))) struct PtraceTests {}
