import ApusCore
import ApusISA
import ApusProbe

/// Copies the register file of its call to the window, and goes on with the body.
func registerFileProgram(_ layout: RegisterFileLayout, window: Address, callsBody: Bool) -> ProbeProgram {
  var b = ProgramBuilder()
  b.emit(.registerFile(.v3))
  b.constant(.v1, window)
  for index in 0..<layout.recorded {
    b.load(.v2, .v3, Int32(index * 8))
    b.store(.v1, Int32(index * 8), .v2)
  }
  if callsBody {
    b.emit(.loadReturnAddress(.v2))
    b.store(.v1, ProgramWindow.returnAddress + 64, .v2)
    b.emit(.callBody)
    b.constant(.v1, window)
    b.load(.v2, .v1, ProgramWindow.returnAddress + 64)
    b.emit(.storeReturnAddress(.v2))
    b.emit(.leave)
  } else {
    b.emit(.jumpBody)
  }
  return b.program("registerFile", .stub)
}

/// Sets the program counter in the register file whose address is in v0; also with a register of its own.
func redirectingHandler(_ layout: RegisterFileLayout, to target: Address?) -> ProbeProgram {
  var b = ProgramBuilder()
  b.constant(.v6, target ?? 0)
  if target != nil { b.store(.v0, Int32(layout.programCounter * 8), .v6) }
  b.constant(.v1, 77)
  b.constant(.v2, 78)
  b.constant(.v3, 79)
  b.emit(.returnFromRoutine)
  return b.program("handler", .routine)
}
