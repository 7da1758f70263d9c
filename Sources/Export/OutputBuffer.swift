import Glibc

/// Collects bytes and writes them to a file descriptor in large pieces.
struct OutputBuffer: ~Copyable {
  private static let capacity = 1 << 18
  /// The most digits of a 64-bit integer.
  private static let mostDigits = 20

  private let descriptor: CInt
  private let buffer: UnsafeMutablePointer<UInt8>
  private var count = 0
  /// The error number of the first write that failed; what follows is dropped.
  private(set) var failure: CInt?

  init(descriptor: CInt) {
    self.descriptor = descriptor
    buffer = .allocate(capacity: Self.capacity)
  }

  deinit { buffer.deallocate() }

  /// Writes what is there.
  mutating func flush() {
    var done = 0
    while done < count, failure == nil {
      let written = Glibc.write(descriptor, buffer + done, count - done)
      if written >= 0 { done += written } else if errno != EINTR { failure = errno }
    }
    count = 0
  }

  @inline(__always)
  mutating func byte(_ byte: UInt8) {
    if count == Self.capacity { flush() }
    buffer[count] = byte
    count &+= 1
  }

  @inline(__always)
  mutating func bytes(_ bytes: [UInt8]) {
    bytes.withUnsafeBufferPointer { write($0) }
  }

  mutating func text(_ text: String) {
    var text = text
    text.withUTF8 { write($0) }
  }

  @inline(__always)
  private mutating func write(_ bytes: UnsafeBufferPointer<UInt8>) {
    guard let start = bytes.baseAddress else { return }
    if bytes.count <= Self.capacity &- count {
      (buffer + count).update(from: start, count: bytes.count)
      count &+= bytes.count
    } else {
      writeInParts(bytes)
    }
  }

  @inline(never)
  private mutating func writeInParts(_ bytes: UnsafeBufferPointer<UInt8>) {
    for byte in bytes { self.byte(byte) }
  }

  @inline(__always)
  mutating func decimal(_ value: UInt64) {
    if Self.capacity &- count < Self.mostDigits { flush() }
    // From the last digit to the first, then moved to their place.
    let end = buffer + count + Self.mostDigits
    var place = end
    var rest = value
    repeat {
      let quotient = rest / 10
      place -= 1
      place.pointee = UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: rest &- quotient &* 10)
      rest = quotient
    } while rest > 0
    (buffer + count).update(from: place, count: end - place)
    count &+= end - place
  }

  @inline(__always)
  mutating func decimal(_ value: Int64) {
    if value < 0 { byte(UInt8(ascii: "-")) }
    decimal(value.magnitude)
  }
}
