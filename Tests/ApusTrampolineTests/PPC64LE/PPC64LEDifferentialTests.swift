import Testing

@Suite("ppc64le code at work", .serialized)
struct PPC64LEDifferentialTests {
  @Test("100,000 random programs do the same as the interpreter")
  func differential() throws {
    var differential = try EmulatedDifferential<PPC64LERegisterValues>()
    for group in 0..<20 {
      guard try differential.run(group: group, batches: 10, programs: 500) else { break }
    }
    #expect(differential.programs == 100_000)
    print(differential.coverage.table)
    #expect(differential.coverage.unknown.isEmpty)
    #expect(differential.coverage.empty.isEmpty, "never ran")
  }
}
