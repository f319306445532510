import ApusPatchBuild
import Testing

@Suite struct CompilerTests {
  @Test func whatACommandLineAsksFor() {
    func command(_ line: String) -> CompilerCommand {
      CompilerCommand(line.split(separator: " ").map(String.init))
    }
    var read = command("-O2 -I include -D X=1 -c src/a.c -o out/a.o -MF a.c")
    #expect(read.purpose == .compile && read.output == "out/a.o" && read.sources == [6])
    read = command("-c dir/b.cpp")
    #expect(read.purpose == .compile && read.output == "b.o")
    read = command("a.o b.o libz.a -lm -o prog")
    #expect(
      read.purpose == .link && read.output == "prog" && read.inputs == [0, 1, 2] && read.sources.isEmpty)
    read = command("-x c -std=c11 main.c util.c -Wl,-z,now")
    #expect(read.purpose == .link && read.output == "a.out" && read.sources == [3, 4])
    read = command("-c a.c -O2 b.c")
    #expect(read.purpose == .compile && read.sources == [1, 3])
    for line in [
      "-E a.c", "--version", "-S a.c -o a.s", "-M a.c", "-print-multiarch", "", "-c a.c b.c -o c.o",
    ] {
      #expect(command(line).purpose == .other, "\(line)")
    }
  }

  @Test func compilersByName() {
    for name in ["cc", "gcc", "g++", "clang-21", "x86_64-linux-gnu-gcc-12", "aarch64-linux-gnu-g++", "c++"] {
      #expect(CompilerWrapper.isCompiler(name), "\(name)")
    }
    for name in ["gcc-ar", "apus", "clang-format", "cpp", "ld", "gcov-12", "ccache", ""] {
      #expect(!CompilerWrapper.isCompiler(name), "\(name)")
    }
  }

  @Test func namesWithoutNumbers() {
    func name(_ text: String) -> String { CompilerName(text).withoutNumbers }
    #expect(name("main") == "main" && name("a1") == "a1")
    #expect(name("counter.12") == "counter.#")
    #expect(name("f.constprop.0.cold") == "f.constprop.#.cold")
    #expect(name("_ZZ1fiENKUliE_clEi") == name("_ZZ1fiENKUliE0_clEi"))
    #expect(name("_ZZ1fiENKUliE_clEi") != name("_ZZ1giENKUliE_clEi"))
    #expect(name("_ZZ1fiEN5Local3getEi") == name("_ZZ1fiEN5Local3getE_0i"))
    #expect(name("_ZZ1fvE1n_3") == name("_ZZ1fvE1n") && name("_ZZ1fvE1n__12_") == name("_ZZ1fvE1n"))
    #expect(name("_Z3fooi") == "_Z3fooi")
    #expect(CompilerName("f.part.0.cold").hotPart == "f.part.0" && CompilerName("f").hotPart == nil)
    #expect(CompilerName("_Z1fP5Frame.actor").isCoroutineBody && !CompilerName("resume").isCoroutineBody)
  }
}
