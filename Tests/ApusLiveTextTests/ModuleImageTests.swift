import ApusCore
import ApusELF
import ApusLiveText
import ApusProcess
import ApusSystem
import Glibc
import Testing

@Suite struct ModuleImageTests {
  /// Lines of a maps file for the loaded segments of an image at `base`, as the kernel maps them.
  private func maps(_ image: ELFImage, _ path: String, at base: Address) -> String {
    let page: UInt64 = 0xfff
    let loaded = image.segments.filter(\.isLoaded)
    let low = (loaded.first?.address ?? 0) & ~page
    return loaded.map { segment in
      let start = base + (segment.address & ~page) - low
      let end = base + ((segment.address + segment.fileSize + page) & ~page) - low
      let flags = segment.isExecutable ? "r-xp" : "r--p"
      let offset = String(segment.fileOffset & ~page, radix: 16)
      return "\(String(start, radix: 16))-\(String(end, radix: 16)) \(flags) \(offset) fe:01 77   \(path)\n"
    }.joined()
  }

  @Test func onlyFilesWithCode() {
    let text = """
      1000-2000 r--p 00000000 fe:01 5 /data only
      3000-4000 r--p 00000000 fe:01 6 /lib/a.so
      4000-5000 r-xp 00001000 fe:01 6 /lib/a.so
      6000-7000 r-xp 00000000 00:00 0
      7000-8000 r-xp 00000000 00:00 0 [vdso]
      8000-9000 r-xp 00000000 00:01 9 /memfd:apus-arena (deleted)
      9000-a000 r-xp 00000000 fe:01 8 /gone.so (deleted)

      """
    let mapped = ModuleImage.mapped(ProcessMaps.parse(text))
    #expect(mapped.map(\.path) == ["/lib/a.so", "/gone.so"])
    #expect(mapped.first?.mappings.count == 2)
  }

  @Test func oneFileTwiceSideBySide() throws {
    let scratch = try Scratch()
    let path = try scratch.build("int f(void) { return 1; }", "-O1 -shared -fPIC")
    let image = try image(path)
    let first = maps(image, path, at: 0x7f00_0000_0000)
    let span = try #require(ProcessMaps.parse(first).last?.range.end)
    for second in [span, span + 0x1000] {
      let mapped = ModuleImage.mapped(ProcessMaps.parse(first + maps(image, path, at: second)))
      #expect(mapped.count == 1)
      let found = try ModuleImage.instances(of: mapped[0], process: getpid())
      #expect(found.map(\.bias) == [0x7f00_0000_0000, second])
      #expect(found.allSatisfy { $0.path == path && $0.live(0x40) == $0.bias + 0x40 })
    }
  }

  @Test func aFileThatIsGoneIsAnError() throws {
    let text = "9000-a000 r-xp 00000000 fe:01 8 /no/such/library.so (deleted)\n"
    let mapped = try #require(ModuleImage.mapped(ProcessMaps.parse(text)).first)
    do {
      _ = try ModuleImage.instances(of: mapped, process: getpid())
      Issue.record("it was read")
    } catch {
      #expect(error.path == "/no/such/library.so" && error.description.contains("/no/such/library.so"))
    }
  }

  @Test func aFileThatIsNoModuleIsAnError() throws {
    let text = "9000-a000 r-xp 00000000 fe:01 8 /etc/passwd\n"
    let mapped = try #require(ModuleImage.mapped(ProcessMaps.parse(text)).first)
    #expect(throws: ModuleError.self) { try ModuleImage.instances(of: mapped, process: getpid()) }
  }
}

extension LaunchingTests {
  @Suite struct MappedProgramTests {
    /// Segments may share pages, and begin anywhere in the file.
    @Test(arguments: [
      "-O1", "-O1 -fuse-ld=gold", "-O1 -no-pie", "-O1 -no-pie -fuse-ld=gold", "-O1 -static",
      "-O1 -static-pie",
      "-O1 -Wl,-z,noseparate-code", "-O1 -Wl,-z,max-page-size=0x200000",
    ])
    func theImageIsWhereItIs(flags: String) throws {
      let scratch = try Scratch()
      let path = try scratch.build("int main(void) { return 0; }", flags)
      try Laboratory.run(path) { laboratory in
        let module = laboratory.program
        let functions = try module.image.functions()
        let main = try #require(functions.first { $0.names.contains("main") })
        let memory = try laboratory.tracer.memory(of: laboratory.process)
        let there = try memory.read(module.live(main.address), count: Int(main.size))
        #expect(try module.image.bytes(at: main.address, count: main.size) == there)
        #expect(module.range.contains(module.live(main.address)))
        for mapping in try ProcessMaps.read(process: laboratory.process) where mapping.name == path {
          #expect(mapping.range.start >= module.range.start && mapping.range.start < module.range.end)
        }
      }
    }
  }
}
