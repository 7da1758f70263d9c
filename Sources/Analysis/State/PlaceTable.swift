import CTF
import Synchronization

/// What a state says of places in files, while it is made from a trace: packets by their sequence numbers, which stay the
/// same in whatever pieces the files are read; and the threads of long events, which a report would look up in the files.
///
/// The state is written twice: the first time only tells what has to be looked up.
struct PlaceTable {
  private struct Moment: Hashable {
    let timestamp: Int64
    let stream: Int
  }

  /// Stream and index of packets, as in ``Exemplar/location``.
  private var packets: Set<UInt64> = []
  private var wanted: Set<Moment> = []
  private var numbers: [UInt64: UInt64] = [:]
  private var owners: [Moment: Int] = [:]
  /// Where packets are, by stream and number in the state.
  private(set) var places: [UInt64: PacketPlace] = [:]

  /// The place that a state has for an event's.
  mutating func place(of location: UInt64, at timestamp: Int64, thread: Int?, lasts duration: Int64) -> UInt64
  {
    let packet = location & 0xffff_ffff_ffff
    let number = numbers[packet]
    if number == nil { packets.insert(packet) }
    var owner = thread
    if thread == nil, duration >= Exemplar.long {
      let moment = Moment(timestamp: timestamp, stream: Int(packet & 0xffff))
      owner = owners[moment]
      if owner == nil { wanted.insert(moment) }
    }
    return Exemplar.location(packet: number ?? packet, thread: owner)
  }

  /// Looks up what is not known yet.
  mutating func resolve(_ trace: Trace) {
    number(trace)
    findOwners(trace)
  }

  private mutating func number(_ trace: Trace) {
    var streams: [UInt64: [UInt64]] = [:]
    for packet in packets { streams[packet & 0xffff, default: []].append(packet) }
    for (stream, packets) in streams {
      let sequences = packets.map { trace.sequence(stream: Int(stream), packet: Int($0 >> 16)) }
      let known = sequences.compactMap { $0.map { $0 & 0xffff_ffff } }
      let isNumbered = Set(known).count == packets.count
      for (place, packet) in packets.enumerated() {
        let number = isNumbered ? known[place] << 16 | stream : packet
        numbers[packet] = number
        if let location = trace.location(stream: Int(stream), packet: Int(packet >> 16)),
          let file = trace.streams[Int(stream)].files.firstIndex(of: location.file)
        {
          places[number] = PacketPlace(
            file: file, packet: location.packet, byteOffset: location.byteOffset)
        }
      }
    }
    packets = []
  }

  /// Reads the trace once more.
  private mutating func findOwners(_ trace: Trace) {
    let moments = wanted.map(\.timestamp).sorted()
    guard let first = moments.first, let last = moments.last else { return }
    let wanted = wanted
    let span = first..<(last == .max ? .max : last + 1)
    let slices = trace.timeSlices(4 * Workers.processors).map { $0.clamped(to: span) }.filter { !$0.isEmpty }
    let next = Atomic<Int>(0)
    let found = Mutex<[Moment: Int]>([:])
    Workers.run(min(Workers.processors, slices.count)) {
      while true {
        let slice = next.add(1, ordering: .relaxed).oldValue
        guard slice < slices.count else { return }
        let owners = Self.owners(of: wanted, moments, trace, slices[slice])
        found.withLock { $0.merge(owners) { first, _ in first } }
      }
    }
    owners.merge(found.withLock { $0 }) { known, _ in known }
    self.wanted = []
  }

  private static func owners(
    of wanted: Set<Moment>, _ moments: [Int64], _ trace: Trace, _ slice: Range<Int64>
  ) -> [Moment: Int] {
    var found: [Moment: Int] = [:]
    var next = moments.firstIndex { $0 >= slice.lowerBound } ?? moments.count
    var rows = MergedRows(trace, selection: EventTag.selection(ChainReader.tags), window: slice)
    while next < moments.count, let run = rows.nextRun() {
      for index in 0..<run.count {
        let row = run.base + index * run.stride
        guard let tag = EventTag(rawValue: Row.tag(row)) else { continue }
        let timestamp = Row.timestamp(row)
        while next < moments.count, moments[next] < timestamp { next += 1 }
        guard next < moments.count, moments[next] == timestamp else { continue }
        let moment = Moment(timestamp: timestamp, stream: run.stream)
        guard wanted.contains(moment), found[moment] == nil,
          let owner = ChainReader.ownerIndex(tag, row)
        else { continue }
        found[moment] = owner
      }
    }
    return found
  }
}

/// Where a packet is.
struct PacketPlace: Sendable, Equatable {
  /// Index of the file among those of its stream.
  var file: Int
  /// Index of the packet inside the file, from 0.
  var packet: Int
  /// Bytes from the start of the file to the packet.
  var byteOffset: Int
}

extension PacketPlace: StateCoded {
  static var blank: PacketPlace { PacketPlace(file: 0, packet: 0, byteOffset: 0) }

  mutating func code(_ coder: inout StateCoder) throws(StateError) {
    try coder.code(&file, below: 1 << 20, "a file's number")
    try coder.code(&packet, below: 1 << 48, "a packet's number")
    try coder.code(&byteOffset, below: 1 << 48, "a packet's place")
  }
}
