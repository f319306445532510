import ApusSystem
import Glibc
import Testing

@Suite struct WaitingTests {
  @Test func anEventWakesAPoll() throws {
    let event = try EventDescriptor()
    #expect(event.take() == 0)
    #expect(try Poll.readable([event.rawValue], timeoutMilliseconds: 0) == [false])
    try SystemThread { event.signal() }.join()
    event.signal()
    #expect(try Poll.readable([event.rawValue], timeoutMilliseconds: nil) == [true])
    #expect(event.take() == 2)
    #expect(event.take() == 0)
  }

  @Test func aBlockedSignalCanBeRead() throws {
    let taken = try SystemThread.running { () -> Int32? in
      do throws(SystemError) {
        let signals = try SignalDescriptor(SignalSet([SIGUSR2]))
        try SignalSender.send(SIGUSR2, thread: SystemThread.current, of: getpid())
        _ = try Poll.readable([signals.rawValue], timeoutMilliseconds: 5000)
        return signals.take()
      } catch {
        Issue.record(error)
        return nil
      }
    }
    #expect(taken == SIGUSR2)
  }

  @Test func signalSets() {
    let set = SignalSet([SIGINT, 64])
    #expect(set.contains(SIGINT) && set.contains(64) && !set.contains(SIGTERM))
    #expect(set.bits == UInt64(1) << 1 | UInt64(1) << 63)
  }
}
