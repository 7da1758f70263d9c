import CTF
import InertText

/// What a dump knows about a stream.
struct DumpStream {
  let events: DumpEvents
  let hasClock: Bool
  /// The packet whose context is in `context`.
  var packet = -1
  /// The packet's context as it is printed in each line.
  var context = UnsafeMutableBufferPointer<UInt8>(start: nil, count: 0)

  init(events: DumpEvents, hasClock: Bool) {
    self.events = events
    self.hasClock = hasClock
  }
}

/// How the events of a stream class are printed.
final class DumpEvents {
  /// An event's title and code.
  struct Entry {
    var title: UnsafeMutableBufferPointer<UInt8>
    var code: DumpCode?
  }

  /// Fields of a packet's context that concern the packet and not its events.
  private static let packetFields: Set<String> = [
    "timestamp_begin", "timestamp_end", "content_size", "packet_size", "packet_seq_num", "events_discarded",
  ]

  /// The packet's context, nil when nothing of it is shown.
  let context: DumpCode?
  /// What comes before the contexts: host, process and name of the event.
  private let titles: [[UInt8]]
  /// What has been made ready so far.
  private let entries: UnsafeMutablePointer<Entry>
  private let streamClass: StreamClass
  /// What programs begin with.
  private let empty: DumpProgram
  private var style: DumpProgram.Style { empty.style }

  /// Whether a field of a packet's context is not shown.
  static func isHidden(_ name: String, _ type: FieldType, of streamClass: StreamClass) -> Bool {
    !streamClass.hasRoles && packetFields.contains(name) && type.isInteger || type.isHidden
  }

  /// - Parameter empty: A program without steps, in the style wanted.
  init(_ streamClass: StreamClass, _ trace: TraceInfo, _ empty: DumpProgram, trace number: Int) {
    let style = empty.style
    func hidden(_ structure: StructureType) -> Set<Int> {
      Set(
        structure.fields.indices.filter {
          Self.isHidden(structure.fields[$0].name, structure.fields[$0].type, of: streamClass)
        })
    }
    let shown = streamClass.packetContext.flatMap { structure in
      structure.fields.isEmpty || hidden(structure).count < structure.fields.count ? structure : nil
    }
    context = shown.map { structure in
      var program = empty
      if style == .json { program.literal("\"packet_context\":") }
      program.structure(structure, hidden: hidden(structure))
      program.settle()
      return DumpCode(program)
    }
    let host = Self.host(trace)
    titles = streamClass.events.map { event in
      switch style {
      case .text: Array(InertText.replaced("\(host)\(event.name): ").utf8)
      case .json:
        Array(
          "\"trace\":\(number),\"name\":\(JSONText.quoted(event.name))\(Self.needsComma(streamClass, event, shown) ? "," : "")"
            .utf8)
      }
    }
    self.streamClass = streamClass
    self.empty = empty
    entries = .allocate(capacity: max(1, titles.count))
    let empty = UnsafeMutableBufferPointer<UInt8>(start: nil, count: 0)
    entries.initialize(repeating: Entry(title: empty, code: nil), count: max(1, titles.count))
  }

  deinit {
    for index in titles.indices { entries[index].title.deallocate() }
    entries.deinitialize(count: max(1, titles.count))
    entries.deallocate()
  }

  /// An event's title and code; made when the first one comes, as many classes have no events.
  @inline(__always)
  func entry(_ event: Int) -> UnsafeMutablePointer<Entry> {
    if entries[event].code == nil { make(event) }
    return entries + event
  }

  @inline(never)
  private func make(_ event: Int) {
    let title = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: titles[event].count)
    _ = title.initialize(from: titles[event])
    entries[event].title = title
    let type = streamClass.events[event]
    entries[event].code = DumpCode(
      DeepStack.run(levels: streamClass.height(of: type)) { makeProgram(type) })
  }

  private func makeProgram(_ event: EventClass) -> DumpProgram {
    var program = empty
    var isFirst = context == nil
    let scopes = [
      ("event_common_context", streamClass.eventContext), ("event_context", event.context),
      ("fields", event.payload),
    ]
    for (name, structure) in scopes {
      guard let structure else { continue }
      if FieldType.structure(structure).isHidden {
        program.skip(.structure(structure))
        continue
      }
      switch style {
      case .text: program.literal(isFirst ? "" : ", ")
      case .json: program.literal((isFirst ? "" : ",") + "\"\(name)\":")
      }
      isFirst = false
      program.structure(structure)
    }
    program.literal(style == .text ? "\n" : "}\n")
    program.settle()
    return program
  }

  /// Whether something follows an event's name.
  private static func needsComma(_ streamClass: StreamClass, _ event: EventClass, _ context: StructureType?)
    -> Bool
  {
    context != nil
      || [streamClass.eventContext, event.context, event.payload].contains {
        $0.map { !FieldType.structure($0).isHidden } ?? false
      }
  }

  /// `host:process:(pid) `, as far as the environment has them.
  private static func host(_ trace: TraceInfo) -> String {
    func value(_ name: String) -> String? { trace.environment.first { $0.name == name }?.value }
    let parts = [value("hostname"), value("procname"), value("vpid").map { "(\($0))" }].compactMap { $0 }
    return parts.isEmpty ? "" : parts.joined(separator: ":") + " "
  }
}

extension FieldType {
  fileprivate var isInteger: Bool {
    switch self {
    case .integer, .enumeration: true
    default: false
    }
  }
}
