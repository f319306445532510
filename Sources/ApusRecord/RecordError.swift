package import ApusELF
package import ApusLiveText
package import ApusProcess
package import ApusSystem
package import ApusTraceFile

/// Why a recording could not be made, or not be finished.
package enum RecordError: Error, Sendable {
  /// The program could not be started; carries what a shell would exit with.
  case notStarted(String, status: Int32)
  /// No function can be traced.
  case noCallSites(NoCallSites)
  /// There are call sites, and the options choose none of them.
  case nothingChosen(sites: Int)
  /// The program ended before it was set up.
  case endedEarly(Termination)
  case process(TraceError)
  case liveText(LiveTextError)
  case trace(TraceWriteError)
  /// The file for debuggers could not be written.
  case symbols(path: String, SystemError)
}

extension RecordError: CustomStringConvertible {
  /// A sentence, with what to do.
  package var description: String {
    switch self {
    case .notStarted(let why, _): why
    case .noCallSites(let error): error.description
    case .nothingChosen(let sites):
      "none of the \(sites) usable call sites is chosen by the patterns: see 'apus sites PROGRAM' for the names"
    case .endedEarly(let status): "the program ended before it could be traced (status \(status.shellStatus))"
    case .process(let error): error.description
    case .liveText(let error): error.description
    case .trace(let error): error.description
    case .symbols(let path, let error): "cannot write the symbols to \(path): \(error)"
    }
  }
}

/// What a recording came to.
package struct RecordResult: Sendable {
  /// How the program ended.
  package var status: Termination
  package var calls: UInt64
  package var lost: UInt64
  package var threads: Int
  package var functions: Int
  package var traceBytes: UInt64
  /// What was not recorded as asked, by reason.
  package var refused: [(reason: String, count: Int)]
  /// Sentences about what else the user should know.
  package var notes: [String]
  /// Why the trace is not complete, if it is not.
  package var failure: RecordError?
}
