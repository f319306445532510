import ApusSystem
import Glibc

/// The way to a file that one writer has for itself alone.
///
/// The protocol between those who want the same name:
/// 1. The file is opened, or made.
/// 2. It is locked; who does not get it leaves it alone.
/// 3. Its name is looked at: whoever had it before may have removed it (``OutputFile/discard()``, under the lock). Then from the
///    beginning: nobody else would find what is written there.
struct FileClaim: ~Copyable {
  enum State: Sendable, Hashable {
    case unopened
    case opened
    case locked
    /// It is ours.
    case held
    /// Somebody else has it.
    case inUse
  }

  /// So often the name may lead elsewhere: more often than anybody removes the file under our hands, but on a file system whose files
  /// have no lasting numbers it would never end.
  private static let patience = 100

  private let path: String
  private var restarts = 0
  private var descriptor: FileDescriptor?
  private(set) var state = State.unopened
  /// The file was made by us: nobody misses it.
  private(set) var isNew = false

  init(_ path: String) { self.path = path }

  /// Takes the next step; none is left when the file is held or in use.
  mutating func advance() throws(SystemError) {
    switch state {
    case .unopened:
      try open()
      state = .opened
    case .opened: state = try descriptor?.lock() ?? false ? .locked : .inUse
    case .locked:
      let isOurs = restarts == Self.patience ? true : try isNamed()
      state = isOurs ? .held : .unopened
      restarts += 1
    case .held, .inUse: break
    }
  }

  /// Gives the file away; nil if it is not held.
  consuming func take() -> FileDescriptor? { state == .held ? descriptor : nil }

  private mutating func open() throws(SystemError) {
    do throws(SystemError) {
      descriptor = try FileDescriptor.open(path, flags: O_WRONLY)
      isNew = false
    } catch {
      guard error.errno == .noSuchFile else { throw error }
      // Not O_EXCL: the name may be a link to a file that is not there yet.
      descriptor = try FileDescriptor.open(path, flags: O_WRONLY | O_CREAT, mode: 0o666)
      isNew = true
    }
  }

  /// Whether the name still leads to the file.
  private borrowing func isNamed() throws(SystemError) -> Bool {
    do throws(SystemError) {
      let there = try FileDescriptor.reference(to: path, following: true)
      return try descriptor?.isSameFile(as: there) ?? false
    } catch {
      guard error.errno == .noSuchFile else { throw error }
      return false
    }
  }
}
