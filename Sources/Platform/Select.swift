import Glibc

/// Waits for descriptors through select(2): each time the kernel is given all of them, and looks at all of them.
///
/// The sets are as long as the highest descriptor wants: Linux takes them so, and FD_SETSIZE (1024) bounds only the type that the
/// C library has for them. Hang-ups are told as input, as select does; `hangUp` is not.
public final class Select: Poller {
  private struct Source {
    let descriptor: CInt
    let token: UInt32
    var interest: Readiness
  }

  /// Descriptors in a word of a set.
  private static let bits = UInt.bitWidth

  private var sources: [Source] = []
  private var places: [UInt32: Int] = [:]
  // Of the kernel's layout: arrays of words. What is waited for, and what it answers.
  private var input: [UInt] = []
  private var output: [UInt] = []
  private var inputReady: [UInt] = []
  private var outputReady: [UInt] = []
  private var told: [(token: UInt32, readiness: Readiness)] = []

  /// Makes an empty set.
  public init() {}

  /// Begins to wait for a descriptor.
  public func add(_ descriptor: CInt, for interest: Readiness, token: UInt32) throws(Errno) {
    guard fcntl(descriptor, F_GETFD) >= 0 else { throw Errno.current }
    places[token] = sources.count
    sources.append(Source(descriptor: descriptor, token: token, interest: interest))
    let words = Int(descriptor) / Select.bits + 1
    if words > input.count {
      let more = [UInt](repeating: 0, count: words - input.count)
      input += more
      output += more
    }
    mark(descriptor, interest)
  }

  /// Waits for something else of it.
  public func change(
    _ descriptor: CInt, from old: Readiness, to interest: Readiness, token: UInt32
  ) throws(Errno) {
    guard let place = places[token] else { throw .noSuchFileOrDirectory }
    sources[place].interest = interest
    mark(descriptor, interest)
  }

  private func mark(_ descriptor: CInt, _ interest: Readiness) {
    let (word, bit) = (Int(descriptor) / Select.bits, UInt(1) << (UInt(descriptor) % UInt(Select.bits)))
    input[word] = interest.contains(.input) ? input[word] | bit : input[word] & ~bit
    output[word] = interest.contains(.output) ? output[word] | bit : output[word] & ~bit
  }

  /// Waits until a descriptor is ready: select(2).
  public func wait(timeout: CInt) throws(Errno) -> Int {
    told.removeAll(keepingCapacity: true)
    inputReady = input
    outputReady = output
    var time = timeval(tv_sec: Int(timeout) / 1000, tv_usec: Int(timeout) % 1000 * 1000)
    let limit = CInt(input.count * Select.bits)
    let count = inputReady.withUnsafeMutableBytes { input in
      outputReady.withUnsafeMutableBytes { output in
        withUnsafeMutablePointer(to: &time) { time in
          select(
            limit, input.baseAddress?.assumingMemoryBound(to: fd_set.self),
            output.baseAddress?.assumingMemoryBound(to: fd_set.self), nil, timeout < 0 ? nil : time)
        }
      }
    }
    guard count >= 0 else {
      let error = Errno.current
      if error == .interrupted { return 0 }
      throw error
    }
    guard count > 0 else { return 0 }
    for source in sources where !source.interest.isEmpty {
      var readiness: Readiness = []
      if contains(inputReady, source.descriptor) { readiness.insert(.input) }
      if contains(outputReady, source.descriptor) { readiness.insert(.output) }
      if !readiness.isEmpty { told.append((source.token, readiness)) }
    }
    return told.count
  }

  private func contains(_ set: [UInt], _ descriptor: CInt) -> Bool {
    set[Int(descriptor) / Select.bits] >> (UInt(descriptor) % UInt(Select.bits)) & 1 != 0
  }

  /// One of those that are ready.
  public func ready(at place: Int) -> (token: UInt32, readiness: Readiness) { told[place] }
}
