import Testing

@testable import ApusPatchBuild

@Suite struct LinkInputsTests {
  /// The inputs of one command, given in /work.
  private func inputs(_ line: String) -> LinkInputs {
    var inputs = LinkInputs()
    inputs.add(record(line))
    return inputs
  }

  private func record(_ line: String) -> BuildLog.Record {
    BuildLog.Record(
      kind: .link, phase: 1, output: "/work/prog", kept: "", directory: "/work",
      command: line.split(separator: " ").map(String.init))
  }

  @Test func nothingIsKnownOfWhatWasNotSeen() {
    #expect(LinkInputs().contains("/work/a.o") == nil)
  }

  @Test func theObjectsThatACommandNames() {
    let inputs = inputs("/usr/bin/cc -O2 a.o ./sub//b.o ../c.o sub/../d.o /abs/e.o -o prog -lm -Wl,-z,now")
    for object in ["/work/a.o", "/work/sub/b.o", "/c.o", "/work/d.o", "/abs/e.o", "/abs/./x/../e.o"] {
      #expect(inputs.contains(object) == true, "\(object)")
    }
    for object in ["/work/b.o", "/work/f.o", "/a.o", "/work/sub/a.o", "/work/prog", "/usr/bin/cc"] {
      #expect(inputs.contains(object) == false, "\(object)")
    }
  }

  @Test func outputsAreNoInputs() {
    let inputs = inputs("cc -o prog.o a.o")
    #expect(inputs.contains("/work/prog.o") == false && inputs.contains("/work/a.o") == true)
  }

  @Test(
    "what may hold objects that are not named",
    arguments: [
      "libx.a", "sub/libx.a", "libx.la", "@objects.txt", "-Wl,--whole-archive,libx.a", "-L.", "-Lsub",
      "-L sub", "-L/home/x/lib", "-l:libx.a", "-Wl,b.o", "-Wl,--start-group,b.o,--end-group",
    ])
  func opaque(_ words: String) {
    let inputs = inputs("cc a.o \(words) -o prog")
    #expect(inputs.contains("/work/a.o") == true)
    #expect(inputs.contains("/work/other.o") == nil)
  }

  @Test(
    "what holds none",
    arguments: [
      "libx.so", "sub/libx.so.1.2", "-lx", "-L/usr/lib/x86_64-linux-gnu", "-Wl,-soname,libx.so.1",
      "-rdynamic",
      "-shared", "-Wl,-rpath,/home/x", "-pthread",
    ])
  func noObjects(_ words: String) {
    let inputs = inputs("cc a.o \(words) -o prog")
    #expect(inputs.contains("/work/a.o") == true && inputs.contains("/work/other.o") == false)
    #expect(inputs.contains("/work/\(words)") == false)
  }

  @Test(
    "objects whose paths look like libraries",
    arguments: ["libx.so.1.2.p/a.c.o", "libx.so.p/a.o", "game.solver/a.o", "a.sort.o", "x.socket.o"])
  func namesLikeLibraries(_ object: String) {
    #expect(inputs("cc main.o \(object) -o prog").contains("/work/\(object)") == true)
  }

  @Test("what is linked to be linked again", arguments: ["-r", "-Wl,-r", "-Wl,--relocatable"])
  func partial(_ option: String) {
    // Else it would be said of a.o that all.o has it, and so that the program, made of all.o, has it not.
    #expect(inputs("cc \(option) -nostdlib a.o b.o -o all.o").contains("/work/a.o") == nil)
  }

  @Test func commandsThatNoLineCouldHold() {
    #expect(inputs("").contains("/work/a.o") == nil)
  }

  @Test func severalCommandsForOneOutput() {
    var inputs = inputs("cc a.o -o prog")
    inputs.add(record("cc b.o -o prog"))
    #expect(inputs.contains("/work/a.o") == true && inputs.contains("/work/b.o") == true)
    #expect(inputs.contains("/work/c.o") == false)
    inputs.add(record("cc libx.a -o prog"))
    #expect(inputs.contains("/work/b.o") == true && inputs.contains("/work/c.o") == nil)
  }

  @Test func pathsFromTheRoot() {
    for (path, directory, expected) in [
      ("a", "/x", "/x/a"), ("./a/", "/x/", "/x/a"), ("../../../a", "/x", "/a"), ("/a/./b/..", "/x", "/a"),
      ("..", "/x/y", "/x"), ("", "/x", "/x"), ("/", "/x", "/"), ("...", "/x", "/x/..."),
    ] {
      #expect(LinkInputs.absolute(path, in: directory) == expected, "\(path) in \(directory)")
    }
  }
}
