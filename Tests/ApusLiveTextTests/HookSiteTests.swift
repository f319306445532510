import ApusCore
import ApusELF
import ApusISA
import ApusLiveText
import ApusProbe
import Testing

@Suite struct HookSiteTests {
  static let libraries = "/lib/x86_64-linux-gnu/"
  static let unwinders: Set<String> = [
    "_Unwind_RaiseException", "_Unwind_Resume", "_Unwind_Resume_or_Rethrow", "_Unwind_ForcedUnwind",
    "_Unwind_Backtrace",
  ]

  private func find(_ path: String, _ purposes: [HookSite.Purpose] = HookSite.Purpose.allCases) throws
    -> [HookSite]
  {
    let image = try image(path)
    let found = try HookSite.find(in: image, purposes: Set(purposes))
    for hook in found {
      // The bytes are the function's own, and enough for a slot.
      #expect(hook.code.count >= X86_64SiteStates.slotBytes, "\(hook.name)")
      #expect(try image.bytes(at: hook.address, count: UInt64(hook.code.count)) == hook.code, "\(hook.name)")
    }
    return found
  }

  private func names(_ hooks: [HookSite], _ purpose: HookSite.Purpose) -> Set<String> {
    Set(hooks.filter { $0.purpose == purpose }.map(\.name))
  }

  @Test func libgcc() throws {
    let hooks = try find(Self.libraries + "libgcc_s.so.1")
    #expect(names(hooks, .disarm) == Self.unwinders)
    #expect(names(hooks, .land) == ["_Unwind_SetIP"])
    #expect(Set(hooks.map(\.address)).count == hooks.count, "no function twice")
  }

  @Test func theCLibraryAndItsLoader() throws {
    let library = try find(Self.libraries + "libc.so.6")
    #expect(names(library, .giveBack).isSuperset(of: ["dlopen", "dlsym", "dlvsym", "dlmopen"]))
    #expect(names(library, .disarm).isEmpty)
    #expect(names(library, .lock) == ["mlockall"])
    #expect(names(try find("/lib64/ld-linux-x86-64.so.2"), .loader) == ["_dl_debug_state"])
  }

  /// The other architectures' libraries, as their cross compilers have them.
  @Test(arguments: [
    ("/usr/aarch64-linux-gnu/lib/", "ld-linux-aarch64.so.1"),
    ("/usr/powerpc64le-linux-gnu/lib/", "ld64.so.2"),
  ])
  func otherArchitectures(folder: String, loader: String) throws {
    func find(_ name: String, _ purposes: [HookSite.Purpose]) throws -> [HookSite] {
      let image = try image(folder + name)
      let found = try HookSite.find(in: image, purposes: Set(purposes))
      for hook in found {
        let there = try image.bytes(at: hook.address, count: UInt64(hook.code.count))
        #expect(there == hook.code, "\(hook.name)")
        #expect(hook.code.count >= SiteStates(image.architecture).slotBytes)
        #expect(!hook.prologue(image.architecture).isEmpty == (hook.purpose == .lock))
      }
      return found
    }
    #expect(names(try find("libgcc_s.so.1", [.disarm]), .disarm) == Self.unwinders)
    let look = try find("libgcc_s.so.1", [.lookUp, .land])
    #expect(names(look, .lookUp) == ["_Unwind_Find_FDE"] && names(look, .land) == ["_Unwind_SetIP"])
    #expect(try !HookSite.hasOtherUnwinder(try image(folder + "libgcc_s.so.1")))
    #expect(names(try find("libc.so.6", [.giveBack]), .giveBack).isSuperset(of: ["dlopen", "dlsym"]))
    #expect(names(try find("libc.so.6", [.lock]), .lock) == ["mlockall"])
    #expect(names(try find(loader, [.loader]), .loader) == ["_dl_debug_state"])
  }

  /// The places stand in the reader functions' own instructions, which another disassembler shows.
  @Test func contextsAreReadAsTheirUnwinderDoes() throws {
    let library = "/usr/aarch64-linux-gnu/lib/libgcc_s.so.1"
    let hook = try #require(try HookSite.find(in: try image(library), purposes: [.lookUp]).first)
    let context = try #require(hook.context)
    for (name, place) in [
      ("_Unwind_GetCFA", context.stackPointer), ("_Unwind_GetIP", context.programCounter),
      ("_Unwind_GetTextRelBase", context.bases),
    ] {
      let listing = try shell("aarch64-linux-gnu-objdump -d --disassemble=\(name) \(library)")
      #expect(listing.contains("ldr\tx0, [x0, #\(place)]"), "\(listing)")
    }
  }

  /// An unwinder whose contexts say nothing of themselves is none that we know the way through.
  @Test(arguments: [
    ("return c[1];", "return c[2];", "return c[4];", true),
    ("return c[1] + 1;", "return c[2];", "return c[4];", false),
    ("return c[1];", "return c[c[0]];", "return c[4];", false),
    ("return c[1];", "return c[2];", "return 0;", false),
  ])
  func unwindersThatAreNotLibgccs(frame: String, place: String, bases: String, isKnown: Bool) throws {
    let scratch = try Scratch()
    let source = """
      long _Unwind_GetCFA(long *c) { \(frame) }
      long _Unwind_GetIP(long *c) { \(place) }
      long _Unwind_GetTextRelBase(long *c) { \(bases) }
      long _Unwind_Find_FDE(long p, long *b) { return p + *b; }
      void _Unwind_RaiseException(void) { }
      """
    for flags in ["", "-mbranch-protection=standard"] {
      let program = try scratch.build(
        source, "-O1 -shared -nostdlib -fPIC \(flags)", compiler: "aarch64-linux-gnu-gcc -x c")
      let hooks = try HookSite.find(in: try image(program), purposes: [.lookUp])
      #expect(
        hooks.map(\.context) == (isKnown ? [.init(stackPointer: 8, programCounter: 16, bases: 32)] : []))
      #expect(try HookSite.hasOtherUnwinder(try image(program)) == !isKnown)
    }
  }

  @Test func landingPadsStayWhereTheyAre() throws {
    let scratch = try Scratch()
    let source = "void _dl_debug_state(void) {} void *dlsym(void *a, char *b) { return a + b[0]; }"
    for (flags, signs) in [("bti", false), ("pac-ret+leaf", true)] {
      let program = try scratch.build(
        source, "-O1 -shared -nostdlib -fPIC -mbranch-protection=\(flags)",
        compiler: "aarch64-linux-gnu-gcc -x c")
      let image = try image(program)
      let functions = try image.functions()
      let hooks = try HookSite.find(in: image, purposes: [.loader, .giveBack])
      #expect(hooks.count == 2)
      for hook in hooks {
        let function = try #require(functions.first { $0.names.contains(hook.name) })
        #expect(hook.address == function.address + 4 && hook.seesSignedReturnAddress == signs)
      }
    }
  }

  @Test func onlyWhatIsAskedFor() throws {
    let hooks = try find(Self.libraries + "libgcc_s.so.1", [.loader, .giveBack])
    #expect(hooks.isEmpty)
  }

  @Test func aStaticProgramWithAnUnwinderOfItsOwn() throws {
    let scratch = try Scratch()
    let source = "int main(int c, char **) { try { if (c) throw 1; } catch (int) { return 0; } return 1; }"
    let program = try scratch.build(source, "-O1 -static", compiler: "g++ -x c++")
    let hooks = try find(program)
    #expect(names(hooks, .disarm).isSuperset(of: ["_Unwind_RaiseException", "_Unwind_Resume"]))
    #expect(names(hooks, .land) == ["_Unwind_SetIP"])
    // Addresses are what nm says.
    let listing = try shell("nm '\(program)'").split(separator: "\n").map { $0.split(separator: " ") }
    for hook in hooks where hook.purpose == .disarm {
      let line = listing.first { $0.count == 3 && $0[2] == hook.name }
      #expect(line.flatMap { UInt64($0[0], radix: 16) } == hook.address, "\(hook.name)")
    }
  }

  @Test func aProgramOfItsOwnHasNone() throws {
    let scratch = try Scratch()
    #expect(try find(try scratch.build("int main(void) { return 0; }")).isEmpty)
  }

  @Test func aNamesakeOfMlockallIsNone() throws {
    let scratch = try Scratch()
    let own = "int mlockall(int n) { return n * 10; } int main(void) { return mlockall(1); }"
    #expect(try find(try scratch.build(own, "-O1")).isEmpty)
    let wrapper =
      "#include <sys/syscall.h>\n#include <unistd.h>\nint main(void) { return 0; }\n"
      + "__attribute__((naked)) int mlockall(int n) { __asm__(\"mov $151, %eax; movslq %edi, %rdi; syscall; ret\"); }"
    #expect(try find(try scratch.build(wrapper, "-O1")).map(\.name) == ["mlockall"])
  }

  @Test func everyPurposeHasAProgram() {
    for purpose in HookSite.Purpose.allCases {
      let hook = HookSite(purpose: purpose, name: "f", address: 0x1000, code: [])
      #expect(hook.purpose == purpose)
    }
    #expect(Unwinder.allCases.map { $0.landingOffset } == [144, 72, 16])
  }
}

@Suite struct X86_64ReturnSitesTests {
  private func find(_ code: [UInt8], at address: Address = 0x1000) throws -> [(
    address: Address, code: [UInt8]
  )]? {
    X86_64ReturnSites.find(code, at: address, decoder: try X86_64.Decoder())
  }

  @Test func theInstalledUnwindersWalker() throws {
    let image = try image(HookSiteTests.libraries + "libgcc_s.so.1")
    let hook = try #require(
      try HookSite.find(in: image, purposes: [.disarm]).first { HookSite.walkers.contains($0.name) })
    let sites = try #require(try find(hook.code, at: hook.address))
    let decoder = try X86_64.Decoder()
    let end = hook.address + UInt64(hook.code.count)
    for site in sites {
      let instructions = try decoder.decodeAll(site.code, at: site.address)
      #expect(instructions.last?.flow == .return && instructions.dropLast().allSatisfy { $0.flow == .next })
      #expect(site.code.count >= X86_64SiteStates.slotBytes)
      #expect(site.address >= hook.address && site.address + UInt64(site.code.count) <= end)
    }
    // Another disassembler finds as many returns.
    let command =
      "objdump -d --no-show-raw-insn --start-address=\(hook.address) --stop-address=\(end)"
    let lines = try shell("\(command) \(HookSiteTests.libraries)libgcc_s.so.1").split(separator: "\n")
    #expect(lines.count { $0.split(separator: "\t").last?.hasPrefix("ret") == true } == sites.count)
  }

  @Test func straightCodeBeforeAReturn() throws {
    // push rbp; mov rbp, rsp; xor eax, eax; pop rbp; ret
    let sites = try #require(try find([0x55, 0x48, 0x89, 0xe5, 0x31, 0xc0, 0x5d, 0xc3]))
    #expect(sites.map(\.address) == [0x1001])
    #expect(sites.map(\.code) == [[0x48, 0x89, 0xe5, 0x31, 0xc0, 0x5d, 0xc3]])
  }

  @Test func aBranchToTheFirstInstructionIsAllowed() throws {
    // je to the add; nop; add rsp, 8; ret
    let sites = try #require(try find([0x74, 0x01, 0x90, 0x48, 0x83, 0xc4, 0x08, 0xc3]))
    #expect(sites.map(\.address) == [0x1003])
  }

  @Test(arguments: [
    ("a branch into the middle", [0x55, 0x48, 0x89, 0xe5, 0x74, 0x02, 0x31, 0xc0, 0x5d, 0xc3]),
    ("a branch to the return", [0x74, 0x04, 0x48, 0x83, 0xc4, 0x08, 0xc3]),
    ("a jump back into it", [0x48, 0x83, 0xc4, 0x08, 0xc3, 0xeb, 0xfd]),
    ("nothing before it", [0xc3]),
    ("too little before it", [0x31, 0xc0, 0xc3]),
    ("a call before it", [0x90, 0x90, 0xe8, 0, 0, 0, 0, 0xc3]),
    ("a jump before it", [0x90, 0x90, 0x90, 0xeb, 0x02, 0x5d, 0xc3, 0x90, 0x90]),
    ("one of two without room", [0x48, 0x83, 0xc4, 0x08, 0xc3, 0x5d, 0xc3]),
    ("no return at all", [0x90, 0x90, 0x90, 0xeb, 0xfb]),
    ("a jump that goes nobody knows where", [0xff, 0xe0, 0x48, 0x83, 0xc4, 0x08, 0xc3]),
  ])
  func refused(what: String, code: [Int]) throws {
    #expect(try find(code.map { UInt8($0) }) == nil, "\(what)")
  }
}
