/// The selected events of all streams as rows, in time order.
///
/// Events of one timestamp come in the order of (stream, position). A stream whose own timestamps run backwards is
/// delivered in its own order.
public struct MergedRows: ~Copyable {
  /// Fields that an event of the trace lacks, or has with another kind of type; they read as 0.
  public let missing: [(event: String, field: String)]
  /// Selected events that no stream of the trace declares.
  public let unknownEvents: [String]
  /// With more streams than this, each is opened when its time has come and closed at its end.
  private static let maximumOpen = 512

  private let trace: Trace
  private let window: Range<Int64>?
  private let isSlice: Bool
  private let isMany: Bool
  private let capacity: Int
  private let stride: Int
  /// By the number of the stream: how its rows are made; nil when it cannot be read.
  private let plans: [RowPlans?]
  /// nil: not open yet, or read to its end, where there are many.
  private var cursors: [RowCursor?]
  private let countsOthers: Bool
  private let setupDiagnostics: [Diagnostic]
  private var heap = MergeHeap()
  /// The stream whose rows were delivered last; its head is out of date.
  private var current: RowCursor?
  private var openCount = 0
  /// What streams that have been closed had to say.
  private var closed = Closed()

  private struct Closed {
    var others: [UInt64]
    var delivered: [UInt64]
    var diagnostics: [Diagnostic] = []
    var isUnordered = false

    init(streams: Int = 0) {
      others = [UInt64](repeating: 0, count: streams)
      delivered = others
    }
  }

  /// Prepares to read `trace`.
  ///
  /// - Parameters:
  ///   - trace: Must stay unchanged on disk while it is read; files cut short meanwhile end up in `diagnostics`.
  ///   - selection: The events wanted.
  ///   - window: Only events with timestamps inside this half-open range of ns are delivered or counted; nil for all.
  ///   - isSlice: Whether the window is one of several side by side that together have each event once. It has the
  ///     events from the first one inside or behind it up to the first one behind it, in the order of each stream: the
  ///     same, unless timestamps run backwards, and nothing behind it has to be decoded.
  ///   - stream: Only this stream's events; nil: those of all.
  public init(
    _ trace: Trace, selection: FieldSelection, window: Range<Int64>? = nil, isSlice: Bool = false,
    stream: Int? = nil
  ) {
    var resolver = SelectionResolver(selection)
    let stride = max(Row.firstField + 4, Row.firstField + (selection.events.map(\.fields.count).max() ?? 0))
    // Blocks small enough to stay in the first-level cache, and few bytes when there are very many streams.
    let count = trace.records.count
    isMany = count > Self.maximumOpen
    let share = (8 << 20) / max(1, count)
    capacity = max(isMany ? 2 : 16, min(24 << 10, share) / (stride * 8))
    self.stride = stride
    self.trace = trace
    self.window = window
    self.isSlice = isSlice
    var known: [ObjectIdentifier: RowPlans?] = [:]
    var plans: [RowPlans?] = []
    var diagnostics: [Diagnostic] = []
    for record in trace.records {
      let selected = resolver.resolve(record.plan.streamClass)
      if let same = known[ObjectIdentifier(record.plan)] {
        plans.append(same)
        continue
      }
      do throws(TraceError) {
        plans.append(try RowPlans(record.plan, selected: selected))
      } catch {
        diagnostics.append(error)
        plans.append(nil)
      }
      known.updateValue(plans[plans.count - 1], forKey: ObjectIdentifier(record.plan))
    }
    self.plans = plans
    missing = resolver.missing
    unknownEvents = selection.events.map(\.name).filter { !resolver.known.contains($0) }
    countsOthers = selection.countsOthers
    setupDiagnostics = diagnostics
    cursors = [RowCursor?](repeating: nil, count: count)
    closed = Closed(streams: count)
    for number in 0..<count where plans[number] != nil && number == stream ?? number {
      if isMany {
        if let begin = Self.begin(of: trace.records[number], in: window) {
          heap.insert(.init(timestamp: begin, stream: number))
        }
      } else if let cursor = open(number), cursor.fill() {
        heap.insert(.init(timestamp: cursor.storage.timestamp(0), stream: number))
      }
    }
  }

  /// The least time of a stream's rows, as far as its packets tell; nil when none are in the window.
  private static func begin(of record: StreamRecord, in window: Range<Int64>?) -> Int64? {
    guard record.isOrdered, let begin = record.files.first?.index.entries.first?.begin else {
      return Int64.min
    }
    guard let window else { return begin }
    let end = record.files.last?.index.entries.last?.end ?? Int64.max
    return begin >= window.upperBound || end < window.lowerBound ? nil : begin
  }

  @discardableResult
  private mutating func open(_ number: Int) -> RowCursor? {
    guard let plans = plans[number] else { return nil }
    let cursor = RowCursor(
      trace.records[number], plans, stride: stride, capacity: capacity, bufferBytes: trace.bufferBytes(),
      window: window, isSlice: isSlice, isOneOfMany: isMany)
    cursors[number] = cursor
    openCount += 1
    return cursor
  }

  private mutating func close(_ cursor: RowCursor) {
    guard isMany else { return }
    closed.others[cursor.stream] = countsOthers ? cursor.others : 0
    closed.delivered[cursor.stream] = cursor.delivered
    closed.isUnordered = closed.isUnordered || cursor.isUnordered
    if closed.diagnostics.count < TraceOpener.maximumDiagnostics { closed.diagnostics += cursor.diagnostics }
    cursors[cursor.stream] = nil
    openCount -= 1
  }

  /// Opens streams whose time has come, until the one at the top has rows.
  @inline(never)
  private mutating func openTop() {
    while let top = heap.top, cursors[top.stream] == nil {
      guard let cursor = open(top.stream), cursor.fill() else {
        heap.removeTop()
        if let cursor = cursors[top.stream] { close(cursor) }
        continue
      }
      heap.replaceTop(.init(timestamp: cursor.storage.timestamp(0), stream: top.stream))
      if openCount > Self.maximumOpen { cursor.park() }
    }
  }

  /// Events not selected, by stream, when the selection counts them.
  public var otherEvents: [UInt64] { counts(closed.others) { countsOthers ? $0.others : 0 } }
  /// Selected events decoded so far, by stream; all of them once `nextRun` has returned nil.
  public var deliveredEvents: [UInt64] { counts(closed.delivered, \.delivered) }
  /// Whether time ran backwards in a stream so far, or events were outside of their packets' times: then rows of
  /// several streams are in another order when slices are read one by one than when the whole is.
  public var isUnordered: Bool { closed.isUnordered || cursors.contains { $0?.isUnordered ?? false } }
  /// What was wrong in the packets read so far, but survivable.
  public var diagnostics: [Diagnostic] {
    setupDiagnostics + closed.diagnostics + cursors.flatMap { $0?.diagnostics ?? [] }
  }

  private func counts(_ closed: [UInt64], _ value: (RowCursor) -> UInt64) -> [UInt64] {
    var counts = closed
    for case let cursor? in cursors { counts[cursor.stream] = value(cursor) }
    return counts
  }

  /// The next rows in time order, all of one stream, or nil at the end.
  ///
  /// The rows are valid until the next call.
  public mutating func nextRun() -> EventRun? {
    if let cursor = current {
      if cursor.head < cursor.count || cursor.fill() {
        let timestamp = cursor.storage.timestamp(cursor.head)
        heap.replaceTop(.init(timestamp: timestamp, stream: cursor.stream))
        if openCount > Self.maximumOpen, heap.top?.stream != cursor.stream { cursor.park() }
      } else {
        heap.removeTop()
        close(cursor)
      }
      current = nil
    }
    if isMany { openTop() }
    guard let top = heap.top, let cursor = cursors[top.stream] else { return nil }
    let first = cursor.head
    var end = cursor.count
    if let bound = heap.second {
      end = Self.end(of: cursor, stream: top.stream, before: bound)
    }
    cursor.head = end
    current = cursor
    let storage = cursor.storage
    // Rows of the storage; the cursor fills it again when the next run is asked for.
    return unsafe EventRun(
      count: end - first, base: UnsafePointer(storage.row(first)), stride: storage.stride,
      stream: cursor.stream, strings: UnsafeBufferPointer(cursor.strings.bytes))
  }

  /// The row after the last one that comes before `bound`; at least one does.
  @inline(__always)
  private static func end(of cursor: RowCursor, stream: Int, before bound: MergeHeap.Head) -> Int {
    let storage = cursor.storage
    let stride = storage.stride
    let count = cursor.count
    // The largest timestamp that still comes first.
    let limit = stream < bound.stream ? bound.timestamp : bound.timestamp &- 1
    var row = cursor.head + 1
    if !cursor.isUnordered, storage.timestamp(count - 1) <= limit { return count }
    // Read where `row` is less than `count`, which there are rows for.
    var pointer = unsafe storage.row(row)
    while unsafe row < count && Int64(bitPattern: pointer[0]) <= limit {
      row &+= 1
      unsafe pointer += stride
    }
    return row
  }
}
