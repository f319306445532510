import ApusCore
import ApusProcess
import Testing

@Suite struct TargetDescriptionTests {
  private func description(_ documents: [String: String]) throws -> TargetDescription {
    try TargetDescription { name throws(RemoteError) in
      guard let text = documents[name] else { throw .failed(request: name, answer: "E00") }
      return Array(text.utf8)
    }
  }

  /// The shape of qemu-ppc64le's: the program counter is number 64, the floating-point registers come after, in
  /// another document; `g` has no gap between r31 and pc.
  @Test func inclusionsNumbersAndOffsets() throws {
    let core = (0..<32).map { "<reg name=\"r\($0)\" bitsize=\"64\"/>" }.joined(separator: "\n")
    let target = try description([
      "target.xml": """
      <?xml version="1.0"?><!DOCTYPE target SYSTEM "gdb-target.dtd"><target><architecture>powerpc:common64</architecture>
      <xi:include href="core.xml"/><xi:include href='fpu.xml'/></target>
      """,
      "core.xml": """
      <?xml version="1.0"?>
      <!-- <reg name="no" bitsize="64"/> -->
      <!DOCTYPE feature SYSTEM "gdb-target.dtd" [ <!ENTITY x "y"> ]>
      <feature name="org.gnu.gdb.power.core">\(core)
        <reg name="pc" bitsize="64" type="code_ptr" regnum="64"/><reg name="msr" bitsize="64"/>
        <reg name="cr" bitsize="32" type="uint32"/><reg name = "lr"
           bitsize = "64" ></reg>
      </feature>
      """,
      "fpu.xml":
        "<feature name=\"f\"><reg name=\"f0\" bitsize=\"64\" regnum=\"71\"/><reg name=\"a&lt;b&unknown;\" bitsize='1'/>",
    ])
    #expect(target.architecture == .ppc64le)
    #expect(target.registers.count == 32 + 4 + 2)
    #expect(target.register("r31") == .init(name: "r31", number: 31, byteCount: 8, offset: 248))
    #expect(target.register("pc") == .init(name: "pc", number: 64, byteCount: 8, offset: 256))
    #expect(target.register("cr") == .init(name: "cr", number: 66, byteCount: 4, offset: 272))
    #expect(target.register("lr") == .init(name: "lr", number: 67, byteCount: 8, offset: 276))
    #expect(target.register("f0") == .init(name: "f0", number: 71, byteCount: 8, offset: 284))
    #expect(
      target.register("a<b&unknown;") == .init(name: "a<b&unknown;", number: 72, byteCount: 1, offset: 292))
    #expect(target.register("no") == nil)
  }

  /// A feature may come with numbers below those of one before it: `g` has the order of the numbers.
  @Test func theOrderOfGIsThatOfTheNumbers() throws {
    let target = try description([
      "target.xml": """
      <target><architecture>aarch64</architecture><reg name="late" bitsize="32" regnum="9"/>
      <reg name="early" bitsize="64" regnum="1"/><reg name="second" bitsize="8"/></target>
      """
    ])
    #expect(target.architecture == .arm64)
    #expect(target.registers.map(\.name) == ["early", "second", "late"])
    #expect(target.registers.map(\.offset) == [0, 8, 9])
  }

  @Test func minimalAndForeignDescriptions() throws {
    #expect(try description(["target.xml": ""]).registers.isEmpty)
    let other = try description(["target.xml": "<target><architecture>riscv:rv64</architecture></target>"])
    #expect(other.architecture == nil && other.architectureName == "riscv:rv64")
  }

  @Test(arguments: [
    "<reg name=\"x\"/>", "<reg bitsize=\"8\"/>", "<reg name=\"x\" bitsize=\"0\"/>",
    "<reg name=\"x\" bitsize=\"99999999999999999999\"/>", "<reg name=\"x\" bitsize=\"8\" regnum=\"-1\"/>",
    "<reg name=\"x\" bitsize=\"8\" regnum=\"8192\"/>", "<reg name=\"x\" bitsize=\"8\" regnum=\"y\"/>",
    "<reg name=\"x\" bitsize=\"8\" regnum=\"8191\"/><reg name=\"y\" bitsize=\"8\"/>",
    "<reg name=\"x\" bitsize=\"8\"/><reg name=\"y\" bitsize=\"8\" regnum=\"0\"/>",
    "<xi:include/>", "<xi:include href=\"target.xml\"/>", "<xi:include href=\"missing\"/>",
    "<", "<a", "<a b", "<a b=", "<a b=c>", "<a b=\"c", "<a /", "< >", "<a =\"b\">",
  ])
  func badDescriptionsAreErrors(text: String) {
    #expect(throws: RemoteError.self) { try description(["target.xml": text]) }
  }

  @Test func unendingPartsEndWithTheDocument() throws {
    for text in ["<!-- ", "<?", "<!DOCTYPE [", "<!", "plain text", "</a>"] {
      #expect(try description(["target.xml": text]).registers.isEmpty)
    }
  }
}
