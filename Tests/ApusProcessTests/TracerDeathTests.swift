import ApusCore
import ApusProcess
import ApusSystem
import Glibc
import Testing

extension PtraceTests {
  /// The tracer is killed at random moments of a loop of remote calls; its process must not notice.
  @Suite(.serialized) struct TracerDeathTests {
    static let program = """
      #define _GNU_SOURCE
      #include <errno.h>
      #include <pthread.h>
      #include <semaphore.h>
      #include <stdint.h>
      #include <stdio.h>
      #include <stdlib.h>
      #include <string.h>
      #include <time.h>
      #include <unistd.h>
      static int ping[2], pong[2];
      static sem_t sem;
      static const char *failure;
      static uint64_t mix(uint64_t x, int n) {
        double d = 1;
        for (int i = 0; i < n; i++) { x = x * 6364136223846793005u + 1442695040888963407u; x ^= x >> 29; d = d * 0.5 + (x & 7); }
        return x ^ (uint64_t)(d * 1024);
      }
      static void *partner(void *p) {
        uint64_t x = 1;
        for (int i = 0; i < 20; i++) {
          char b;
          if (read(ping[0], &b, 1) != 1) failure = "read in partner";
          x = mix(x + b, 20000);
          if (write(pong[1], &b, 1) != 1) failure = "write in partner";
          sem_post(&sem);
        }
        *(uint64_t *)p = x;
        return 0;
      }
      int main(int c, char **v) {
        uint64_t x = 2, y = 0;
        pthread_t t;
        pipe(ping); pipe(pong); sem_init(&sem, 0, 0);
        pthread_create(&t, 0, partner, &y);
        for (int i = 0; i < 20; i++) {
          char b = i;
          struct timespec s = {0, 1000000};
          if (nanosleep(&s, 0)) failure = strerror(errno);
          x = mix(x, 20000);
          if (write(ping[1], &b, 1) != 1) failure = "write";
          if (read(pong[0], &b, 1) != 1) failure = "read";
          if (sem_wait(&sem)) failure = "sem_wait";
        }
        pthread_join(t, 0);
        FILE *f = fopen(v[1], "w");
        fprintf(f, "%s %016llx\\n", failure ? failure : "ok", (unsigned long long)(x ^ y));
        fclose(f);
        return 0;
      }
      """

    /// The kernel lets a tracer's threads go when the tracing thread ends, whatever ends it. So each step is tried.
    @Test(arguments: RemoteCallStep.allCases, ["nanosleep", "timeout", "read", "futex", "poll", "ppoll"])
    func aCallLeftAtAnyStepRestoresABlockedThread(step: RemoteCallStep, mode: String) throws {
      let program = try TestProgram("blocking", RemoteCallTests.blocking)
      // On a busy machine a program may end before it has been seen blocked: then once more.
      for _ in 0..<10 {
        let output = TestProgram.outputPath()
        let pipe = try FileDescriptor.pipe()
        let alive = dup(pipe.writing.rawValue)  // inherited by the program: its end is the end of the file
        let left = try onTracer { tracer in
          let process = try tracer.launch(LaunchRequest([program.path, mode, output]))
          close(alive)
          return try leave(tracer, process, step, times: 2) {
            $0.currentSystemCall != nil && $0.result < -500
          }
        }
        try waitForEnd(try pipe.closeWriting())
        #expect(try TestProgram.take(output) == "0 ok\n")
        if left { return }
      }
      Issue.record("it was never seen blocked")
    }

    @Test(arguments: RemoteCallStep.allCases)
    func aCallLeftAtAnyStepRestoresAllRegisters(step: RemoteCallStep) throws {
      let program = try TestProgram("registers", RemoteCallTests.registers, flags: ["-O1", "-mno-red-zone"])
      let output = TestProgram.outputPath()
      let ready = TestProgram.outputPath()
      let pipe = try FileDescriptor.pipe()
      let alive = dup(pipe.writing.rawValue)
      let process = try onTracer { tracer in
        let process = try tracer.launch(LaunchRequest([program.path, output, ready]))
        close(alive)
        // Inside the loop: r10 and r11 hold the known value.
        #expect(
          try leave(tracer, process, step, times: 3) {
            $0["r10"] == 0x1234_5678_9abc_def0 && $0["r11"] == 0x1234_5678_9abc_def0
          })
        return process
      }
      // Its signals must not be blocked: this one ends its loop.
      try SignalSender.send(SIGUSR1, process: process)
      try waitForEnd(try pipe.closeWriting())
      #expect(try TestProgram.take(output) == "1 1\n")
    }

    /// Some whole calls, then one that is left after `step`; all at moments that `fits` accepts.
    private func leave(
      _ tracer: PtraceTracer, _ process: ProcessID, _ step: RemoteCallStep, times: Int,
      _ fits: (RegisterFile) -> Bool
    ) throws -> Bool {
      let gate = try tracer.prepare(process)
      try tracer.resume(process)
      var calls = 0
      while try tracer.stop(process) {
        if fits(try tracer.registers(of: process)) {
          calls += 1
          if calls == times {
            tracer.afterCallStep = { now throws(TraceError) in
              if now == step { throw .busy(thread: process, why: "was left") }
            }
            do throws(TraceError) {
              _ = try tracer.call(.getpid, payload: nil, [], on: process, through: gate.gate)
            } catch { return error == .busy(thread: process, why: "was left") }
          }
          _ = try tracer.call(.getpid, payload: nil, [], on: process, through: gate.gate)
        }
        try tracer.resume(process)
        usleep(500)  // a thread that is interrupted as soon as it goes on gets nowhere
      }
      return false
    }

    private func waitForEnd(_ alive: borrowing FileDescriptor) throws {
      let ended = try Poll.readable([alive.rawValue], timeoutMilliseconds: 20_000)
      try #require(ended == [true], "the program hangs")
      #expect(try alive.read(count: 1) == [])
    }

    static let variable = "APUS_TEST_TRACED_PROGRAM"

    /// The helper's part: it runs in a process of its own (this test program again), which its parent kills.
    @Test(.enabled(if: Terminal.environment(variable) != nil))
    func tracerHelper() throws {
      let words = (Terminal.environment(Self.variable) ?? "").split(separator: " ").map(String.init)
      try onTracer { tracer in
        let process = try tracer.launch(LaunchRequest(words))
        let gate = try tracer.prepare(process)
        _ = unsafe write(99, "r", 1)
        try tracer.resume(process)
        while true {
          for thread in tracer.threads(of: process) {
            guard try tracer.stop(thread) else {
              if thread == process { return }
              continue
            }
            do throws(TraceError) {
              let caller = RemoteCaller(tracer, thread: thread, gate: gate.gate)
              let address = try caller.mmap(0, count: 4096, protection: 3, flags: 0x22)
              try caller.munmap(AddressRange(address, address + 4096))
              try tracer.resume(thread)
            } catch .gone { continue }
          }
          if tracer.threads(of: process).isEmpty { return }
        }
      }
    }

    @Test(.enabled(if: Terminal.environment(variable) == nil))
    func theProgramOutlivesItsTracer() throws {
      let program = try TestProgram("outliving", Self.program)
      let output = TestProgram.outputPath()
      #expect(try Child.run([program.path, output]) == 0)
      let expected = try TestProgram.take(output)
      #expect(expected.hasPrefix("ok "))
      var generator = SystemRandomNumberGenerator()
      var killed = 0
      for round in 0..<150 {
        let delay = UInt32.random(in: 0..<25_000, using: &generator)
        if try survives(program, output, expected, delayMicroseconds: delay, round) { killed += 1 }
      }
      #expect(killed >= 100, "the tracer must be killed while it works")
    }

    /// One life and death of a tracer. Returns whether it was at work when it was killed.
    private func survives(
      _ program: TestProgram, _ output: String, _ expected: String, delayMicroseconds: UInt32, _ round: Int
    ) throws -> Bool {
      let pipe = try FileDescriptor.pipe()
      var environment = ["\(Self.variable)=\(program.path) \(output)"]
      for name in ["PATH", "LD_LIBRARY_PATH"] {
        if let value = Terminal.environment(name) { environment.append("\(name)=\(value)") }
      }
      let helper = try Child.spawn(
        ["/proc/self/exe", "--testing-library", "swift-testing", "--filter", "tracerHelper"],
        environment: environment, descriptor: pipe.writing.rawValue)
      let alive = try pipe.closeWriting()
      let ready = try Poll.readable([alive.rawValue], timeoutMilliseconds: 20_000)
      try #require(ready == [true], "the helper does not start")
      let first = try alive.read(count: 1)
      usleep(delayMicroseconds)
      _ = kill(helper, SIGKILL)
      let wasKilled = Child.wait(helper) & 0x7f == SIGKILL
      try #require(first == [UInt8(ascii: "r")], "the helper failed")
      // The end of the file comes when the program has ended.
      let ended = try Poll.readable([alive.rawValue], timeoutMilliseconds: 20_000)
      #expect(ended == [true], "the program hangs, round \(round)")
      guard ended == [true] else { return wasKilled }
      #expect(
        try TestProgram.take(output) == expected, "round \(round), killed after \(delayMicroseconds) us")
      return wasKilled
    }
  }
}
