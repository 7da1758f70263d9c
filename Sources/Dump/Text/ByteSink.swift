import Glibc

/// Collects output and writes it to a file descriptor in large pieces.
struct ByteSink: ~Copyable {
  private static let capacity = 1 << 18
  /// Room that callers may use without asking again.
  private static let slack = 256
  /// Bytes that `paddedBytes` reads.
  static let paddedLength = 16
  /// The most digits of a decimal number, with leading zeros.
  private static let maximumDigits = 24

  private let descriptor: CInt
  /// Output that stays in memory.
  private var collected: [UInt8] = []
  /// How many bytes may stay in memory; what is beyond is dropped.
  private var limit = Int.max
  private let buffer: UnsafeMutablePointer<UInt8>
  private(set) var count = 0
  /// The error number of the first write that failed; what follows is dropped.
  private(set) var failure: CInt?

  init(descriptor: CInt) {
    self.descriptor = descriptor
    buffer = .allocate(capacity: Self.capacity + Self.slack)
    buffer.initialize(repeating: 0, count: Self.capacity + Self.slack)
  }

  deinit { buffer.deallocate() }

  /// A sink that keeps everything for `take`.
  static func inMemory(limit: Int = .max) -> ByteSink {
    var sink = ByteSink(descriptor: -1)
    sink.limit = limit
    return sink
  }

  /// What an in-memory sink was given.
  mutating func take() -> [UInt8] {
    flush()
    defer { collected = [] }
    return collected
  }

  /// Writes what is there.
  mutating func flush() {
    if descriptor < 0 {
      collected += UnsafeBufferPointer(start: buffer, count: min(count, limit - collected.count))
      count = 0
      return
    }
    var done = 0
    while done < count, failure == nil {
      let written = write(descriptor, buffer + done, count - done)
      if written >= 0 { done += written } else if errno != EINTR { failure = errno }
    }
    count = 0
  }

  @inline(__always)
  mutating func byte(_ byte: UInt8) {
    if count >= Self.capacity { flush() }
    buffer[count] = byte
    count &+= 1
  }

  @inline(__always)
  mutating func bytes(_ start: UnsafePointer<UInt8>, _ length: Int) {
    if count &+ length > Self.capacity {
      slowBytes(start, length)
    } else {
      (buffer + count).update(from: start, count: length)
      count &+= length
    }
  }

  /// A few bytes, where as many as `paddedLength` may be read from `start`.
  @inline(__always)
  mutating func paddedBytes(_ start: UnsafePointer<UInt8>, _ length: Int) {
    guard length <= Self.paddedLength, count <= Self.capacity else { return bytes(start, length) }
    // Two words instead of a call; what is too much is within the slack, and overwritten.
    let from = UnsafeRawPointer(start)
    let to = UnsafeMutableRawPointer(buffer + count)
    let words = (from.loadUnaligned(as: UInt64.self), from.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
    to.storeBytes(of: words.0, as: UInt64.self)
    to.storeBytes(of: words.1, toByteOffset: 8, as: UInt64.self)
    count &+= length
  }

  /// The first few bytes of a text of at least `paddedLength`.
  @inline(__always)
  mutating func paddedText(_ text: StaticString, _ length: Int) {
    assert(text.utf8CodeUnitCount >= Self.paddedLength)
    paddedBytes(text.utf8Start, length)
  }

  @inline(never)
  private mutating func slowBytes(_ start: UnsafePointer<UInt8>, _ length: Int) {
    var done = 0
    while done < length {
      if count >= Self.capacity { flush() }
      let part = min(Self.capacity - count, length - done)
      (buffer + count).update(from: start + done, count: part)
      count += part
      done += part
    }
  }

  mutating func text(_ text: StaticString) { bytes(text.utf8Start, text.utf8CodeUnitCount) }

  mutating func array(_ array: [UInt8]) {
    array.withUnsafeBufferPointer { if let start = $0.baseAddress { bytes(start, $0.count) } }
  }

  /// A decimal number, with leading zeros up to `digits`.
  @inline(__always)
  mutating func decimal(_ value: UInt64, digits: Int = 1) {
    if count >= Self.capacity { flush() }
    if digits == 1, value < 10 {
      buffer[count] = UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: value)
      count &+= 1
      return
    }
    // From the last digit to the first, two at a time and a little further on, then moved to their place.
    let end = buffer + count + Self.maximumDigits
    var place = end
    var rest = value
    while rest >= 100 {
      let quotient = rest / 100
      place -= 2
      Self.pair(rest &- quotient &* 100, at: place)
      rest = quotient
    }
    if rest >= 10 {
      place -= 2
      Self.pair(rest, at: place)
    } else {
      place -= 1
      place.pointee = UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: rest)
    }
    while end - place < digits {
      place -= 1
      place.pointee = UInt8(ascii: "0")
    }
    let length = end - place
    // All that can be there, three words: what is too much is within the slack, and overwritten.
    let from = UnsafeRawPointer(place)
    let to = UnsafeMutableRawPointer(buffer + count)
    let words = (
      from.loadUnaligned(as: UInt64.self), from.loadUnaligned(fromByteOffset: 8, as: UInt64.self),
      from.loadUnaligned(fromByteOffset: 16, as: UInt64.self)
    )
    to.storeBytes(of: words.0, as: UInt64.self)
    to.storeBytes(of: words.1, toByteOffset: 8, as: UInt64.self)
    to.storeBytes(of: words.2, toByteOffset: 16, as: UInt64.self)
    count &+= length
  }

  /// A fraction of a second: nine digits.
  ///
  /// - Parameter nanoseconds: below 1 000 000 000.
  @inline(__always)
  mutating func fraction(_ nanoseconds: UInt32) {
    if count >= Self.capacity { flush() }
    let place = buffer + count
    let high = nanoseconds / 10_000
    let low = nanoseconds % 10_000
    place.pointee = UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: high / 10_000)
    let middle = high % 10_000
    Self.pair(UInt64(middle / 100), at: place + 1)
    Self.pair(UInt64(middle % 100), at: place + 3)
    Self.pair(UInt64(low / 100), at: place + 5)
    Self.pair(UInt64(low % 100), at: place + 7)
    count &+= 9
  }

  /// Two digits of a number below 100.
  @inline(__always)
  private static func pair(_ value: UInt64, at place: UnsafeMutablePointer<UInt8>) {
    let digits: StaticString =
      """
      00010203040506070809101112131415161718192021222324252627282930313233343536373839\
      40414243444546474849505152535455565758596061626364656667686970717273747576777879\
      8081828384858687888990919293949596979899
      """
    let pair = digits.utf8Start + Int(truncatingIfNeeded: 2 &* value)
    place[0] = pair[0]
    place[1] = pair[1]
  }

  @inline(__always)
  mutating func signedDecimal(_ value: Int64) {
    if value < 0 { byte(UInt8(ascii: "-")) }
    decimal(value.magnitude)
  }

  /// Digits of base 2, 8 or 16, upper case.
  mutating func digits(_ value: UInt64, bitsPerDigit: UInt64, count length: Int) {
    if count >= Self.capacity { flush() }
    for index in 0..<length {
      let shift = UInt64(length - 1 - index) * bitsPerDigit
      let digit = UInt8(truncatingIfNeeded: (value >> shift) & ((1 << bitsPerDigit) - 1))
      buffer[count + index] = digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "A") + digit - 10
    }
    count += length
  }

  mutating func hexadecimal(_ value: UInt64) {
    digits(value, bitsPerDigit: 4, count: max(1, (64 - value.leadingZeroBitCount + 3) / 4))
  }

  mutating func octal(_ value: UInt64) {
    digits(value, bitsPerDigit: 3, count: max(1, (64 - value.leadingZeroBitCount + 2) / 3))
  }

  /// As `%g` of printf(3).
  mutating func float(_ value: Double) {
    if count >= Self.capacity { flush() }
    let room = Self.slack
    let length = withVaList([value]) { arguments in
      (buffer + count).withMemoryRebound(to: CChar.self, capacity: room) {
        vsnprintf($0, room, "%g", arguments)
      }
    }
    count += max(0, min(Int(length), room - 1))
  }
}
