import CTF

/// An event of the catalogue with its fields by name. Types read them in the order of ``EventTag/schema``; a test holds the
/// two against each other. Nothing else in this module knows which word of a row a field is.
protocol Event {
  /// Which event.
  static var tag: EventTag { get }
  /// Reads the fields in the catalogue's order.
  init(_ fields: inout EventFields)
}

extension Event {
  /// The event of a row with its tag.
  @inline(__always)
  init(row: UnsafePointer<UInt64>) {
    var fields = EventFields(row)
    self.init(&fields)
  }
}

/// Reads the fields of a row one after the other. A field may hold more than its type in the catalogue: any trace can declare
/// it wider. What is an index or is compared stays 64 bits wide, the rest is cut to its type.
struct EventFields {
  private var word: UnsafePointer<UInt64>

  @inline(__always)
  init(_ row: UnsafePointer<UInt64>) { word = row + Row.firstField }

  @inline(__always)
  mutating func next() -> UInt64 {
    defer { word += 1 }
    return word.pointee
  }

  @inline(__always)
  mutating func next<Number: FixedWidthInteger>() -> Number { Number(truncatingIfNeeded: next() as UInt64) }

  /// So many fields that follow each other.
  @inline(__always)
  mutating func next(_ count: Int) -> UnsafeBufferPointer<UInt64> {
    defer { word += count }
    return UnsafeBufferPointer(start: word, count: count)
  }
}

/// When an event was, and where it is.
struct EventPlace {
  /// ns since the clock's origin.
  let timestamp: Int64
  /// Stream and packet, as ``Exemplar`` takes them.
  let location: UInt64

  @inline(__always)
  init(row: UnsafePointer<UInt64>) { self.init(timestamp: Row.timestamp(row), location: row[1] >> 16) }

  @inline(__always)
  init(timestamp: Int64, location: UInt64) {
    self.timestamp = timestamp
    self.location = location
  }
}

/// A gap in a stream: between these moments events may be missing, on any thread, as threads move between CPUs.
struct StreamGap {
  let begin: Int64
  let end: Int64

  @inline(__always)
  init(row: UnsafePointer<UInt64>) {
    var fields = EventFields(row)
    begin = fields.next()
    end = fields.next()
  }
}
