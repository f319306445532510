import ApusCore
import ApusReport
import ApusSystem
import ApusTraceFile
import Glibc
import Testing

@Suite struct RenderingTests {
  private static let steps: [Step] = [
    .enter(1), .enter(2), .enter(3), .leave(3), .leave(2), .enter(2), .leave(2), .leave(1), .enter(4),
  ]

  private func trace(_ file: TemporaryFile) throws -> TraceReader {
    try makeTrace(Self.steps.enumerated().map { (1, UInt64($0.offset) * 1000, $0.element) }, at: file)
  }

  @Test func replayText() throws {
    let file = TemporaryFile()
    let reader = try trace(file)
    let text = try output {
      _ = try ReplayReport.write(reader, ReplayOptions(), demangler: Demangler(), to: $0)
    }
    #expect(
      text == """
            Duration     Thread   Function
                     [      71] │ f1() {
                     [      71] │   f2() {
            1.000 us [      71] │     f3();
            3.000 us [      71] │   } /* f2 */
            1.000 us [      71] │   f2();
            7.000 us [      71] │ } /* f1 */
                     [      71] │ f4(); /* never returned */

        """)
  }

  @Test func summaryTable() throws {
    let file = TemporaryFile()
    let reader = try trace(file)
    var options = SummaryOptions()
    options.limit = 3
    let text = try output { _ = try SummaryReport.write(reader, options, demangler: Demangler(), to: $0) }
    #expect(
      text == """
               Total        Self         Min         Max       Calls  Function
            7.000 us    3.000 us    7.000 us    7.000 us           1  f1 [p]
            4.000 us    3.000 us    1.000 us    3.000 us           2  f2 [p]
            1.000 us    1.000 us    1.000 us    1.000 us           1  f3 [p]
        … and 1 more functions

        """)
  }

  @Test(
    arguments: [
      (.total, "f1 f2 f3 f4"), (.own, "f2 f1 f3 f4"), (.calls, "f2 f1 f3 f4"), (.name, "f1 f2 f3 f4"),
    ] as [(SummaryOptions.Sort, String)])
  func summarySorting(_ sort: SummaryOptions.Sort, _ expected: String) throws {
    let file = TemporaryFile()
    var options = SummaryOptions()
    options.sort = sort
    options.format = .json
    let reader = try trace(file)
    let text = try output { _ = try SummaryReport.write(reader, options, demangler: Demangler(), to: $0) }
    let names = text.split(separator: "{").dropFirst().map {
      member("name", of: $0).replacing("\"", with: "")
    }
    #expect(names.joined(separator: " ") == expected)
    #expect(
      text.contains(
        #"{"name":"f2","module":"p","path":"/bin/p","address":2,"calls":2,"#
          + #""total_ns":4000,"self_ns":3000,"min_ns":1000,"max_ns":3000}"#
      ))
    #expect(text.contains(#""calls":1,"total_ns":0,"self_ns":0,"min_ns":null,"max_ns":null}"#))
  }

  @Test func graphTree() throws {
    let file = TemporaryFile()
    let reader = try trace(file)
    let text = try output {
      _ = try GraphReport.write(reader, GraphOptions(), demangler: Demangler(), to: $0)
    }
    #expect(
      text == """
               Total       %       Calls  Function
            7.000 us  100.00           1  f1
            4.000 us   57.14           2  └─ f2
            1.000 us   14.28           1     └─ f3
                0 ns    0.00           1  f4

        """)
    var options = GraphOptions()
    options.root = Glob("f2")
    let part = try output { _ = try GraphReport.write(reader, options, demangler: Demangler(), to: $0) }
    #expect(part.split(separator: "\n").count == 3)
    #expect(part.contains("100.00           2  f2"))
  }

  @Test func flameGraphIsWellFormedAndSaysEveryFunction() throws {
    let file = TemporaryFile()
    let reader = try trace(file)
    let text = try output {
      _ = try FlameGraphExport.write(reader, threads: ThreadSelection(), demangler: Demangler(), to: $0)
    }
    #expect(text.hasPrefix("<?xml"))
    #expect(text.hasSuffix("</svg>\n"))
    for title in [
      "all (7.000 us, 100.00 %)", "f1 (7.000 us, 100.00 %, 1 calls)", "f2 (4.000 us, 57.14 %, 2 calls)",
    ] {
      #expect(text.contains("<title>\(title)</title>"))
    }
    // f4 took no time.
    #expect(!text.contains("f4"))
    #expect(text.components(of: "<g ") == text.components(of: "</g>"))
  }

  @Test func infoTellsWhatTheFileHolds() throws {
    let file = TemporaryFile()
    let reader = try trace(file)
    var options = InfoOptions()
    options.format = .json
    let json = try output { try InfoReport.write(reader, options, demangler: Demangler(), to: $0) }
    for part in [
      #""calls":5"#, #""lost":0"#, #""threads":1"#, #""duration_ns":8000"#, #""level":"graph""#,
      #""timed":true"#, #""complete":true"#, #""slow_paths":{}"#, "\"bytes\":\(reader.fileSize)",
      #""sites":{"found":0,"enabled":0,"registers":0,"refused":{}"#,
    ] {
      #expect(json.contains(part), "\(part)")
    }
    let text = try output { try InfoReport.write(reader, InfoOptions(), demangler: Demangler(), to: $0) }
    #expect(text.contains("calls         5\n"))
    #expect(text.contains("state         complete\n"))
  }

  @Test(
    arguments: [
      ("_ZN3foo3barEi", "foo::bar(int)"), ("$sSS7cStringSSSPys4Int8VG_tcfC", nil), ("plain", "plain"),
      ("_Zgarbage", "_Zgarbage"), ("", ""),
    ] as [(String, String?)])
  func names(_ symbol: String, _ expected: String?) {
    let name = Demangler().name(symbol)
    if let expected {
      #expect(name == expected)
    } else {
      #expect(name.hasPrefix("Swift.String.init(cString:"))
    }
  }

  @Test func aClosedPipeEndsOutputQuietly() throws {
    let ends = try FileDescriptor.pipe()
    let old = signal(SIGPIPE, SIG_IGN)
    defer { _ = signal(SIGPIPE, old) }
    let sink = TextSink(try ends.closeReading(), name: "pipe")
    sink.write("nobody")
    try sink.flush()
    #expect(sink.isClosed)
  }

  @Test func aFullDiskIsAnError() throws {
    let file = TemporaryFile()
    let reader = try trace(file)
    do {
      _ = try SummaryReport.write(
        reader, SummaryOptions(), demangler: Demangler(), to: try TextSink(creating: "/dev/full"))
      Issue.record("written")
    } catch let error as ReportError {
      #expect(error.description.contains("No space left"))
    }
  }

  @Test func aDamagedTraceIsReportedUpToTheDamage() throws {
    let file = TemporaryFile()
    _ = try trace(file)
    let cut = try makeTrace(
      (0..<4).map { (1, UInt64($0) * 10, Step.enter(UInt32($0 + 1))) }, at: file, flushEvery: 2)
    let last = try #require(cut.chunks.last)
    let descriptor = unsafe open(file.path, O_WRONLY)
    try #require(unsafe pwrite(descriptor, "XX", 2, off_t(last.offset) + 70) == 2)
    close(descriptor)
    let reader = try TraceReader(path: file.path)
    let (sums, outcome) = reader.statistics()
    #expect(sums.map(\.function) == [1, 2])
    #expect(outcome.damage == [TraceDamage(offset: last.offset, defect: .damagedPayload)])
  }
}

extension String {
  fileprivate func components(of part: String) -> Int { self.ranges(of: part).count }
}
