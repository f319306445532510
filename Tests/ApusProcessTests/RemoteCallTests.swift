import ApusCore
import ApusProcess
import ApusSystem
import Glibc
import Testing

extension PtraceTests {
  @Suite(.serialized) struct RemoteCallTests {
    /// The main thread blocks in one way after the other while a second one lets it go on; EINTR is a failure.
    static let blocking = """
      #define _GNU_SOURCE
      #include <errno.h>
      #include <poll.h>
      #include <pthread.h>
      #include <semaphore.h>
      #include <signal.h>
      #include <stdio.h>
      #include <string.h>
      #include <sys/epoll.h>
      #include <time.h>
      #include <unistd.h>
      static int fd[2];
      static sem_t sem;
      static void rest(long ms) {
        struct timespec t = {ms / 1000, ms % 1000 * 1000000}, r;
        while (nanosleep(&t, &r)) t = r;
      }
      static void *other(void *mode) {
        rest(120);
        if (!strcmp(mode, "futex")) sem_post(&sem); else write(fd[1], "x", 1);
        return 0;
      }
      int main(int c, char **v) {
        pthread_t t; char b; int result = -1;
        pipe(fd); sem_init(&sem, 0, 0);
        if (strcmp(v[1], "nanosleep") && strcmp(v[1], "timeout")) pthread_create(&t, 0, other, v[1]);
        if (!strcmp(v[1], "nanosleep")) { struct timespec s = {0, 120000000}; result = nanosleep(&s, 0); }
        if (!strcmp(v[1], "timeout")) { struct pollfd p = {fd[0], POLLIN, 0}; result = poll(&p, 1, 120); }
        if (!strcmp(v[1], "read")) result = read(fd[0], &b, 1) - 1;
        if (!strcmp(v[1], "futex")) result = sem_wait(&sem);
        if (!strcmp(v[1], "poll")) { struct pollfd p = {fd[0], POLLIN, 0}; result = poll(&p, 1, 10000) - 1; }
        if (!strcmp(v[1], "ppoll")) {
          struct pollfd p = {fd[0], POLLIN, 0}; sigset_t s; sigfillset(&s);
          struct timespec w = {10, 0};
          result = ppoll(&p, 1, &w, &s) - 1;
        }
        FILE *f = fopen(v[2], "w");
        fprintf(f, "%d %s\\n", result, result ? strerror(errno) : "ok");
        return 0;
      }
      """

    @Test(arguments: ["nanosleep", "timeout", "read", "futex", "poll", "ppoll"])
    func aBlockedThreadDoesNotNotice(mode: String) throws {
      let program = try TestProgram("blocking", Self.blocking)
      // On a busy machine a program may end before it has been seen blocked: then once more.
      for _ in 0..<10 {
        let output = TestProgram.outputPath()
        let calls = try onTracer { tracer in try callWhileBlocked(tracer, [program.path, mode, output]) }
        #expect(try TestProgram.take(output) == "0 ok\n")
        if calls > 0 { return }
      }
      Issue.record("it was never seen blocked")
    }

    /// Calls from first to last; gives how many of them were made in a blocked thread.
    private func callWhileBlocked(_ tracer: PtraceTracer, _ command: [String]) throws -> Int {
      let process = try tracer.launch(LaunchRequest(command))
      let gate = try tracer.prepare(process)
      let caller = RemoteCaller(tracer, thread: process, gate: gate.gate)
      try tracer.resume(process)
      var calls = 0
      while try tracer.stop(process) {
        let before = try tracer.registers(of: process)
        let address = try caller.mmap(0, count: 4096, protection: 3, flags: 0x22)
        try caller.munmap(AddressRange(address, address + 4096))
        #expect(try tracer.registers(of: process) == before)
        if before.currentSystemCall != nil && before.result < -500 { calls += 1 }
        if calls == 100 {  // enough
          #expect(try tracer.runToEnd(process) == .exited(0))
          break
        }
        try tracer.resume(process)
        usleep(500)  // a thread that is interrupted as soon as it goes on gets nowhere
      }
      return calls
    }

    /// Known values in every vector and general register, until a signal's handler says so; then compared.
    static let registers = """
      #include <signal.h>
      #include <stdint.h>
      #include <stdio.h>
      #include <string.h>
      static volatile int done;
      static void handler(int s) { done = 1; }
      static uint8_t in[16][32], out[16][32];
      int main(int c, char **v) {
        for (int i = 0; i < 16; i++) for (int k = 0; k < 32; k++) in[i][k] = i * 37 + k * 11 + 5;
        signal(SIGUSR1, handler);
        fclose(fopen(v[2], "w"));
        uint64_t general = 0x123456789abcdef0;
        __asm__ volatile(
          ".set i, 0\\n .irp r,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15\\n"
          "vmovdqu \\\\r*32(%[in]), %%ymm\\\\r\\n .endr\\n"
          "mov %[general], %%rax\\n mov %%rax, %%rcx\\n mov %%rax, %%r11\\n mov %%rax, %%r10\\n mov %%rax, %%rdx\\n"
          "fldpi\\n"
          "movq $0x77777777, -8(%%rsp)\\n movq $0x66666666, -128(%%rsp)\\n"
          "1: cmpl $0, %[done]\\n je 1b\\n"
          "fldpi\\n fcomip %%st(1), %%st\\n jne 2f\\n fstp %%st(0)\\n"
          "cmpq $0x77777777, -8(%%rsp)\\n jne 2f\\n cmpq $0x66666666, -128(%%rsp)\\n jne 2f\\n"
          "cmp %%rax, %%rcx\\n jne 2f\\n cmp %%rax, %%r11\\n jne 2f\\n cmp %%rax, %%r10\\n jne 2f\\n"
          "cmp %%rax, %%rdx\\n jne 2f\\n cmp %[general], %%rax\\n je 3f\\n"
          "2: mov $0, %[general]\\n 3:\\n"
          ".irp r,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15\\n"
          "vmovdqu %%ymm\\\\r, \\\\r*32(%[out])\\n .endr\\n"
          : [general] "+r"(general) : [in] "r"(in), [out] "r"(out), [done] "m"(done)
          : "memory", "rax", "rcx", "rdx", "r10", "r11", "cc");
        FILE *f = fopen(v[1], "w");
        fprintf(f, "%d %d\\n", general == 0x123456789abcdef0, !memcmp(in, out, sizeof in));
        return 0;
      }
      """

    @Test func registersAndRedZoneAreUnchanged() throws {
      let program = try TestProgram("registers", Self.registers, flags: ["-O1", "-mno-red-zone"])
      let output = TestProgram.outputPath()
      let ready = TestProgram.outputPath()
      try onTracer { tracer in
        let process = try tracer.launch(LaunchRequest([program.path, output, ready]))
        let gate = try tracer.prepare(process)
        let caller = RemoteCaller(tracer, thread: process, gate: gate.gate)
        try tracer.resume(process)
        // Its handler must be there before the signal is.
        for _ in 0..<20_000 where unsafe access(ready, F_OK) != 0 { usleep(500) }
        for _ in 0..<300 {
          try #require(try tracer.stop(process))
          try caller.membarrier(command: 0)
          try tracer.resume(process)
        }
        try SignalSender.send(SIGUSR1, process: process)
        #expect(try tracer.runToEnd(process) == .exited(0))
      }
      #expect(try TestProgram.take(output) == "1 1\n")
    }

    /// Queued signals are counted exactly; a second thread sends them as fast as it can, and stops come in between.
    static let storm = """
      #define _GNU_SOURCE
      #include <errno.h>
      #include <pthread.h>
      #include <signal.h>
      #include <stdio.h>
      #include <unistd.h>
      static volatile int count;
      static pthread_t first;
      static void handler(int s) { count++; }
      static void *sender(void *p) {
        for (int i = 0; i < 3000; i++) {
          while (pthread_sigqueue(first, SIGRTMIN, (union sigval){0}) == EAGAIN) usleep(100);
          if (i % 100 == 50) usleep(2000);
        }
        return 0;
      }
      int main(int c, char **v) {
        struct sigaction a = {.sa_handler = handler};
        sigaction(SIGRTMIN, &a, 0);
        first = pthread_self();
        pthread_t t;
        pthread_create(&t, 0, sender, 0);
        while (count < 3000) usleep(50);
        pthread_join(t, 0);
        FILE *f = fopen(v[1], "w");
        fprintf(f, "%d\\n", count);
        return 0;
      }
      """

    @Test func noSignalOfAStormIsLostOrDoubled() throws {
      let program = try TestProgram("storm", Self.storm)
      let output = TestProgram.outputPath()
      try onTracer { tracer in
        let process = try tracer.launch(LaunchRequest([program.path, output]))
        let gate = try tracer.prepare(process)
        let caller = RemoteCaller(tracer, thread: process, gate: gate.gate)
        try tracer.resume(process)
        var signals = 0
        var calls = 0
        var atSignals = 0
        let count: (TraceEvent) throws -> Void = { event in
          guard case .signal(let info) = event.kind, event.thread == process, info.number != SIGCONT else {
            return
          }
          signals += 1
          // A call from where a signal is about to be delivered delivers it first.
          if signals % 7 == 0 {
            try caller.membarrier(command: 0)
            atSignals += 1
          }
        }
        while try tracer.stop(process, count) {
          try caller.membarrier(command: 0)
          calls += 1
          // Stops of the whole process in the middle of it all.
          if calls % 50 == 0 {
            try SignalSender.send(SIGSTOP, process: process)
            try caller.membarrier(command: 0)
            try SignalSender.send(SIGCONT, process: process)
          }
          if calls == 300 {
            #expect(try tracer.runToEnd(process, count) == .exited(0))
            break
          }
          try tracer.resume(process)
        }
        // What a call delivers on its way is not counted here; the program's own count is the exact one.
        #expect(calls > 0 && atSignals > 50 && signals > 350, "\(calls) \(atSignals) \(signals)")
      }
      #expect(try TestProgram.take(output) == "3000\n")
    }

    @Test func aStackOfOursIsUsedInsteadOfTheThreadsOwn() throws {
      let program = try TestProgram("ending", LaunchTests.ending)
      try onTracer { tracer in
        let process = try tracer.launch(LaunchRequest([program.path, "7"]))
        var gate = try tracer.prepare(process).gate
        let room = try RemoteCaller(tracer, thread: process, gate: gate).mmap(
          0, count: 65536, protection: 3, flags: 0x22)
        let memory = try tracer.memory(of: process)
        let stack = try tracer.registers(of: process).stackPointer
        let below = try memory.read(stack - 8192, count: 8192)
        gate.stack = AddressRange(room, room + 65536)
        _ = try tracer.call(.getpid, payload: nil, [], on: process, through: gate)
        #expect(try memory.read(room, count: 65536).contains { $0 != 0 })
        #expect(try memory.read(stack - 8192, count: 8192) == below)
        gate.stack = AddressRange(room, room + 256)
        #expect(throws: TraceError.self) {
          _ = try tracer.call(.getpid, payload: nil, [], on: process, through: gate)
        }
        #expect(try tracer.runToEnd(process) == .exited(7))
      }
    }
  }
}
