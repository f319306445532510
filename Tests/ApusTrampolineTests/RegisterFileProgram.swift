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
