import ApusCore
import ApusProcess
import ApusSystem
import Glibc
import Testing

extension PtraceTests {
  /// Where a handler finds the thread that it has interrupted, when a remote call comes in between. Restartable code depends
  /// on that: its tracer moves the thread when a signal is told of, and no signal may be taken without being told of.
  @Suite(.serialized) struct RemoteCallSignalTests {
    /// Runs in 64 bytes for ever; the handler says how far from their beginning it has interrupted.
    static let loop = """
      #define _GNU_SOURCE
      #include <signal.h>
      #include <stdio.h>
      #include <ucontext.h>
      #include <unistd.h>
      extern char first[];
      static char **names;
      static void handler(int s, siginfo_t *info, void *context) {
        FILE *f = fopen(names[1], "w");
        fprintf(f, "%ld\\n", (long)(((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP] - (long)first));
        fclose(f);
        _exit(5);
      }
      int main(int c, char **v) {
        struct sigaction a = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};
        names = v;
        sigaction(SIGUSR1, &a, 0);
        fclose(fopen(v[2], "w"));
        __asm__ volatile(".balign 64\\n first: .rept 48\\n nop\\n .endr\\n jmp first");
        return 0;
      }
      """

    /// Runs `body` when the program is in its loop; gives what the handler said.
    private func run(
      _ body: @escaping @Sendable (PtraceTracer, ProcessID, RemoteCaller) throws -> Void
    ) throws -> String {
      let program = try TestProgram("loop", Self.loop)
      let (output, ready) = (TestProgram.outputPath(), TestProgram.outputPath())
      try onTracer { tracer in
        let process = try tracer.launch(LaunchRequest([program.path, output, ready]))
        let caller = RemoteCaller(tracer, thread: process, gate: try tracer.prepare(process).gate)
        try tracer.resume(process)
        for _ in 0..<20_000 where unsafe access(ready, F_OK) != 0 { usleep(500) }
        usleep(2000)
        try body(tracer, process, caller)
        #expect(try tracer.runToEnd(process) == .exited(5))
      }
      return try TestProgram.take(output)
    }

    private func moveToStart(_ tracer: PtraceTracer, _ thread: ThreadID) throws {
      var registers = try tracer.registers(of: thread)
      registers.programCounter &= ~63
      try tracer.setRegisters(registers, of: thread)
    }

    @Test func aSignalIsDeliveredWhereItsThreadWasMovedTo() throws {
      let said = try run { tracer, process, caller in
        try SignalSender.send(SIGUSR1, process: process)
        let event = try #require(try tracer.next(timeoutMilliseconds: 10_000))
        guard case .signal = event.kind else {
          Issue.record("\(event)")
          return
        }
        try moveToStart(tracer, process)
        try caller.membarrier(command: 0)
      }
      #expect(said == "0\n")
    }

    @Test(arguments: RemoteCallStep.allCases)
    func aSignalThatComesDuringACallIsToldOfAfterIt(step: RemoteCallStep) throws {
      let said = try run { tracer, process, caller in
        try #require(try tracer.stop(process))
        let before = try tracer.registers(of: process)
        tracer.afterCallStep = { (reached) throws(TraceError) in
          guard reached == step else { return }
          _ = kill(process, SIGUSR1)
        }
        try caller.membarrier(command: 0)
        tracer.afterCallStep = nil
        #expect(try tracer.registers(of: process) == before)
        try tracer.resume(process)
        let event = try #require(try tracer.next(timeoutMilliseconds: 10_000))
        guard case .signal(let info) = event.kind, info.number == SIGUSR1 else {
          Issue.record("\(event)")
          return
        }
        let place = try tracer.registers(of: process).programCounter
        #expect(place & ~63 == before.programCounter & ~63, "in its loop")
        try moveToStart(tracer, process)
      }
      #expect(said == "0\n")
    }
  }
}
