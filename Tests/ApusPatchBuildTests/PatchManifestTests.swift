import ApusPatchBuild
import Testing

@Suite struct PatchManifestTests {
  @Test func whatTheLinesSay() throws {
    let manifest = try PatchManifest(
      """
      # a comment
      name  a  name # with a sign
        module  a directory/prog
      module lib.so
      replace new old
      replace a::b _ZN1cEv at 0x4011D0 of c.cpp in lib.so
      symbol count of main.c
      symbol of in of
      """, file: "m")
    #expect(manifest.name == "a  name # with a sign" && !manifest.isReplacement)
    #expect(manifest.modules.map(\.path) == ["a directory/prog", "lib.so"])
    #expect(manifest.modules.map(\.origin.description) == ["m:3", "m:4"])
    #expect(manifest.replacements.map(\.new) == ["new", "a::b"])
    #expect(
      manifest.replacements.map(\.old) == [
        WantedSymbol(name: "old"),
        WantedSymbol(name: "_ZN1cEv", file: "c.cpp", module: "lib.so", address: 0x4011d0),
      ])
    #expect(
      manifest.choices.map(\.symbol) == [
        WantedSymbol(name: "count", file: "main.c"), WantedSymbol(name: "of", module: "of"),
      ])
    #expect(try PatchManifest("replace-all", file: "m").isReplacement)
    #expect(try PatchManifest("", file: "m").modules.isEmpty)
  }

  @Test(arguments: [
    ("rename x", ManifestError.Problem.unknown("rename")), ("name", .usage("name TEXT")),
    ("module ", .usage("module PATH")), ("replace-all x", .usage("replace-all")),
    ("replace a", .usage("replace NEW OLD [of FILE] [in MODULE] [at ADDRESS]")),
    ("replace a b of", .usage("replace NEW OLD [of FILE] [in MODULE] [at ADDRESS]")),
    ("replace a b c d", .usage("replace NEW OLD [of FILE] [in MODULE] [at ADDRESS]")),
    ("symbol", .usage("symbol NAME [of FILE] [in MODULE] [at ADDRESS]")),
    ("symbol a in b in c", .repeated("in")), ("symbol a at 0xg", .noAddress("0xg")),
    ("symbol a at 10000000000000000", .noAddress("10000000000000000")),
    ("name a\nname b", .second("name", line: 1)), ("symbol a\nsymbol a of b", .second("symbol a", line: 1)),
  ]) func whatIsWrong(_ text: String, _ problem: ManifestError.Problem) {
    let line = text.split(separator: "\n").count
    do throws(ManifestError) {
      _ = try PatchManifest(text, file: "m")
      Issue.record("\(text): was read")
    } catch {
      #expect(error.problem == problem && error.origin == PackOrigin(file: "m", line: line))
      #expect(error.description.hasPrefix("m:\(line): "))
    }
  }
}
