import Testing

/// Everything that runs generated code in this process: one at a time.
@Suite("x86_64 code at work", .serialized)
struct X86_64ExecutionTests {}
