package import ApusSystem
package import ApusTraceFile

/// Why a report could not be finished.
package enum ReportError: Error, Sendable, Equatable, CustomStringConvertible {
  /// The output could not be written.
  case output(SinkError)
  /// A temporary file could not be used.
  case temporary(path: String, SystemError)

  /// One line.
  package var description: String {
    switch self {
    case .output(let error): error.description
    case .temporary(let path, let error): "temporary file \(path): \(error)"
    }
  }
}

/// What the caller should tell the user beside the report.
package struct ReportOutcome: Sendable, Equatable {
  /// Damage in the trace: the report covers what stands before it.
  package var damage: [TraceDamage]
  /// Odd things among the events.
  package var anomalies: FrameAnomalies
}

/// Which threads to look at.
package struct ThreadSelection: Sendable, Hashable {
  /// Thread identifiers; empty for all.
  package var tids: [UInt32]

  /// A selection.
  package init(tids: [UInt32] = []) { self.tids = tids }

  /// The keys in a trace: nil for all.
  func keys(in reader: TraceReader) -> Set<UInt32>? {
    guard !tids.isEmpty else { return nil }
    return Set(reader.contents.threads.values.filter { tids.contains($0.tid) }.map(\.key))
  }
}

/// Why reading ended before the end.
private enum VisitStop<Failure: Error>: Error {
  case nobodyReads
  case failed(Failure)
}

extension TraceReader {
  /// Runs a visitor over the events, until they end or nobody reads `sink` any more.
  func visit<Visitor: FrameVisitor, Failure: Error>(
    _ visitor: Visitor, order: EventOrder, threads: ThreadSelection, for sink: TextSink? = nil,
    registers: Bool = false, after each: (inout Visitor) throws(Failure) -> Void
  ) throws(Failure) -> (Visitor, ReportOutcome) {
    var machine = FrameMachine(visitor)
    var found: TraceDamage?
    do throws(VisitStop<Failure>) {
      found = try forEachRun(order: order, threads: threads.keys(in: self), registers: registers) {
        (run) throws(VisitStop<Failure>) in
        machine.take(run)
        do throws(Failure) {
          try each(&machine.visitor)
        } catch {
          throw .failed(error)
        }
        if sink?.isClosed == true { throw .nobodyReads }
      }
    } catch {
      if case .failed(let failure) = error { throw failure }
    }
    machine.finish()
    try each(&machine.visitor)
    var damage = self.damage
    if let found { damage.append(found) }
    return (machine.visitor, ReportOutcome(damage: damage, anomalies: machine.anomalies))
  }
}
