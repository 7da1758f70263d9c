@testable import Analysis
@testable import CTF

/// A small reproducible generator (SplitMix64).
struct Random: RandomNumberGenerator {
  var state: UInt64

  init(_ seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
    return mixed ^ (mixed >> 31)
  }

  mutating func below(_ bound: Int) -> Int { Int(next() % UInt64(bound)) }
  mutating func chance(_ percent: Int) -> Bool { below(100) < percent }
}

/// A row before it is laid out in memory.
struct SyntheticRow {
  var timestamp: Int64
  var tag: UInt16
  var stream: Int
  var fields: [UInt64]

  init(_ timestamp: Int64, _ tag: EventTag, stream: Int = 0, _ fields: [UInt64]) {
    self.timestamp = timestamp
    self.tag = tag.rawValue
    self.stream = stream
    self.fields = fields
  }

  init(gapFrom begin: Int64, to end: Int64, stream: Int) {
    timestamp = begin
    tag = Row.gapTag
    self.stream = stream
    fields = [UInt64(begin), UInt64(end), 1, 0]
  }
}

/// Rows as a reader delivers them.
struct RowBuffer {
  static let stride = 24

  /// Feeds rows to an analysis in runs of random length.
  static func feed(_ rows: ArraySlice<SyntheticRow>, to slice: SliceAnalysis, runLength: Int = 7) {
    feed(rows, runLength: runLength) { slice.consume($0) }
  }

  static func feed(_ rows: ArraySlice<SyntheticRow>, runLength: Int = 7, _ consume: (EventRun) -> Void) {
    var rest = rows
    while !rest.isEmpty {
      let stream = rest[rest.startIndex].stream
      let run = rest.prefix(runLength).prefix { $0.stream == stream }
      rest = rest.dropFirst(run.count)
      var words: [UInt64] = []
      for row in run {
        words.append(UInt64(bitPattern: row.timestamp))
        words.append(UInt64(row.tag) | UInt64(row.stream) << 16 | 5 << 32)
        words += row.fields
        words += Array(repeating: 0, count: stride - 2 - row.fields.count)
      }
      words.withUnsafeBufferPointer { words in
        "strings".utf8.withContiguousStorageIfAvailable { strings in
          consume(
            EventRun(
              count: run.count, base: words.baseAddress!, stride: stride, stream: run.first!.stream,
              strings: strings))
        }
      }
    }
  }
}

/// A made-up recording of a VMM with vCPUs and loops.
struct SyntheticRun {
  var rows: [SyntheticRow] = []
  /// Durations that the analysis of a complete recording has to find.
  var inKvmRun: [Int64] = []
  var handling: [Int64] = []
  var totals: [Int: [Int: Int64]] = [:]

  /// - Parameters:
  ///   - exits: Exits of each vCPU, and wakeups of each loop.
  ///   - coarse: Timestamps are multiples of it, so that many coincide.
  init(seed: UInt64, vcpus: Int = 2, loops: Int = 1, exits: Int = 40, coarse: Int64 = 1) {
    var random = Random(seed)
    for vcpu in 0..<vcpus { addVcpu(UInt64(vcpu), exits, coarse, &random) }
    for loop in 0..<loops { addLoop(UInt64(loop), exits, coarse, &random) }
    // A stable order among equal timestamps, as the reader's: by stream, then by position.
    sort()
  }

  private mutating func addVcpu(_ vcpu: UInt64, _ exits: Int, _ coarse: Int64, _ random: inout Random) {
    var now: Int64 = 1_000 + Int64(random.below(500)) * coarse
    var seq = UInt64(UInt32.max) - UInt64(random.below(exits))
    let stream = Int(vcpu) + 1
    var requests = vcpu << 20
    func pass(_ random: inout Random, _ upTo: Int) -> Int64 {
      now += Int64(random.below(upTo)) * coarse
      return now
    }
    var (exited, last) = (now, now)
    for exit in 0..<exits {
      let enter = pass(&random, 50)
      if exit > 0 {
        add(vcpu, TimeCategory.other, enter - last)
        handling.append(enter - exited)
      }
      rows.append(SyntheticRow(enter, .vcpuRunEnter, stream: stream, [vcpu, seq]))
      let left = pass(&random, random.chance(5) ? 500_000 : 3_000)
      let isMemory = random.chance(30)
      let reason: UInt64 = random.chance(10) ? 5 : isMemory ? 6 : 2
      let device = UInt64(random.below(3))
      let address = reason == 5 ? 0 : 0x100 * (device + 1) + UInt64(random.below(4))
      let fields = [vcpu, seq, reason, address, 1, UInt64(random.below(3)), 1]
      // Of some the instruction pointer is recorded; of these some are none that a processor has.
      let rip: UInt64? =
        switch seq % 5 {
        case 0, 1: 0xffff_ffff_8100_0000 + (address ^ UInt64(seq)) % 7
        case 2: random.chance(10) ? 0x8000_0000_0000_0000 : 0x1000 + address
        default: nil
        }
      rows.append(
        rip.map { SyntheticRow(left, .vcpuRunExitRip, stream: stream, fields + [$0]) }
          ?? SyntheticRow(left, .vcpuRunExit, stream: stream, fields))
      inKvmRun.append(left - enter)
      add(vcpu, TimeCategory.inKvmRun, left - enter)
      (exited, last) = (left, left)
      if random.chance(20) {
        let wait = pass(&random, 20)
        rows.append(SyntheticRow(wait, .lockWait, stream: stream, [device, 0, vcpu, seq]))
        add(vcpu, TimeCategory.other, wait - last)
        let held = pass(&random, 90)
        rows.append(SyntheticRow(held, .lockAcquired, stream: stream, [device, 0, vcpu, seq]))
        add(vcpu, TimeCategory.lock, held - wait)
        last = held
      }
      // What KVM had kept comes before the exit's own access, whatever the exit is about.
      for _ in 0..<(seq % 4 == 0 ? Int(seq / 4 % 4) : 0) {
        let begin = pass(&random, 30)
        rows.append(
          SyntheticRow(begin, .coalescedBegin, stream: stream, [vcpu, seq, device, 0, 0, address, 4]))
        add(vcpu, TimeCategory.other, begin - last)
        last = pass(&random, 60)
        rows.append(SyntheticRow(last, .coalescedEnd, stream: stream, [vcpu, seq, device]))
        add(vcpu, TimeCategory.devices + Int(device), last - begin)
      }
      for _ in 0..<(reason == 5 ? 0 : random.chance(10) ? 3 : 1) {
        let begin = pass(&random, 30)
        rows.append(SyntheticRow(begin, .dispatchBegin, stream: stream, [0, vcpu, seq, device, 0]))
        add(vcpu, TimeCategory.other, begin - last)
        if random.chance(40) {
          rows.append(
            SyntheticRow(pass(&random, 3), .queueKicked, stream: stream, [0, vcpu, seq, device, 2]))
        }
        if random.chance(50) {
          for _ in 0..<random.below(4) {
            let id = requests
            requests += 1
            if random.chance(50) {
              rows.append(
                SyntheticRow(
                  pass(&random, 9), .guestKickStamp, stream: stream,
                  [0, vcpu, seq, device, 1, id, UInt64(now)]))
            }
            let request = pass(&random, 9)
            rows.append(
              SyntheticRow(request, .requestBegin, stream: stream, [0, vcpu, seq, device, 1, id, 0, 8]))
            if random.chance(60) {
              rows.append(
                SyntheticRow(
                  pass(&random, 9), .backendSubmit, stream: stream, [0, vcpu, seq, device, 1, id, 0, 8]))
              rows.append(
                SyntheticRow(
                  pass(&random, 99), .backendComplete, stream: stream,
                  [0, vcpu, seq, device, 1, id, 5 * (id & 1)]))
            }
            rows.append(
              SyntheticRow(
                pass(&random, 40), .requestEnd, stream: stream, [0, vcpu, seq, device, 1, id, id & 1]))
          }
          rows.append(
            SyntheticRow(
              pass(&random, 9), .queuePublished, stream: stream, [0, vcpu, seq, device, 1, 1, 0, 1]))
          rows.append(
            SyntheticRow(pass(&random, 9), .interrupt, stream: stream, [0, vcpu, seq, device, 5, 1]))
        }
        let end = pass(&random, 60)
        rows.append(SyntheticRow(end, .dispatchEnd, stream: stream, [0, vcpu, seq, device]))
        add(vcpu, TimeCategory.devices + Int(device), end - begin)
        last = end
      }
      if random.chance(10) {
        rows.append(
          SyntheticRow(pass(&random, 9), .guestMark, stream: stream, [vcpu, seq, UInt64(exit), UInt64(now)]))
      }
      if random.chance(8) {
        rows.append(
          SyntheticRow(
            pass(&random, 9), .kvmStats, stream: stream,
            [1, vcpu, 1, 0x3ffff] + (0..<18).map { UInt64(now) + $0 }))
        rows.append(
          SyntheticRow(
            now, .threadStats, stream: stream,
            [
              0, vcpu, UInt64(random.below(3)), 15, UInt64(now), UInt64(now / 2 + Int64(random.below(99))), 3,
              4,
            ]))
        rows.append(
          SyntheticRow(
            now, .kvmCounter, stream: stream,
            [1, vcpu, 1, UInt64(random.below(4)), UInt64(random.below(3)), UInt64(now)]))
      }
      seq = UInt64(UInt32(truncatingIfNeeded: seq &+ 1))
    }
  }

  private mutating func addLoop(_ loop: UInt64, _ wakeups: Int, _ coarse: Int64, _ random: inout Random) {
    var now: Int64 = 900 + Int64(random.below(500)) * coarse
    var seq = UInt64(random.below(5))
    let stream = 0
    var requests = (16 + loop) << 20
    func pass(_ random: inout Random, _ upTo: Int) -> Int64 {
      now += Int64(random.below(upTo)) * coarse
      return now
    }
    for _ in 0..<wakeups {
      if random.chance(20) {
        rows.append(SyntheticRow(pass(&random, 9), .pollBegin, stream: stream, [loop, seq, 1000]))
        rows.append(
          SyntheticRow(pass(&random, 900), .pollEnd, stream: stream, [loop, seq, UInt64(random.below(2))]))
      }
      rows.append(
        SyntheticRow(pass(&random, 9), .loopWait, stream: stream, [loop, seq, UInt64(bitPattern: -1)]))
      let ready = random.below(5)
      rows.append(
        SyntheticRow(pass(&random, 3_000), .loopWakeup, stream: stream, [loop, seq, UInt64(ready)]))
      for _ in 0..<ready {
        let source = UInt64(random.below(3))
        let device: UInt64 = source == 1 ? 0xffff : UInt64(random.below(3))
        let queue: UInt64 = source == 0 ? UInt64(random.below(2)) : 0xffff
        rows.append(
          SyntheticRow(pass(&random, 30), .handlerBegin, stream: stream, [loop, seq, source, device, queue]))
        if source == 0 {
          rows.append(
            SyntheticRow(
              pass(&random, 9), .ioeventfdSignal, stream: stream,
              [loop, seq, device, queue, UInt64(1 + random.below(3))]))
          rows.append(
            SyntheticRow(
              pass(&random, 9), .guestKickStamp, stream: stream,
              [1, loop, seq, device, queue, requests, UInt64(bitPattern: now - Int64(random.below(4_000)))]))
          let request = pass(&random, 9)
          rows.append(
            SyntheticRow(
              request, .requestBegin, stream: stream, [1, loop, seq, device, queue, requests, 0, 8]))
          if random.chance(20) {
            rows.append(SyntheticRow(pass(&random, 9), .lockWait, stream: stream, [device, 1, loop, seq]))
            rows.append(
              SyntheticRow(pass(&random, 99), .lockAcquired, stream: stream, [device, 1, loop, seq]))
          }
          rows.append(
            SyntheticRow(
              pass(&random, 40), .requestEnd, stream: stream, [1, loop, seq, device, queue, requests, 0]))
          requests += 1
          rows.append(
            SyntheticRow(pass(&random, 9), .interrupt, stream: stream, [1, loop, seq, device, 5, 0]))
        }
        rows.append(
          SyntheticRow(pass(&random, 30), .handlerEnd, stream: stream, [loop, seq, source, device, queue]))
      }
      seq += 1
    }
  }

  /// Whose event a row is: kind and id.
  static func thread(of row: SyntheticRow) -> [UInt64] {
    switch EventTag(rawValue: row.tag) {
    case .vcpuRunEnter, .vcpuRunExit, .vcpuRunExitRip, .guestMark, .coalescedBegin, .coalescedEnd:
      [0, row.fields[0]]
    case .dispatchBegin, .dispatchEnd, .requestBegin, .requestEnd, .interrupt, .guestKickStamp,
      .backendSubmit, .backendComplete, .queuePublished, .queueKicked:
      [row.fields[0], row.fields[1]]
    case .lockWait, .lockAcquired, .lockReleased: [row.fields[1], row.fields[2]]
    case .loopWait, .loopWakeup, .pollBegin, .pollEnd, .handlerBegin, .handlerEnd, .ioeventfdSignal:
      [1, row.fields[0]]
    default: [2, 0]
    }
  }

  /// Adds what the main thread says of how much each thread emitted: a `clock_sync` and the readings of a session that
  /// begins to listen at `start`, and readings at the end. The reading is taken with the `clock_sync`.
  ///
  /// - Parameter heardFrom: Events before it are not recorded, though they are counted.
  mutating func addTotals(start: Int64, heardFrom: Int64 = .min) {
    var threads = Set(rows.map(Self.thread))
    threads.insert([2, 0])
    let ordered = threads.sorted { ($0[0], $0[1]) < ($1[0], $1[1]) }
    let end = (rows.last?.timestamp ?? 0) + 10
    func readings(_ moment: UInt64, at time: Int64, _ rows: [SyntheticRow]) -> [SyntheticRow] {
      var counts: [[UInt64]: UInt64] = [:]
      for row in rows where row.timestamp < time { counts[Self.thread(of: row), default: 0] += 1 }
      return ordered.enumerated().map { place, thread in
        SyntheticRow(
          time + 1 + Int64(place), .eventTotals, stream: 3,
          thread + [moment, UInt64(ordered.count), counts[thread] ?? 0])
      }
    }
    rows.append(SyntheticRow(start, .clockSync, stream: 3, [1, 2, 3, 4]))
    rows += readings(0, at: start + 1, rows)
    sort()
    rows += readings(2, at: end, rows)
    sort()
    rows.removeAll { $0.timestamp < heardFrom }
  }

  private mutating func sort() {
    rows = rows.enumerated().sorted {
      ($0.element.timestamp, $0.element.stream, $0.offset) < (
        $1.element.timestamp, $1.element.stream, $1.offset
      )
    }.map(\.element)
  }

  private mutating func add(_ vcpu: UInt64, _ category: Int, _ time: Int64) {
    totals[Int(vcpu), default: [:]][category, default: 0] += time
  }

  /// Loses what some streams recorded between random moments, and marks most of these gaps, but not all.
  mutating func lose(seed: UInt64, unmarked: Bool = false) {
    var random = Random(seed)
    guard let begin = rows.first?.timestamp, let end = rows.last?.timestamp, end > begin else { return }
    for _ in 0..<(1 + random.below(5)) {
      let stream = random.below(4)
      let from = begin + Int64(random.below(Int(end - begin)))
      let to = min(end, from + Int64(random.below(Int(end - begin) / 8 + 1)))
      rows.removeAll {
        $0.stream == stream && $0.timestamp > from && $0.timestamp < to && $0.tag != Row.gapTag
      }
      if !unmarked {
        let place = rows.firstIndex { ($0.timestamp, $0.stream) > (from, stream) } ?? rows.count
        rows.insert(SyntheticRow(gapFrom: from, to: to, stream: stream), at: place)
      }
    }
  }

  /// Swaps, repeats and damages rows, as a broken tracer would.
  mutating func damage(seed: UInt64) {
    var random = Random(seed)
    for _ in 0..<20 where !rows.isEmpty {
      let place = random.below(rows.count)
      switch random.below(4) {
      case 0: rows.remove(at: place)
      case 1: rows.insert(rows[place], at: place)
      case 2:
        let field = random.below(rows[place].fields.count)
        if rows[place].tag != Row.gapTag {
          rows[place].fields[field] = random.next() >> UInt64(random.below(60))
        }
      default:  // Not those with strings: a reader lays these out itself.
        let tags =
          (0..<20).map { UInt16($0) }
          + [
            EventTag.kvmCounter, .threadStats, .eventTotals, .backendSubmit, .backendComplete,
            .queuePublished, .queueKicked,
          ].map(\.rawValue)
        rows[place].tag = tags[random.below(tags.count)]
      }
      if rows.indices.contains(place), rows[place].tag != Row.gapTag {
        while rows[place].fields.count < 22 { rows[place].fields.append(0) }
      }
    }
  }
}
