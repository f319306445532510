import ApusSystem
import Glibc

/// Decodes chunks on a thread of its own, a few ahead of the one that asks for them.
///
/// One producer (the thread), one consumer (the caller of `next`). `mutex` guards everything below it; a
/// chunk belongs to whoever has taken it out of `free` or `ready`.
@safe final class ChunkPipeline: @unchecked Sendable {
  private static let depth = 4

  private let chunks: [EventChunk]
  private let file: InputFile
  private let scale: ClockScale?
  private let mutex: UnsafeMutablePointer<pthread_mutex_t>
  private let changed: UnsafeMutablePointer<pthread_cond_t>
  private var free: [DecodedChunk]
  private var ready: [DecodedChunk] = []
  private var produced = 0
  private var cancelled = false
  /// The consumer's alone.
  private var thread: SystemThread?
  private var current: DecodedChunk?
  private var consumed = 0
  private var tools: DecodingTools?

  init(_ chunks: [EventChunk], file: InputFile, scale: ClockScale?) {
    self.chunks = chunks
    self.file = file
    self.scale = scale
    unsafe mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    unsafe changed = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    unsafe pthread_mutex_init(mutex, nil)
    unsafe pthread_cond_init(changed, nil)
    free = (0..<Self.depth).map { _ in DecodedChunk() }
  }

  deinit {
    unsafe pthread_cond_destroy(changed)
    unsafe pthread_mutex_destroy(mutex)
    unsafe changed.deallocate()
    unsafe mutex.deallocate()
  }

  /// Starts the thread. For few chunks, or if there can be no thread, `next` decodes by itself.
  func start() {
    guard chunks.count > 2 else { return }
    do throws(SystemError) {
      thread = try SystemThread { self.produce() }
    } catch {
      thread = nil
    }
  }

  private func locked<T>(_ body: () -> T) -> T {
    unsafe pthread_mutex_lock(mutex)
    defer { unsafe pthread_mutex_unlock(mutex) }
    return body()
  }

  private func waitForChange() { unsafe pthread_cond_wait(changed, mutex) }
  private func announce() { unsafe pthread_cond_broadcast(changed) }

  private func produce() {
    let tools = DecodingTools()
    for chunk in chunks {
      let target: DecodedChunk? = locked {
        while free.isEmpty, !cancelled { waitForChange() }
        return cancelled ? nil : free.popLast()
      }
      guard let target else { return }
      target.fill(chunk, from: file, scale: scale, with: tools)
      locked {
        ready.append(target)
        announce()
      }
    }
  }

  /// The next chunk, valid until the next call; nil when there are no more.
  func next() -> DecodedChunk? {
    guard consumed < chunks.count else { return nil }
    guard thread != nil else {
      let tools = self.tools ?? DecodingTools()
      self.tools = tools
      let chunk = current ?? DecodedChunk()
      current = chunk
      chunk.fill(chunks[consumed], from: file, scale: scale, with: tools)
      consumed += 1
      return chunk
    }
    let returned = current
    let chunk: DecodedChunk = locked {
      if let returned {
        free.append(returned)
        announce()
      }
      while ready.isEmpty { waitForChange() }
      return ready.removeFirst()
    }
    current = chunk
    consumed += 1
    return chunk
  }

  /// Ends the thread. To be called once, after the last `next`.
  func stop() {
    guard let thread else { return }
    locked {
      cancelled = true
      announce()
    }
    do throws(SystemError) {
      try thread.join()
    } catch {
      // It can only be that the thread is gone already.
    }
    self.thread = nil
  }
}
