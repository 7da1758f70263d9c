/// The fields of some scopes that others depend on (lengths of sequences, selectors of variants), and the registers that
/// keep their values.
struct ReferenceTable: Sendable, Hashable {
  /// Where a value is kept: registers of the table, from 0 on.
  struct Place: Sendable, Hashable {
    let register: Int
    /// The register that says whether there is a value, if there may be none.
    let presence: Int?
  }

  /// How many registers there are.
  private(set) var count = 0
  private var places: [[FieldKey]: Place] = [:]
  private var keeps: [FieldKey: [Place]] = [:]
  private var resets: [FieldKey: [Int]] = [:]

  var isEmpty: Bool { count == 0 }

  /// The place of the value of whichever of these fields was decoded last.
  ///
  /// A field has a place for each set of fields that it is in: it may be one of those that a path means, and one of others
  /// that another path means.
  ///
  /// - Parameter selection: The outermost variant or optional field of which an option may be chosen that has none of
  ///   the fields.
  mutating func place(of fields: [FieldKey], in selection: FieldKey?) -> Place {
    if let place = places[fields] { return place }
    let place = Place(register: count, presence: selection == nil ? nil : count + 1)
    count += selection == nil ? 1 : 2
    places[fields] = place
    for field in fields { keeps[field, default: []].append(place) }
    if let selection, let presence = place.presence { resets[selection, default: []].append(presence) }
    return place
  }

  /// A register for a position, the same one for the same field.
  mutating func position(of field: FieldKey) -> Int {
    if let place = places[[field]] { return place.register }
    places[[field]] = Place(register: count, presence: nil)
    count += 1
    return count - 1
  }

  /// The places that the value of a field has to be kept in.
  func keeping(_ field: FieldKey) -> [Place] { keeps.isEmpty ? [] : keeps[field] ?? [] }

  /// The presence registers to clear in front of a selection.
  func resetting(_ selection: FieldKey) -> [Int] { resets.isEmpty ? [] : resets[selection] ?? [] }
}

/// What all plans of a trace share about references.
///
/// Registers belong to the trace (packet headers), to a stream class, or to an event record class: those of different
/// stream classes, and of different event record classes, are the same ones, as no two are ever in use at once. The
/// registers of event record classes are known only while one is compiled.
final class References {
  /// How many types may be looked at to find located fields, and how many of these found: variants can make both grow
  /// exponentially.
  static let maximumTypes = 1 << 22
  static let maximumFields = 1 << 17
  /// What stands for the clock of a trace that has timestamps and declares none; no identifier.
  static let implicitClock = ""

  var trace = ReferenceTable()
  /// The tables of stream classes that have references, by number.
  var streams: [Int: ReferenceTable] = [:]
  private var different: Set<ReferenceTable> = []
  /// The most registers of a stream class and of an event record class.
  private(set) var mostOfStream = 0
  private(set) var mostOfEvent = 0
  /// Whether everything was compiled once, so that all references of packets and events to earlier scopes are known.
  var isComplete = false
  /// Registers with the positions of UUIDs in the packet header (CTF 2).
  var uuidRegisters: Set<Int> = []
  /// Numbers of the stream classes whose events refer to fields of their headers.
  var streamsWithUsedHeaders: Set<Int> = []
  /// The clock that integers of the current stream map.
  var clock: String?
  var typesLeft = maximumTypes
  var fieldsLeft = maximumFields

  init() {}

  /// What was found, for plans of a stream class that are compiled later.
  init(_ frozen: Frozen) {
    trace = frozen.trace
    streams = [frozen.number: frozen.stream]
    mostOfStream = frozen.mostOfStream
    mostOfEvent = frozen.mostOfEvent
    clock = frozen.clock
    isComplete = true
  }

  /// The first register of a scope's table; right when everything was compiled once.
  func base(_ scope: DynamicScope) -> Int {
    switch scope.owner {
    case .trace: Register.firstFree
    case .stream: Register.firstFree + trace.count
    case .event: Register.firstFree + trace.count + mostOfStream
    }
  }

  /// The number of registers that are needed to decode.
  var registerCount: Int { base(.payload) + mostOfEvent }

  /// Keeps the table of a stream class that was compiled once; equal ones of many classes take the memory of one.
  func complete(stream number: Int) {
    if let table = streams[number] { streams[number] = different.insert(table).memberAfterInsert }
  }

  func note(stream count: Int) { mostOfStream = max(mostOfStream, count) }
  func note(event count: Int) { mostOfEvent = max(mostOfEvent, count) }

  func restart() {
    clock = nil
    typesLeft = Self.maximumTypes
    fieldsLeft = Self.maximumFields
  }

  struct Frozen: Sendable {
    fileprivate let number: Int
    fileprivate let trace: ReferenceTable
    fileprivate let stream: ReferenceTable
    fileprivate let mostOfStream: Int
    fileprivate let mostOfEvent: Int
    fileprivate let clock: String?

    init(_ references: References, stream number: Int) {
      self.number = number
      trace = references.trace
      stream = references.streams[number] ?? ReferenceTable()
      mostOfStream = references.mostOfStream
      mostOfEvent = references.mostOfEvent
      clock = references.clock
    }
  }
}

extension DynamicScope {
  enum Owner { case trace, stream, event }

  /// What declares the structure of the scope.
  var owner: Owner {
    switch self {
    case .packetHeader: .trace
    case .packetContext, .eventHeader, .streamEventContext: .stream
    case .eventContext, .payload: .event
    }
  }
}
