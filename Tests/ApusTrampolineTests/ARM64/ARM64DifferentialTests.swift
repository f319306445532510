import Testing

@Suite("arm64 code at work", .serialized)
struct ARM64DifferentialTests {
  @Test("100,000 random programs do the same as the interpreter")
  func differential() throws {
    var differential = try EmulatedDifferential<ARM64RegisterValues>()
    for group in 0..<20 {
      guard try differential.run(group: group, batches: 10, programs: 500) else { break }
    }
    #expect(differential.programs == 100_000)
    print(differential.coverage.table)
    #expect(differential.coverage.unknown.isEmpty)
    #expect(differential.coverage.empty.isEmpty, "never ran")
  }
}
