import ApusCore
import ApusLiveText
import Glibc
import Testing

/// gdb's backtrace through trampolines, of emulated programs. For recorded programs of this machine: Tests/Command.
@Suite struct BacktraceTests {
  /// What gdb runs: prints the frames' names, and their arguments, at a breakpoint in the callee of a traced function, then, if
  /// there is something traced, with symbols, and from every instruction on the way back until `middle` goes on.
  private static let script = """
    import gdb
    for setting in ("pagination off", "confirm off", "debuginfod enabled off"):
        gdb.execute("set " + setting)

    def frames():
        result, frame = [], gdb.newest_frame()
        while frame is not None and len(result) < 40:
            text, function = frame.name() or "?", frame.function()
            for symbol in frame.block() if function else ():
                if symbol.is_argument:
                    text += " %s=%s" % (symbol.name, symbol.value(frame))
            result.append(text)
            if text.startswith("main"):
                break
            frame = frame.older()
        return result

    def say(what):
        print("SAY %s: %s" % (what, ", ".join(frames())))

    gdb.execute("target remote socket")
    gdb.execute("break inspect")
    gdb.execute("continue")
    say("before")
    if IS_TRACED:
        gdb.execute("add-symbol-file symbols")
        say("with")
        gdb.execute("delete")
        for step in range(400):
            gdb.execute("stepi", to_string=True)
            say("step")
            if gdb.newest_frame().name() == "middle":
                break
    gdb.execute("kill")
    """

  /// Keeps the interesting part of a line that gdb has said.
  private func said(_ what: String, _ output: String) -> [[Substring]] {
    output.split(separator: "\n").filter { $0.hasPrefix("SAY \(what): ") }.map {
      $0.dropFirst("SAY \(what): ".count).split(separator: ",").map { $0.drop { $0 == " " } }
    }
  }

  /// What gdb says of a run with an image.
  private func run(_ program: TracedProgram, _ image: [UInt64], symbols: [UInt8]) throws -> String {
    let directory = program.scratch.path
    let script = "IS_TRACED = \(symbols.isEmpty ? "False" : "True")\n" + Self.script
    let bytes = unsafe image.withUnsafeBytes { unsafe Array($0) }
    for (name, contents) in [("image", bytes), ("symbols", symbols), ("script.py", Array(script.utf8))] {
      guard let stream = unsafe fopen("\(directory)/\(name)", "w") else {
        throw ShellError(description: "fopen: errno \(errno)")
      }
      let written = unsafe fwrite(contents, 1, contents.count, stream)
      let closed = unsafe fclose(stream)
      try #require(closed == 0 && written == contents.count)
    }
    return try shell(
      """
      cd '\(directory)'; rm -f socket
      timeout 60 \(program.machine.emulator) -g "$PWD/socket" ./traced image > out 2>&1 & emulator=$!
      while ! [ -S socket ] && kill -0 $emulator; do sleep 0.02; done
      timeout 60 gdb-multiarch -q -nx -batch ./traced -x script.py; kill $emulator; wait; cat out
      """)
  }

  /// As without trampolines, but for the trampolines' own frames. (What of the arguments can be known is the compiler's to say.)
  @Test("shows the callers, from every instruction on the way back", arguments: TracedProgram.machines)
  func callers(_ machine: TracedProgram.Machine) throws {
    let program = try TracedProgram(machine, functions: ["leaf", "hop", "middle", "outer"])
    let plain = try run(program, [0, 0, 0], symbols: [])
    let expected = try #require(said("before", plain).first, "\(plain)")
    let functions = ["inspect", "leaf", "hop", "middle", "outer", "main"]
    // Where hop's jump to leaf is a call, it has a frame.
    let names = expected.map(Self.name)
    try #require(names == functions || names == functions.filter { $0 != "hop" })

    let (image, symbols) = try program.image()
    let output = try run(program, image, symbols: symbols)
    func own(_ frames: [Substring]) -> [Substring] { frames.filter { !$0.hasPrefix("apus:") } }
    #expect(said("before", output).first?.contains { Self.name($0) == "outer" } == false, "nothing to see")
    let with = try #require(said("with", output).first, "\(output)")
    #expect(own(with) == expected)
    #expect(with.filter { $0.hasPrefix("apus:") }.last == "apus:outer")
    let steps = said("step", output)
    #expect(steps.last?.first.map(Self.name) == "middle", "\(output)")
    let inner = ["inspect", "leaf", "leaf_site", "hop", "middle"]
    for frames in steps {
      let names = own(frames)
      #expect(names.suffix(2) == expected.suffix(2), "\(frames)")
      #expect(names.dropLast(2).last.map(Self.name) == "middle", "\(frames)")
      #expect(names.dropLast(2).allSatisfy { inner.contains(Self.name($0)) }, "\(frames)")
    }
    #expect(steps.contains { $0.first == "apus:hop" })
  }

  private static func name(_ frame: Substring) -> String { String(frame.prefix { $0 != " " }) }
}
