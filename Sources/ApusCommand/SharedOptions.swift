internal import ApusCore
internal import ApusELF
internal import ApusReport
internal import ApusSystem
internal import ApusTraceFile
package import ArgumentParser
internal import Glibc
internal import Synchronization

/// The trace that a command reads.
package struct TraceArgument: ParsableArguments {
  @Argument(help: "The trace file.", completion: .file())
  var file = "apus.trace"

  package init() {}

  /// Opens it. How far a long reading is, is shown on a terminal.
  ///
  /// - Parameter writesMeanwhile: the standard output is written while events are read: if that is a terminal too, it shows enough.
  func open(writesMeanwhile: Bool = false) throws -> TraceReader {
    let line = Mutex(ProgressLine())
    let name = file
    let isShown = Terminal.error.isTerminal && !(writesMeanwhile && Terminal.output.isTerminal)
    let progress: TraceReader.Progress = { done, total in
      line.withLock {
        if done < total {
          $0.update("reading \(name): \(done * 100 / total) %")
        } else {
          $0.finish()
        }
      }
    }
    do throws(TraceReadError) { return try TraceReader(path: file, progress: isShown ? progress : nil) } catch
    {
      throw CommandFailure("\(error)")
    }
  }
}

/// Opens an ELF file that a command was given; what is read of it is read when it is asked for.
func openImage(_ path: String) throws -> ELFImage {
  do {
    let memory = try MappedMemory.file(path)
    return try ELFImage(
      source: unsafe BorrowedBytes(UnsafeRawBufferPointer(memory.buffer)) { _ in _ = memory })
  } catch let error as SystemError where error.errno == .invalidArgument {
    throw CommandFailure("\(path): is empty, or no regular file")
  } catch {
    throw CommandFailure("\(error)".contains(path) ? "\(error)" : "\(path): \(error)")
  }
}

/// When output is coloured.
enum ColorChoice: String, ExpressibleByArgument, CaseIterable {
  case auto, always, never
}

/// Colours.
package struct ColorOption: ParsableArguments {
  @Option(help: "When to use colours: auto (on a terminal, unless NO_COLOR is set), always or never.")
  var color = ColorChoice.auto

  package init() {}

  var mode: ColorMode {
    switch color {
    case .always: return .ansi
    case .never: return .none
    case .auto:
      guard isatty(1) == 1 else { return .none }
      if let value = unsafe getenv("NO_COLOR"), unsafe value[0] != 0 { return .none }
      return .ansi
    }
  }
}

/// The threads that a command looks at.
package struct ThreadOption: ParsableArguments {
  @Option(name: .customLong("thread"), help: "Only the thread with this number (repeatable).")
  var threads: [UInt32] = []

  package init() {}

  var selection: ThreadSelection { ThreadSelection(tids: threads) }
}

/// Runs a report, and says what was wrong with the trace.
func reporting(
  _ reader: TraceReader, _ body: () throws(ReportError) -> ReportOutcome?
) throws {
  do throws(ReportError) {
    guard let outcome = try body() else { return }
    for damage in outcome.damage { Diagnostics.note("\(reader.path): \(damage)") }
    if !reader.isComplete, outcome.damage.isEmpty {
      Diagnostics.note("\(reader.path) is not finished: the recording was cut short, or still runs")
    }
  } catch {
    throw CommandFailure("\(error)")
  }
}

/// The standard output.
func standardOutput() throws(ReportError) -> TextSink {
  do throws(SinkError) { return try TextSink.standardOutput() } catch { throw .output(error) }
}
