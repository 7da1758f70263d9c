/// How to read the rows of an ``EventRun``: fixed-stride records of 64-bit words.
///
/// | word | contents |
/// |---|---|
/// | 0 | timestamp, ns since the clock's origin (bit pattern of an `Int64`) |
/// | 1 | tag (bits 0–15), stream (bits 16–31), packet of that stream (bits 32–63) |
/// | 2… | the selected fields in order; signed integers sign-extended, floats as bits of a `Double` |
///
/// Words behind the fields of an event, which others may need, hold anything.
///
/// A string field is an offset and a length for ``EventRun/string(_:)``.
///
/// A row tagged ``gapTag`` stands where events of its stream are missing; nothing may be paired across it. Its
/// timestamp is the begin of the gap; its fields are begin (ns), end (ns), number of events lost (0: unknown) and
/// ``GapKind``.
///
/// What is here takes a pointer to a row of a run that is valid.
public enum Row {
  /// The reserved tag of gap rows.
  public static let gapTag = UInt16.max
  /// Index of the first field's word.
  public static let firstField = 2
  /// The largest number of streams that rows can tell apart.
  public static let maximumStreams = 1 << 16

  /// The time of the event in ns since the clock's origin.
  @inlinable @inline(__always)
  public static func timestamp(_ row: UnsafePointer<UInt64>) -> Int64 { unsafe Int64(bitPattern: row[0]) }

  /// The tag in word 1 of a row.
  @inline(__always)
  static func tag(word: UInt64) -> UInt16 { UInt16(truncatingIfNeeded: word) }

  /// The tag given when the event was selected, or ``gapTag``.
  @inlinable @inline(__always)
  public static func tag(_ row: UnsafePointer<UInt64>) -> UInt16 { unsafe UInt16(truncatingIfNeeded: row[1]) }

  /// Index into ``Trace/streams``.
  @inlinable @inline(__always)
  public static func stream(_ row: UnsafePointer<UInt64>) -> Int { unsafe Int((row[1] >> 16) & 0xffff) }

  /// Index of the packet within the stream, for ``Trace/location(stream:packet:)``.
  @inlinable @inline(__always)
  public static func packet(_ row: UnsafePointer<UInt64>) -> Int { unsafe Int(row[1] >> 32) }
}

/// Why events are missing.
public enum GapKind: UInt64, Sendable {
  /// The tracer counted events that it had no room for (`events_discarded`).
  case discardedEvents = 0
  /// Packets are absent: their sequence numbers jump (`packet_seq_num`).
  case lostPackets = 1
  /// A packet could not be read to its end; see the diagnostics.
  case damage = 2
}

/// Consecutive rows in time order, valid until the next call of ``MergedRows/nextRun()``.
@safe
public struct EventRun {
  /// Number of rows, at least 1.
  public let count: Int
  /// The first row.
  public let base: UnsafePointer<UInt64>
  /// Words from one row to the next.
  public let stride: Int
  /// The stream that all rows of this run belong to: index into ``Trace/streams``.
  public let stream: Int
  @usableFromInline let strings: UnsafeBufferPointer<UInt8>

  /// The bytes of a string field, without terminator, valid as long as the run.
  ///
  /// - Parameter word: The field's word from a row of this run; a missing field (0) gives no bytes.
  @inlinable
  public func string(_ word: UInt64) -> UnsafeBufferPointer<UInt8> {
    let (start, count) = (Int(word >> 32), Int(word & 0xffff_ffff))
    precondition(unsafe start + count <= strings.count, "this is no string of the run")
    // Inside of the strings.
    return unsafe UnsafeBufferPointer(rebasing: strings[start..<start + count])
  }

  /// A string field as text; invalid UTF-8 is repaired.
  @inlinable
  public func text(_ word: UInt64) -> String { unsafe String(decoding: string(word), as: UTF8.self) }
}
