import ApusProbe

extension Scenarios {
  private static let handlers: [Injection] = [.handler(calls), .alternate(calls), .handler(jumping)]
  private static let tails: [Op] = [
    .call(1, [.call(2, [.tail(3, [.call(4, [.tail(5, [])])])]), .tail(1, [])]), .call(5, []),
  ]
  private static let leaving: [Op] = [.protect(1, [.call(1, [.call(3, [])]), .call(2, [])]), .call(3, [])]

  /// Some functions are on the regs path.
  static let registers: [Scenario] = [
    Scenario(
      name: "registers: nested calls", recordsRegisters: true, threads: [nested],
      injections: signals + forks + [.reader]),
    Scenario(
      name: "registers: jumps within handlers", recordsRegisters: true, threads: [nested + tails],
      injections: [.handler(jumping), .alternate(jumping)], leavesNothing: false),
    Scenario(
      name: "registers: tail calls, untimed", timed: false, recordsRegisters: true, threads: [tails],
      injections: signals + [.reader]),
    Scenario(
      name: "registers: small buffer, waiting", ringEvents: 16, recordsRegisters: true,
      threads: [nested + nested], injections: signals + forks + [.reader, .earlyReader, .death, .ending]),
    Scenario(
      name: "registers: small buffer, stopping", stops: true, ringEvents: 16, recordsRegisters: true,
      threads: [nested + nested], injections: signals + heldForks + [.reader, .earlyReader]),
    Scenario(
      name: "registers: minimum duration", minimumTicks: 1, ringEvents: 16, recordsRegisters: true,
      threads: [nested + nested],
      injections: [
        .handler(calls), .handler([.read] + calls + [.read]), .handler([.read, .call(7, []), .read]), .reader,
      ]),
    Scenario(
      name: "registers: small buffer, dropping", waits: false, ringEvents: 16, recordsRegisters: true,
      threads: [nested + [.read] + nested + [.call(3, [])]],
      injections: [
        .handler(calls), .handler([.read] + calls), .handler(busy), .handler([.read] + busy),
        .handler(busy + [.read]), .handler(throwing), .reader, .earlyReader,
      ] + forks.dropLast()),
    Scenario(
      name: "registers: tail calls, dropping", waits: false, ringEvents: 16, recordsRegisters: true,
      threads: [nested + [.read] + nested + [.read] + tails],
      injections: [.handler(calls), .handler([.read] + busy), .handler(busy + [.read])] + forks.dropLast() + [
        .reader
      ]),
    Scenario(
      name: "registers: jump out of a handler", recordsRegisters: true, threads: [leaving],
      injections: [.handler([.longjmp(1)]), .alternate([.call(7, [.call(6, [])]), .longjmp(1)])]),
    Scenario(
      name: "registers: roots", ringEvents: 64, options: roots, recordsRegisters: true,
      threads: [nested + tails], injections: [.handler(calls)]),
    Scenario(
      name: "registers: entry level", level: .entry, recordsRegisters: true, threads: [nested],
      injections: handlers + forks + [.reader]),
    Scenario(
      name: "registers: entry level, small buffer, waiting", level: .entry, ringEvents: 8,
      recordsRegisters: true, threads: [nested + nested],
      injections: handlers + forks + [.reader, .earlyReader, .death, .ending]),
    Scenario(
      name: "registers: entry level, small buffer, dropping", level: .entry, waits: false, ringEvents: 8,
      recordsRegisters: true, threads: [nested + [.read] + nested + [.read] + nested],
      injections: handlers + [.handler([.read] + calls)] + forks + [.reader, .earlyReader]),
    Scenario(
      name: "registers: nobody reads", level: .entry, ringEvents: 8, recordsRegisters: true,
      threads: [nested + nested], injections: [.handler(calls), .reader, .death], readerIsAway: true),
    Scenario(
      name: "registers: no contexts", level: .entry, recordsRegisters: true, threads: [nested, nested],
      withoutContext: [0, 1], injections: [.handler(calls), .secondThread]),
  ]
}
