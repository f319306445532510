import ApusCore
import ApusELF
import Testing

@Suite struct SiteReportTests {
  @Test func textHasALineAFunction() throws {
    let scratch = try Scratch()
    let path = try scratch.build(Programs.plain, "gcc", "-O2 -no-pie -fno-pie -fpatchable-function-entry=8,3")
    let report = try SiteReport.of(try image(path), fileName: "prog")
    let text = report.text { $0 == "first" ? "First!" : $0 }
    let lines = text.split(separator: "\n")
    #expect(lines[0].hasPrefix("prog: x86_64 executable, build-id "))
    #expect(lines[1].contains("ADDRESS"))
    let address = try #require(try nmFunctions(path)["first"])
    let line = try #require(lines.first { $0.hasSuffix("  First!") })
    let fields = line.split(separator: " ").map(String.init)
    #expect(
      [fields[0], fields[2], fields[3], fields[4], fields[5]] == [
        hexadecimal(address), "patchable", hexadecimal(address), "3+5", "all",
      ])
    // Columns begin at one place in every line.
    #expect(
      lines[1].hasSuffix("FUNCTION") && lines[1].count - "FUNCTION".count == line.count - "First!".count)
    #expect(
      text.contains(
        "\(report.functionCount) functions, 7 call sites, 7 usable; "
          + "refused: \(report.functionCount - 7) no-site\n"
      ))
    #expect(
      lines.contains { $0.hasSuffix("_start  (no call site: compiled without -fpatchable-function-entry)") })
  }

  @Test func jsonIsWhatPythonReads() throws {
    let scratch = try Scratch()
    let path = try scratch.build(Programs.plain, "gcc", "-O2 -fcf-protection -fpatchable-function-entry=8,3")
    let report = try SiteReport.of(try image(path), fileName: "a \"file\"\n")
    let file = try scratch.write("report.json", report.json { "<\($0)>" }.text)
    let script = try scratch.write(
      "check.py",
      """
      import json, sys
      r = json.load(open(sys.argv[1]))
      f = {x["symbol"]: x for x in r["functions"]}
      s = f["second"]["site"]
      print(r["file"], r["architecture"], r["type"], len(r["build_id"]), r["summary"]["sites"],
            r["summary"]["usable"],
            r["summary"]["functions"] == len(f), r["summary"]["refused"]["no-site"] == len(f) - 7)
      print(f["second"]["name"], f["second"]["modes"], f["second"]["reason"], s["kind"],
            s["address"] - f["second"]["address"], s["slot_bytes"], s["before_bytes"], s["landing_pad"],
            f["_start"]["site"],
            f["_start"]["modes"], f["_start"]["reason"])
      """)
    #expect(
      try run("python3 '\(script)' '\(file)'") == """
        a "file"
         x86_64 pie 40 7 7 True True
        <second> ['count', 'entry', 'regs', 'graph', 'redirect'] None patchable 4 5 3 True None [] \
        no call site: compiled without -fpatchable-function-entry

        """)
  }

  static let siteless: [(String, String, String)] = [
    ("-O0", "-fpatchable-function-entry=5 (x86_64: gcc 8 or newer, clang 10 or newer)", ""),
    ("-O0 -pg", "-fpatchable-function-entry=5", "it was compiled for mcount (-pg), which apus does not use"),
    ("-O0 -pg -mfentry", "-fpatchable-function-entry=5", "__fentry__ (-pg -mfentry)"),
    ("-O0 -pg -mfentry -mrecord-mcount", "-fpatchable-function-entry=5", "__mcount_loc (-mrecord-mcount)"),
    (
      "-O0 -finstrument-functions", "-fpatchable-function-entry=5",
      "__cyg_profile_func_enter (-finstrument-functions)"
    ),
    (
      "-O2 -fpatchable-function-entry=2", "7 × slot-too-small (slot of 2 bytes; x86_64 needs 5",
      "-fpatchable-function-entry=5"
    ),
    ("-O2 -fpatchable-function-entry=1", "slot of 1 byte; x86_64 needs 5", "-fpatchable-function-entry=5"),
  ]

  @Test(arguments: siteless) func aFileWithoutSitesGetsOneClearError(
    _ flags: String, _ text: String, _ more: String
  ) throws {
    let scratch = try Scratch()
    let path = try scratch.build(Programs.plain, "gcc", flags)
    let found = try CallSites(try image(path))
    let error = try #require(#expect(throws: NoCallSites.self) { try found.requireUsable(in: "prog") })
    #expect(error.description.hasPrefix("prog has no"))
    #expect(error.description.contains(text), "\(error)")
    #expect(error.description.contains(more), "\(error)")
    #expect(!error.description.contains("\n"))
    let report = try SiteReport.of(try image(path), fileName: "prog")
    #expect(report.text().hasSuffix("\(error)\n"))
  }

  @Test func xrayIsNamed() throws {
    let scratch = try Scratch()
    let path = try scratch.build(
      Programs.plain, "clang", "-c -fxray-instrument -fxray-instruction-threshold=1")
    let error = #expect(throws: NoCallSites.self) { try CallSites(try image(path)).requireUsable(in: "prog") }
    #expect(error?.description.contains("xray_instr_map (-fxray-instrument)") == true)
  }

  @Test(arguments: ELFImageTests.files) func nothingIsTakenForASiteThatIsNone(_ path: String) throws {
    #expect(try CallSites(try image(path)).sites.isEmpty)
  }

  @Test func librariesOfTheSystemAreReported() throws {
    let report = try SiteReport.of(try image("/lib/x86_64-linux-gnu/libc.so.6"), fileName: "libc")
    #expect(report.functionCount > 2000)
    #expect(report.usableCount == 0)
    #expect(report.linkage == .sharedLibrary)
    #expect(report.rows.contains { $0.function.kind == .resolver })
    #expect(report.noCallSites?.description.contains("mcount") == false)
  }

  @Test func coldPartsAreSaidToBeSuch() throws {
    let scratch = try Scratch()
    let source = """
      __attribute__((cold, noinline)) int rare(int x) { return x * 7; }
      __attribute__((noinline)) int often(int x) {
        if (x == 3) { rare(1); rare(2); return rare(x); }
        return x;
      }
      int main(int c, char **v) { return often(c); }
      """
    let path = try scratch.build(
      source, "gcc", "-O2 -freorder-blocks-and-partition -fpatchable-function-entry=5")
    let report = try SiteReport.of(try image(path), fileName: "prog")
    let row = try #require(report.rows.first { $0.function.name == "often.cold" })
    #expect(row.refusal == .coldPart)
  }

  @Test(arguments: Architecture.allCases) func everyArchitectureHasItsFlag(_ architecture: Architecture) {
    let error = NoCallSites(fileName: "x", architecture: architecture, cause: .notCompiledIn(found: []))
    let flag = architecture == .x86_64 ? "-fpatchable-function-entry=5" : "-fpatchable-function-entry=2"
    #expect(error.description.contains(flag))
    #expect(
      error.description.contains(
        architecture == .ppc64le ? "gcc 14 or newer" : "gcc 8 or newer, clang 10 or newer"))
  }
}
