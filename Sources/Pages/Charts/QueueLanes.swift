import Reporting
import Reports

/// The rows of a path diagram, made of what `paths` reports.
enum QueueLanes {
  /// A queue with its ways.
  struct Queue {
    let name: String
    let lanes: [PathDiagram.Lane]
  }

  /// The queues that were kicked or whose devices tell of their requests, in the order of the report.
  static func queues(_ paths: PathsReport) -> [Queue] {
    var order: [[String]] = []
    var lanes: [[String]: [PathDiagram.Lane]] = [:]
    func add(_ device: String, _ queue: Int?, _ lane: PathDiagram.Lane?) {
      guard let lane else { return }
      let key = [device, queue.map { "queue \($0)" } ?? ""]
      if lanes[key] == nil { order.append(key) }
      lanes[key, default: []].append(lane)
    }
    for path in paths.paths where path.kicks > 0 {
      let isTold = paths.requests?.contains { $0.device == path.device && $0.queue == path.queue } ?? false
      add(path.device, path.queue, lane(path, isTold: isTold))
    }
    for path in paths.requests ?? [] {
      for lane in requestLanes(path) { add(path.device, path.queue, lane) }
    }
    return order.map { key in
      Queue(name: key.filter { !$0.isEmpty }.joined(separator: " "), lanes: lanes[key] ?? [])
    }
  }

  /// - Parameter isTold: There is a row for its requests: what few handlers completed of them is not shown as if it were all.
  private static func lane(_ path: PathReport, isTold: Bool) -> PathDiagram.Lane? {
    func stage(_ name: String) -> LatencyReport? {
      path.stage(name).flatMap {
        isTold && completing.contains(name) && $0.count < path.handlers / 2 ? nil : $0
      }
    }
    let isLoop = path.kind == "ioeventfd"
    guard isLoop || path.kind == "exit" else { return nil }
    let steps = [
      ("kick", nil), (isLoop ? "loop wakes" : "exit", "kick_to_arrival"),
      (isLoop ? "handler" : "dispatch", "arrival_to_begin"), ("request", "begin_to_request"),
      ("completed", "request_to_completion"), ("interrupt", "completion_to_interrupt"),
    ]
    var remarks = [Text.number(path.kicks, "kick")]
    if let share = path.sharePermille { remarks[0] += ", " + Text.percent(Int64(share), of: 1000) }
    remarks.append(isLoop ? "on an I/O thread" : "on the vCPU's thread")
    return lane(
      isLoop ? "ioeventfd" : "userspace exit", remarks, kind: path.kind, steps, stage,
      sums: [
        ("kick → picked up, each", "kick_to_pickup"), ("first kick → interrupt", "kick_to_interrupt"),
        isLoop ? ("all of the handler", "handler") : ("guest stands still", "arrival_to_reentry"),
      ], share: path.sharePermille.map { Double($0) / 1000 })
  }

  /// Stages of handlers that complete what they took.
  private static let completing: Set = [
    "request_to_completion", "completion_to_interrupt", "arrival_to_interrupt", "kick_to_interrupt",
  ]

  /// The way of each request; where some were taken in exits and some in wakeups, a row for each kind of beginning.
  private static func requestLanes(_ path: RequestPathReport) -> [PathDiagram.Lane] {
    func stage(_ name: String) -> LatencyReport? { path.stage(name)?.latency }
    let ways = [("wakeup", "kick_to_wakeup", "wakeup_to_popped"), ("exit", "kick_to_exit", "exit_to_popped")]
      .filter { stage($0.2) != nil }
    let isSubmitted = stage("submitted_to_completed") != nil
    let rest: [(String, String?)] =
      (isSubmitted
        ? [
          ("submitted", "popped_to_submitted"), ("host is done", "submitted_to_completed"),
          ("in used ring", "completed_to_pushed"),
        ] : [("in used ring", "popped_to_pushed")]) + [("interrupt", "pushed_to_interrupt")]
    let sums =
      [("kick → in used ring", "kick_to_pushed"), ("kick → interrupt", "kick_to_interrupt")]
      + (isSubmitted ? [("answered at once", "popped_to_pushed")] : [])
    return (ways.isEmpty ? [("", "", "")] : ways).enumerated().map { place, way in
      let begin: [(String, String?)] =
        way.0.isEmpty ? [("taken", nil)] : [("kick", nil), (way.0, way.1), ("taken", way.2)]
      // What is the same in both rows is told once.
      let steps = begin + (place == 0 ? rest : [])
      let count = stage(way.2).map { Text.number($0.count, "request") }
      return lane(
        "each request", [count, way.0.isEmpty ? nil : "by \(way.0)"].compactMap { $0 }, kind: "request",
        steps, stage,
        sums: place == 0 ? sums : [], share: nil)
    }
  }

  /// A row without the boxes that nothing is known of on either side.
  private static func lane(
    _ title: String, _ remarks: [String], kind: String, _ steps: [(String, String?)],
    _ stage: (String) -> LatencyReport?, sums: [(String, String)], share: Double?
  ) -> PathDiagram.Lane {
    let latencies = steps.map { $0.1.flatMap(stage) }
    let last = steps.count - 1
    let kept = steps.indices.filter { place in
      place == 0 || place == last || latencies[place] != nil || latencies[place + 1] != nil
    }
    let stages = kept.dropFirst().map { place in
      // Across a box that is left out nothing was measured.
      kept.contains(place - 1) ? latencies[place] : nil
    }
    return PathDiagram.Lane(
      title: title, remarks: remarks, kind: kind, boxes: kept.map { steps[$0].0 }, stages: stages,
      sums: sums.compactMap { name, key in stage(key).map { (name, $0) } }, share: share)
  }
}
