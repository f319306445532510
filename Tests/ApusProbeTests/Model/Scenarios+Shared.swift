import ApusProbe

extension Scenarios {
  private static let tails: [Op] = [
    .call(1, [.call(3, [.tail(3, [.call(4, [.tail(5, [])])])]), .tail(1, [])]), .call(5, []),
  ]

  /// Some functions have a stub in common, which finds in their ops what the others have in their code.
  static let shared: [Scenario] = [
    Scenario(
      name: "shared stubs: nested and tail calls", sharesStubs: true, threads: [nested + tails],
      injections: signals + forks + [.reader]),
    Scenario(
      name: "shared stubs: untimed", timed: false, sharesStubs: true, threads: [nested + tails],
      injections: signals + forks),
    Scenario(
      name: "shared stubs: roots", options: roots, sharesStubs: true, threads: [nested + tails],
      injections: [.handler(calls), .alternate(calls)]),
    Scenario(
      name: "shared stubs: depth limit", depthLimit: 2, sharesStubs: true, threads: [nested],
      injections: [.handler(calls), .alternate(calls)]),
    Scenario(
      name: "shared stubs: small buffer, dropping", waits: false, ringEvents: 16, sharesStubs: true,
      threads: [nested + [.read] + nested + [.call(3, [])]],
      injections: [.handler(calls), .handler([.read] + busy), .reader, .earlyReader] + forks.dropLast()),
    Scenario(
      name: "shared stubs: entry level", level: .entry, sharesStubs: true, threads: [nested],
      injections: [.handler(calls), .alternate(calls)] + forks + [.reader]),
    Scenario(
      name: "shared stubs: count level", level: .count, sharesStubs: true, threads: [nested],
      injections: [.handler(calls), .alternate(calls)] + forks),
  ]
}
