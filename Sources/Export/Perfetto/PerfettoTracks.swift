import Analysis

/// The tracks of a run in a Perfetto trace: which there are, and until when each has something.
struct PerfettoTracks {
  /// What a track is for; what can overlap is on different ones.
  enum Kind: UInt64 {
    case process
    /// States of a thread.
    case states
    case exits
    case wakeups
    case requests
    case kicks
    case interrupts
    case marks
    case gaps
  }

  /// Where requests of a queue are that do not overlap.
  private struct Lane {
    let track: UInt64
    var end: Int64
  }

  private let run: UInt64
  private let machine: StateDump
  /// Process and first thread id where those of the host are not known, or another run has them: beyond Linux's largest.
  private static let firstUnreal: Int64 = 1 << 22
  private let pid: Int64
  private let isReal: Bool
  /// By track, until when there is something on it.
  private var ends: [UInt64: Int64] = [:]
  private var lanes: [Int: [Lane]] = [:]
  private var laneCount: UInt64 = 0

  /// - Parameters:
  ///   - number: The run's.
  ///   - pid: Of its VMM, as far as known.
  ///   - pids: Of the runs before.
  init(_ number: Int, _ machine: StateDump, pid: UInt32?, pids: Set<Int64>) {
    run = UInt64(number)
    self.machine = machine
    let known = Int64(pid ?? 0)
    isReal = known > 0 && !pids.contains(known)
    self.pid = isReal ? known : Self.firstUnreal + Int64(number)
  }

  /// Describes the process.
  ///
  /// - Returns: Its id.
  func describe(_ name: String, _ packets: inout PerfettoPackets) -> Int64 {
    packets.process(uuid(.process, 0), pid: pid, name)
    return pid
  }

  private func uuid(_ kind: Kind, _ id: UInt64) -> UInt64 { run << 48 | kind.rawValue << 40 | id }

  /// A track, described when it is asked for the first time.
  @inline(__always)
  private mutating func track(
    _ kind: Kind, _ id: UInt64, _ packets: inout PerfettoPackets, _ name: () -> String
  ) -> UInt64 {
    let track = uuid(kind, id)
    guard ends[track] == nil else { return track }
    ends[track] = .min
    let rank = Int64(kind.rawValue) << 24 | Int64(id & 0xff_ffff)
    packets.track(track, name(), in: uuid(.process, 0), rank: rank)
    return track
  }

  /// The place of a slice on its track, where none reaches into the next.
  mutating func place(_ begin: Int64, _ end: Int64, on track: UInt64) -> Range<Int64> {
    let begin = max(begin, ends[track] ?? .min)
    let end = max(begin, end)
    ends[track] = end
    return begin..<end
  }

  // MARK: Which

  private static func number(_ thread: ThreadName) -> UInt64 {
    UInt64(thread.kind.rawValue) << 32 | UInt64(thread.id)
  }

  mutating func states(_ thread: ThreadName, _ name: String, _ packets: inout PerfettoPackets) -> UInt64 {
    let track = uuid(.states, Self.number(thread))
    guard ends[track] == nil else { return track }
    ends[track] = .min
    let tid = thread.kind == .vcpu ? machine.vcpus[thread.id]?.tid : machine.loops[thread.id]?.tid
    // A thread has one track: the vCPU's, where it runs a loop as well.
    let isVisited = thread.kind == .loop && machine.visitor(ofLoop: thread.id) != nil
    if isReal, !isVisited, let tid, tid > 0 {
      packets.thread(track, pid: pid, tid: Int64(tid), name, in: uuid(.process, 0))
    } else {
      packets.track(track, name, in: uuid(.process, 0), rank: Int64(Self.number(thread) & 0xff_ffff))
    }
    return track
  }

  /// Exits of a vCPU, or wakeups of a loop.
  mutating func arrivals(_ thread: ThreadName, _ name: String, _ packets: inout PerfettoPackets) -> UInt64 {
    let isVcpu = thread.kind == .vcpu
    return track(isVcpu ? .exits : .wakeups, Self.number(thread), &packets) {
      "\(name) \(isVcpu ? "exits" : "wakeups")"
    }
  }

  mutating func kicks(_ device: Int, _ name: String, _ packets: inout PerfettoPackets) -> UInt64 {
    track(.kicks, UInt64(device), &packets) { "\(name) kicks" }
  }

  mutating func interrupts(_ device: Int, _ name: String, _ packets: inout PerfettoPackets) -> UInt64 {
    track(.interrupts, UInt64(device), &packets) { "\(name) interrupts" }
  }

  mutating func marks(_ packets: inout PerfettoPackets) -> UInt64 { track(.marks, 0, &packets) { "marks" } }

  mutating func gaps(_ stream: Int, _ packets: inout PerfettoPackets) -> UInt64 {
    track(.gaps, UInt64(stream), &packets) { "events missing in stream \(stream)" }
  }

  /// A track on which no other request of the queue overlaps this one: that which has been free for the shortest time.
  mutating func request(
    _ request: ModelRequest, _ begin: Int64, _ device: String, _ packets: inout PerfettoPackets
  ) -> UInt64 {
    let queue = request.device << 16 | request.queue
    var found: Int?
    for (index, lane) in (lanes[queue] ?? []).enumerated() where lane.end <= begin {
      if let best = found, let known = lanes[queue]?[best].end, known >= lane.end { continue }
      found = index
    }
    let end = request.end.map { begin + max(0, $0 &- request.begin) } ?? begin
    if let found, let track = lanes[queue]?[found].track {
      lanes[queue]?[found].end = end
      return track
    }
    laneCount += 1
    let number = (lanes[queue]?.count ?? 0) + 1
    // Tracks of one name are shown as one.
    let track = track(.requests, laneCount, &packets) {
      "\(device) queue \(request.queue) requests \(number)"
    }
    lanes[queue, default: []].append(Lane(track: track, end: end))
    return track
  }
}
