import Analysis

/// A trace for Perfetto (https://perfetto.dev): native track events, a process for each run, its threads' states, and tracks
/// for all that can overlap them. A flow leads from each kick to the wakeup or exit that it came with, to the request, and to the
/// interrupt that told of it.
package struct PerfettoExporter: Exporter, ~Copyable {
  private var output: OutputBuffer
  private var packets = PerfettoPackets()
  private let names = ExportNames()
  private var pids: Set<Int64> = []
  private var tracks: PerfettoTracks?
  private var begin: Int64 = 0
  /// The number of the latest flow.
  private var flow: UInt64 = 0
  /// Flows that the next interrupt of a device ends.
  private var told: [Int: [UInt64]] = [:]
  /// Names of kinds of exits, by the numbers of their reason's, direction's and device's names.
  private var kinds: [Int: Int] = [:]
  private let words: Words

  /// Numbers of names that do not depend on what is exported.
  private struct Words {
    let kick, arrival, wakeup, poll, host, mark, missing: Int
  }

  /// - Parameter descriptor: Where to write.
  package init(descriptor: Int32) {
    output = OutputBuffer(descriptor: descriptor)
    words = Words(
      kick: names.number("kick"), arrival: names.number("arrival"), wakeup: names.number("wakeup"),
      poll: names.number("poll"), host: names.number("host"), mark: names.number("mark"),
      missing: names.number("events missing"))
  }

  package var failure: ExportFailure? { output.failure.map(ExportFailure.write) }

  package mutating func begin(_ run: ExportedRun) {
    names.use(run.machine)
    begin = run.analysis.begin
    (told, kinds) = ([:], [:])
    let tracks = PerfettoTracks(
      run.number, run.machine, pid: run.report.machine?.pid, pids: pids)
    tell()
    let guest = run.report.machine.map { "\($0.guest), " } ?? ""
    pids.insert(tracks.describe("\(guest)run \(run.number)", &packets))
    self.tracks = tracks
  }

  package mutating func add(_ items: [ModelItem]) {
    guard var tracks else { return }
    self.tracks = nil
    for item in items {
      switch item {
      case .interval(let interval): write(interval, &tracks)
      case .exit(let exit): write(exit, &tracks)
      case .wakeup(let wakeup): write(wakeup, &tracks)
      case .request(let request): write(request, &tracks)
      case .interrupt(let interrupt): write(interrupt, &tracks)
      case .mark(let mark):
        let track = tracks.marks(&packets)
        instant(.mark, words.mark, at: mark.timestamp, on: track) {
          $0.annotate(.value, UInt64(mark.value))
        }
      case .gap(let gap):
        let track = tracks.gaps(gap.stream, &packets)
        slice(.gap, words.missing, gap.begin, gap.end, on: track, &tracks)
      }
    }
    self.tracks = tracks
    flush()
  }

  package mutating func end() {
    tracks = nil
    flush()
  }

  package mutating func finish() {
    tell()
    flush()
    output.flush()
  }

  private mutating func flush() {
    output.bytes(packets.buffer.bytes)
    packets.clear()
  }

  /// Names have to be known before an event has them.
  @inline(__always)
  private mutating func tell() {
    if packets.told < names.texts.count || packets.told == 0 { packets.tell(names.texts) }
  }

  // MARK: Events

  private mutating func slice(
    _ category: PerfettoPackets.Category, _ name: Int, _ from: Int64, _ to: Int64, on track: UInt64,
    _ tracks: inout PerfettoTracks, _ body: (inout PerfettoPackets) -> Void = { _ in }
  ) {
    tell()
    let place = tracks.place(from &- begin, to &- begin, on: track)
    packets.begin(category, name, at: place.lowerBound, on: track, body)
    packets.end(at: place.upperBound, on: track)
  }

  private mutating func instant(
    _ category: PerfettoPackets.Category, _ name: Int, at moment: Int64, on track: UInt64,
    _ body: (inout PerfettoPackets) -> Void = { _ in }
  ) {
    tell()
    packets.instant(category, name, at: moment &- begin, on: track, body)
  }

  /// A thread that waits for something to do has no slice, nor has the time between one thing and the next.
  private mutating func write(_ interval: StateInterval, _ tracks: inout PerfettoTracks) {
    guard interval.category != TimeCategory.other, interval.category != TimeCategory.asleep else { return }
    let name =
      names.handler(interval.category)
      ?? names.state(interval.category, isVcpu: interval.thread.kind == .vcpu)
    let track = tracks.states(interval.thread, names.text(names.thread(interval.thread)), &packets)
    slice(.state, name, interval.begin, interval.end, on: track, &tracks) {
      $0.annotate(.seq, UInt64(interval.seq))
    }
  }

  private mutating func write(_ exit: ModelExit, _ tracks: inout PerfettoTracks) {
    let thread = ThreadName(.vcpu, exit.vcpu)
    let track = tracks.arrivals(thread, names.text(names.thread(thread)), &packets)
    let name = kind(of: exit)
    let annotate = { (packets: inout PerfettoPackets) in
      packets.annotate(.seq, UInt64(exit.seq))
      packets.annotate(.address, exit.address)
      packets.annotate(.rip, exit.rip)
      packets.annotate(.inKvmRun, exit.inKvmRun.map { UInt64($0) })
    }
    if let handling = exit.handling {
      slice(.exit, name, exit.timestamp, exit.timestamp &+ handling, on: track, &tracks, annotate)
    } else {
      instant(.exit, name, at: exit.timestamp, on: track, annotate)
    }
  }

  private mutating func kind(of exit: ModelExit) -> Int {
    let (reason, direction, device) = (
      names.reason(exit.reason), names.direction(exit.direction), names.device(of: exit)
    )
    // Names are fewer than 2^20: the bounds of what is told apart see to that.
    let key = reason << 40 | ((direction ?? -1) + 1) << 20 | ((device ?? -1) + 1)
    if let known = kinds[key] { return known }
    let texts = [reason, direction, device].compactMap { $0.map(names.text) }
    let name = names.number(texts.joined(separator: " "))
    kinds[key] = name
    return name
  }

  private mutating func write(_ wakeup: ModelWakeup, _ tracks: inout PerfettoTracks) {
    let thread = ThreadName(.loop, wakeup.loop)
    let track = tracks.arrivals(thread, names.text(names.thread(thread)), &packets)
    let name = wakeup.isPoll ? words.poll : words.wakeup
    let annotate = { (packets: inout PerfettoPackets) in
      packets.annotate(.seq, UInt64(wakeup.seq))
      packets.annotate(.ready, wakeup.ready)
      packets.annotate(.handlers, wakeup.handlers)
      packets.annotate(.kicks, wakeup.kicks)
    }
    if let busy = wakeup.busy {
      slice(.wakeup, name, wakeup.timestamp, wakeup.timestamp &+ busy, on: track, &tracks, annotate)
    } else {
      instant(.wakeup, name, at: wakeup.timestamp, on: track, annotate)
    }
  }

  private mutating func write(_ interrupt: ModelInterrupt, _ tracks: inout PerfettoTracks) {
    let name = names.text(names.device(interrupt.device))
    let track = tracks.interrupts(interrupt.device, name, &packets)
    let flows = told.removeValue(forKey: interrupt.device) ?? []
    instant(.interrupt, names.mechanism(interrupt.mechanism), at: interrupt.timestamp, on: track) {
      $0.annotate(.line, UInt64(interrupt.line))
      for flow in flows { $0.flow(flow, isLast: true) }
    }
  }

  // MARK: Requests

  private mutating func write(_ request: ModelRequest, _ tracks: inout PerfettoTracks) {
    let device = names.text(names.device(request.device))
    let track = tracks.request(request, request.begin &- begin, device, &packets)
    let name = names.requestKind(request.kind)
    let flow = arrive(request, device, &tracks)
    let describe = { (packets: inout PerfettoPackets) in
      packets.annotate(.id, request.id)
      packets.annotate(.bytes, request.bytes)
      packets.annotate(.status, request.status.map { UInt64($0) })
      if let flow { packets.flow(flow) }
    }
    guard let end = request.end else {
      instant(.request, name, at: request.begin, on: track, describe)
      return
    }
    if let flow, request.interrupted != nil { told[request.device, default: []].append(flow) }
    tell()
    let place = tracks.place(request.begin &- begin, end &- begin, on: track)
    packets.begin(.request, name, at: place.lowerBound, on: track, describe)
    if let submitted = request.submitted, let completed = request.completed {
      let host = words.host
      tell()
      let from = min(max(submitted &- begin, place.lowerBound), place.upperBound)
      packets.begin(.host, host, at: from, on: track)
      packets.end(at: min(max(completed &- begin, from), place.upperBound), on: track)
    }
    packets.end(at: place.upperBound, on: track)
  }

  /// The kick of a request, and where it came to the thread that took it.
  ///
  /// - Returns: The flow that they begin; nil: neither is known.
  private mutating func arrive(
    _ request: ModelRequest, _ device: String, _ tracks: inout PerfettoTracks
  ) -> UInt64? {
    guard request.kicked != nil || request.arrived != nil else { return nil }
    flow += 1
    let flow = flow
    if let kicked = request.kicked {
      let track = tracks.kicks(request.device, device, &packets)
      instant(.kick, words.kick, at: kicked, on: track) { $0.flow(flow) }
    }
    // A kick that came later found its thread at work.
    if let arrived = request.arrived, arrived >= request.kicked ?? .min, let thread = request.thread {
      let track = tracks.arrivals(thread, names.text(names.thread(thread)), &packets)
      instant(.kick, words.arrival, at: arrived, on: track) { $0.flow(flow) }
    }
    return flow
  }
}
