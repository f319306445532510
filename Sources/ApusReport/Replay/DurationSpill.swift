import ApusCore
import ApusSystem
import Glibc

/// One duration for each call in order of entry, on disk; only the latest are kept in memory.
///
/// First `append` and `set`, then `rewind`, then `next`. Failures are kept until `check` is called.
final class DurationSpill {
  private static let windowSize = 1 << 20
  private static let unknown = UInt64.max
  /// O_TMPFILE, which Swift does not import: __O_TMPFILE | O_DIRECTORY.
  private static let unnamed: Int32 = 0o20_000_000 | O_DIRECTORY

  private let descriptor: FileDescriptor
  private let path: String
  private var failure: ReportError?
  /// The calls `base ..< base + window.count`.
  private var window: [UInt64] = []
  private var base: UInt64 = 0
  private var position = 0

  init(directory: String) throws(ReportError) {
    path = directory
    do throws(SystemError) {
      descriptor = try Self.open(in: directory)
    } catch {
      throw .temporary(path: directory, error)
    }
    window.reserveCapacity(Self.windowSize)
  }

  /// A file that goes when we do: without a name or, where the file system has no such thing, with its name
  /// removed.
  private static func open(in directory: String) throws(SystemError) -> FileDescriptor {
    do throws(SystemError) {
      return try FileDescriptor.open(directory, flags: O_RDWR | unnamed, mode: 0o600)
    } catch {
      guard [EOPNOTSUPP, EISDIR].contains(error.errno.rawValue) else { throw error }
    }
    let path = "\(directory)/apus-replay-\(getpid())"
    let file = try FileDescriptor.open(path, flags: O_RDWR | O_CREAT | O_EXCL, mode: 0o600)
    _ = unsafe unlink(path)
    return file
  }

  /// Throws what went wrong.
  func check() throws(ReportError) {
    if let failure { throw failure }
  }

  /// Another call; returns its number.
  func append() -> UInt64 {
    if window.count == Self.windowSize { flush(Self.windowSize / 2) }
    window.append(Self.unknown)
    return base + UInt64(window.count - 1)
  }

  /// The call with this number took so long.
  func set(_ number: UInt64, to duration: UInt64) {
    if number >= base {
      window[Int(number - base)] = duration
    } else {
      write([duration], at: number)
    }
  }

  private func flush(_ count: Int) {
    write(Array(window[..<count]), at: base)
    window.removeFirst(count)
    base += UInt64(count)
  }

  private func write(_ values: [UInt64], at number: UInt64) {
    guard failure == nil else { return }
    unsafe values.withUnsafeBytes { bytes in
      do throws(SystemError) {
        unsafe try descriptor.writeFully(bytes, at: Int(number) * 8)
      } catch {
        failure = .temporary(path: path, error)
      }
    }
  }

  /// Everything is known; reading starts with the first call.
  func rewind() throws(ReportError) {
    flush(window.count)
    base = 0
    position = 0
    try check()
  }

  /// The next call's duration; nil if it never returned.
  func next() -> UInt64? {
    if position == window.count {
      base += UInt64(window.count)
      position = 0
      refill()
    }
    guard position < window.count else { return nil }
    defer { position += 1 }
    return window[position] == Self.unknown ? nil : window[position]
  }

  private func refill() {
    window = [UInt64](repeating: Self.unknown, count: 1 << 16)
    var done = 0
    unsafe window.withUnsafeMutableBytes { bytes in
      do throws(SystemError) {
        done = unsafe try descriptor.read(into: bytes, at: Int(base) * 8)
      } catch {
        failure = .temporary(path: path, error)
      }
    }
    window.removeLast(window.count - done / 8)
  }
}

/// `"name":…,"module":…`, to be put in the middle of an object.
func jsonMembers(name: String, module: String) -> [UInt8] {
  var json = JSONWriter()
  json.object { json in
    json.member("name", name)
    json.member("module", module)
  }
  return Array(json.bytes.dropFirst().dropLast(2))
}
