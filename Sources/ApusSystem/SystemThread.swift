internal import CApusLinux
internal import Glibc

/// An operating-system thread of our own: what ptrace and robust locks are bound to.
package final class SystemThread: Sendable {
  private let handle: pthread_t

  private final class Body: Sendable {
    let run: @Sendable () -> Void
    init(_ run: @escaping @Sendable () -> Void) { self.run = run }
  }

  /// Starts a thread that runs `body` once.
  package init(_ body: @escaping @Sendable () -> Void) throws(SystemError) {
    let box = unsafe Unmanaged.passRetained(Body(body))
    var thread = pthread_t()
    let error = unsafe pthread_create(
      &thread, nil,
      { argument in
        if let argument = unsafe argument {
          unsafe Unmanaged<Body>.fromOpaque(argument).takeRetainedValue().run()
        }
        return nil
      }, box.toOpaque())
    if error != 0 {
      unsafe box.release()
      throw SystemError(call: "pthread_create", errno: Errno(rawValue: error))
    }
    handle = thread
  }

  /// Waits for its end. Once, and not from the thread itself.
  package func join() throws(SystemError) {
    let error = pthread_join(handle, nil)
    if error != 0 { throw SystemError(call: "pthread_join", errno: Errno(rawValue: error)) }
  }

  /// Runs `body` in a thread of its own, and gives what it gives; the caller waits.
  package static func running<Value: Sendable>(
    _ body: @escaping @Sendable () -> Value
  ) throws(SystemError) -> Value? {
    let result = Result<Value>()
    try SystemThread { result.set(body()) }.join()
    return result.value
  }

  /// A value that one thread sets before it ends and another one takes after it has joined it.
  private final class Result<Value: Sendable>: @unchecked Sendable {
    private(set) var value: Value?
    func set(_ new: Value) { value = new }
  }

  /// The calling thread's number in the kernel.
  package static var current: Int32 { Int32(truncatingIfNeeded: Kernel.raw(APUS_SYS_gettid)) }
}
