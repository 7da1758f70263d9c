/// Packets of a Perfetto trace with track events: tracks, slices, instants, flows. Names are written once and then have numbers
/// (interned data).
///
/// Numbers of fields are those of `protos/perfetto/trace/` in Perfetto's sources: `trace_packet.proto`,
/// `track_event/track_event.proto`, `track_event/track_descriptor.proto`, `interned_data/interned_data.proto`.
struct PerfettoPackets {
  private enum Trace { static let packet: UInt64 = 1 }

  private enum Packet {
    static let timestamp: UInt64 = 8
    static let sequence: UInt64 = 10
    static let trackEvent: UInt64 = 11
    static let internedData: UInt64 = 12
    static let sequenceFlags: UInt64 = 13
    static let trackDescriptor: UInt64 = 60
    /// SEQ_INCREMENTAL_STATE_CLEARED and SEQ_NEEDS_INCREMENTAL_STATE.
    static let cleared: UInt64 = 1
    static let needs: UInt64 = 2
  }

  private enum Descriptor {
    static let uuid: UInt64 = 1
    static let name: UInt64 = 2
    static let process: UInt64 = 3
    static let thread: UInt64 = 4
    static let parent: UInt64 = 5
    static let childOrdering: UInt64 = 11
    static let rank: UInt64 = 12
    /// ChildTracksOrdering.EXPLICIT.
    static let explicit: UInt64 = 3
    // ProcessDescriptor and ThreadDescriptor.
    static let pid: UInt64 = 1
    static let tid: UInt64 = 2
    static let threadName: UInt64 = 5
    static let processName: UInt64 = 6
  }

  private enum Event {
    static let category: UInt64 = 3
    static let annotation: UInt64 = 4
    static let type: UInt64 = 9
    static let name: UInt64 = 10
    static let track: UInt64 = 11
    static let flow: UInt64 = 47
    static let lastOfFlow: UInt64 = 48
  }

  private enum Annotation {
    static let name: UInt64 = 1
    static let unsigned: UInt64 = 3
    static let pointer: UInt64 = 7
  }

  private enum Interned {
    static let categories: UInt64 = 1
    static let names: UInt64 = 2
    static let annotations: UInt64 = 3
    // EventCategory, EventName, DebugAnnotationName.
    static let number: UInt64 = 1
    static let text: UInt64 = 2
  }

  /// TrackEvent.Type.
  private enum EventType: UInt64 {
    case sliceBegin = 1
    case sliceEnd = 2
    case instant = 3
  }

  /// What a group of events is called, which the user interface can be asked for.
  enum Category: UInt64, CaseIterable {
    case state = 1
    case exit, wakeup, request, host, kick, interrupt, mark, gap
  }

  /// What is said of an event beside its name.
  enum Key: UInt64, CaseIterable {
    case seq = 1
    case address, size, inKvmRun, ready, handlers, kicks, id, bytes, status, line, value, rip

    var name: String { self == .inKvmRun ? "in_kvm_run_ns" : "\(self)" }
  }

  /// All packets are of one writer.
  private static let sequence: UInt64 = 1

  private(set) var buffer = ProtobufBuffer()
  /// How many names the reader has been told.
  private(set) var told = 0
  private var isFirst = true

  mutating func clear() { buffer.clear() }

  // MARK: Tracks

  private mutating func track(_ uuid: UInt64, _ body: (inout ProtobufBuffer) -> Void) {
    let packet = buffer.begin(Trace.packet)
    buffer.unsigned(Packet.sequence, Self.sequence)
    let descriptor = buffer.begin(Packet.trackDescriptor)
    buffer.unsigned(Descriptor.uuid, uuid)
    body(&buffer)
    buffer.end(descriptor)
    buffer.end(packet)
  }

  mutating func process(_ uuid: UInt64, pid: Int64, _ name: String) {
    track(uuid) { buffer in
      buffer.unsigned(Descriptor.childOrdering, Descriptor.explicit)
      let process = buffer.begin(Descriptor.process)
      buffer.signed(Descriptor.pid, pid)
      buffer.text(Descriptor.processName, name)
      buffer.end(process)
    }
  }

  mutating func thread(_ uuid: UInt64, pid: Int64, tid: Int64, _ name: String, in parent: UInt64) {
    track(uuid) { buffer in
      buffer.unsigned(Descriptor.parent, parent)
      let thread = buffer.begin(Descriptor.thread)
      buffer.signed(Descriptor.pid, pid)
      buffer.signed(Descriptor.tid, tid)
      buffer.text(Descriptor.threadName, name)
      buffer.end(thread)
    }
  }

  mutating func track(_ uuid: UInt64, _ name: String, in parent: UInt64, rank: Int64) {
    track(uuid) { buffer in
      buffer.unsigned(Descriptor.parent, parent)
      buffer.text(Descriptor.name, name)
      buffer.signed(Descriptor.rank, rank)
    }
  }

  // MARK: Events

  /// Tells the reader names that it does not know. The first packet tells all others that do not change.
  ///
  /// - Parameter names: All names so far, each of which keeps its place.
  mutating func tell(_ names: [String]) {
    guard isFirst || told < names.count else { return }
    let packet = buffer.begin(Trace.packet)
    buffer.unsigned(Packet.sequence, Self.sequence)
    buffer.unsigned(Packet.sequenceFlags, isFirst ? Packet.cleared : Packet.needs)
    let data = buffer.begin(Packet.internedData)
    if isFirst {
      for category in Category.allCases { intern(Interned.categories, category.rawValue, "\(category)") }
      for key in Key.allCases { intern(Interned.annotations, key.rawValue, key.name) }
    }
    for number in told..<names.count { intern(Interned.names, UInt64(number) + 1, names[number]) }
    buffer.end(data)
    buffer.end(packet)
    (told, isFirst) = (names.count, false)
  }

  private mutating func intern(_ field: UInt64, _ number: UInt64, _ text: String) {
    let entry = buffer.begin(field)
    buffer.unsigned(Interned.number, number)
    buffer.text(Interned.text, text)
    buffer.end(entry)
  }

  @inline(__always)
  private mutating func event(
    _ type: EventType, at time: Int64, on track: UInt64, _ body: (inout PerfettoPackets) -> Void
  ) {
    let packet = buffer.begin(Trace.packet)
    // Time in traces is unsigned.
    buffer.unsigned(Packet.timestamp, UInt64(max(0, time)))
    buffer.unsigned(Packet.sequence, Self.sequence)
    buffer.unsigned(Packet.sequenceFlags, Packet.needs)
    let event = buffer.begin(Packet.trackEvent)
    buffer.unsigned(Event.type, type.rawValue)
    buffer.unsigned(Event.track, track)
    body(&self)
    buffer.end(event)
    buffer.end(packet)
  }

  /// A slice begins.
  ///
  /// - Parameters:
  ///   - name: Its number among the names told.
  ///   - body: Adds annotations and flows.
  @inline(__always)
  mutating func begin(
    _ category: Category, _ name: Int, at time: Int64, on track: UInt64,
    _ body: (inout PerfettoPackets) -> Void = { _ in }
  ) {
    event(.sliceBegin, at: time, on: track) {
      $0.describe(category, name)
      body(&$0)
    }
  }

  /// The slice ends that began last on a track.
  @inline(__always)
  mutating func end(at time: Int64, on track: UInt64) { event(.sliceEnd, at: time, on: track) { _ in } }

  /// Something that takes no time.
  @inline(__always)
  mutating func instant(
    _ category: Category, _ name: Int, at time: Int64, on track: UInt64,
    _ body: (inout PerfettoPackets) -> Void = { _ in }
  ) {
    event(.instant, at: time, on: track) {
      $0.describe(category, name)
      body(&$0)
    }
  }

  @inline(__always)
  private mutating func describe(_ category: Category, _ name: Int) {
    buffer.unsigned(Event.category, category.rawValue)
    buffer.unsigned(Event.name, UInt64(name) + 1)
  }

  /// Of the event that is written: a number beside its name; nil: it has none.
  @inline(__always)
  mutating func annotate(_ key: Key, _ value: UInt64?) {
    guard let value else { return }
    let annotation = buffer.begin(Event.annotation)
    buffer.unsigned(Annotation.name, key.rawValue)
    // Addresses are shown in hexadecimal.
    buffer.unsigned(key == .address || key == .rip ? Annotation.pointer : Annotation.unsigned, value)
    buffer.end(annotation)
  }

  /// Of the event that is written: an arrow leads to it from the event before in time with this number, and from it to the next one.
  @inline(__always)
  mutating func flow(_ number: UInt64, isLast: Bool = false) {
    buffer.fixed64(isLast ? Event.lastOfFlow : Event.flow, number)
  }
}
