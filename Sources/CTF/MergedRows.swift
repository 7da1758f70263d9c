/// The selected events of all streams as rows, in time order.
///
/// Events of one timestamp come in the order of (stream, position). A stream whose own timestamps run backwards is
/// delivered in its own order.
public struct MergedRows: ~Copyable {
  /// Fields that an event of the trace lacks, or has with another kind of type; they read as 0.
  public let missing: [(event: String, field: String)]
  /// Selected events that no stream of the trace declares.
  public let unknownEvents: [String]
  private let cursors: [RowCursor]
  private let streamCount: Int
  private let countsOthers: Bool
  private let setupDiagnostics: [Diagnostic]
  private var heap = MergeHeap()
  /// The stream whose rows were delivered last; its head is out of date.
  private var current: RowCursor?

  /// Prepares to read `trace`.
  ///
  /// - Parameters:
  ///   - trace: Must stay unchanged on disk while it is read; files cut short meanwhile end up in `diagnostics`.
  ///   - selection: The events wanted.
  ///   - window: Only events with timestamps inside this half-open range of ns are delivered or counted; nil for all.
  ///   - isSlice: Whether the window is one of several side by side that together have each event once. It has the
  ///     events from the first one inside or behind it up to the first one behind it, in the order of each stream: the
  ///     same, unless timestamps run backwards, and nothing behind it has to be decoded.
  public init(
    _ trace: Trace, selection: FieldSelection, window: Range<Int64>? = nil, isSlice: Bool = false
  ) {
    var resolver = SelectionResolver(selection)
    let stride = max(Row.firstField + 4, Row.firstField + (selection.events.map(\.fields.count).max() ?? 0))
    // Blocks small enough to stay in the first-level cache, and few bytes when there are very many streams.
    let share = (8 << 20) / max(1, trace.records.count)
    let capacity = max(16, min(24 << 10, share) / (stride * 8))
    var cursors: [RowCursor] = []
    var diagnostics: [Diagnostic] = []
    for record in trace.records {
      let selected = resolver.resolve(record.plan.streamClass)
      do throws(TraceError) {
        cursors.append(
          try RowCursor(
            record, selected: selected, stride: stride, capacity: capacity, windowBytes: trace.windowBytes(),
            window: window, isSlice: isSlice))
      } catch {
        diagnostics.append(error)
      }
    }
    missing = resolver.missing
    unknownEvents = selection.events.map(\.name).filter { !resolver.known.contains($0) }
    self.cursors = cursors
    streamCount = trace.records.count
    countsOthers = selection.countsOthers
    setupDiagnostics = diagnostics
    for (index, cursor) in cursors.enumerated() where cursor.fill() {
      heap.insert(.init(timestamp: Int64(bitPattern: cursor.rows[0]), stream: index))
    }
  }

  /// Events not selected, by stream, when the selection counts them.
  public var otherEvents: [UInt64] { counts { countsOthers ? $0.others : 0 } }
  /// Selected events decoded so far, by stream; all of them once `nextRun` has returned nil.
  public var deliveredEvents: [UInt64] { counts(\.delivered) }
  /// Whether time ran backwards in a stream so far, or events were outside of their packets' times: then rows of
  /// several streams are in another order when slices are read one by one than when the whole is.
  public var isUnordered: Bool { cursors.contains { $0.isUnordered } }
  /// What was wrong in the packets read so far, but survivable.
  public var diagnostics: [Diagnostic] { setupDiagnostics + cursors.flatMap(\.diagnostics) }

  private func counts(_ value: (RowCursor) -> UInt64) -> [UInt64] {
    var counts = [UInt64](repeating: 0, count: streamCount)
    for cursor in cursors { counts[cursor.stream] = value(cursor) }
    return counts
  }

  /// The next rows in time order, all of one stream, or nil at the end.
  ///
  /// The rows are valid until the next call.
  public mutating func nextRun() -> EventRun? {
    if let cursor = current {
      if cursor.head < cursor.count || cursor.fill() {
        let timestamp = Int64(bitPattern: cursor.rows[cursor.head * cursor.stride])
        heap.replaceTop(.init(timestamp: timestamp, stream: heap.top?.stream ?? 0))
      } else {
        heap.removeTop()
      }
      current = nil
    }
    guard let top = heap.top else { return nil }
    let cursor = cursors[top.stream]
    let first = cursor.head
    var end = cursor.count
    if let bound = heap.second {
      end = Self.end(of: cursor, stream: top.stream, before: bound)
    }
    cursor.head = end
    current = cursor
    return EventRun(
      count: end - first, base: UnsafePointer(cursor.rows + first * cursor.stride), stride: cursor.stride,
      stream: cursor.stream, strings: UnsafePointer(cursor.strings))
  }

  /// The row after the last one that comes before `bound`; at least one does.
  @inline(__always)
  private static func end(of cursor: RowCursor, stream: Int, before bound: MergeHeap.Head) -> Int {
    let stride = cursor.stride
    let count = cursor.count
    // The largest timestamp that still comes first.
    let limit = stream < bound.stream ? bound.timestamp : bound.timestamp &- 1
    var row = cursor.head + 1
    var pointer = cursor.rows + row * stride
    if !cursor.isUnordered, Int64(bitPattern: cursor.rows[(count - 1) * stride]) <= limit { return count }
    while row < count, Int64(bitPattern: pointer[0]) <= limit {
      row &+= 1
      pointer += stride
    }
    return row
  }
}
