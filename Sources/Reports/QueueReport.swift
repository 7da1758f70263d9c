/// What a device did with a queue.
package struct QueueReport: Codable, Equatable, Sendable {
  /// The machine that it is of, where a report is about several; nil: about one.
  package var machine: String?
  /// Device.
  package var device: String
  /// Queue.
  package var queue: Int
  /// Events may be missing: what is counted is no more than a lower bound, and ratios are those of what was recorded.
  package var isPartial: Bool?
  /// Requests taken.
  package var requests: UInt64
  /// Bytes that they asked for.
  package var bytes: UInt64
  /// Bytes for each second; nil: no time is known.
  package var byteRate: RateReport?
  /// Exits and wakeups in which requests were taken.
  package var wakeups: UInt64
  /// Requests for each of them; nil: there was none.
  package var requestsPerWakeup: Double?
  /// Requests whose work was handed to the host.
  package var submitted: UInt64
  /// Completed requests that the driver was let see.
  package var published: UInt64
  /// Times that it was and wanted to be interrupted for it.
  package var interrupts: UInt64
  /// Times that it was and did not.
  package var suppressed: UInt64
  /// Both for each request that it was let see; nil: there was none.
  package var interruptsPerRequest: Double?
  /// Times without an interrupt, for each of these.
  package var suppressedPerRequest: Double?
  /// How long requests took from the guest's kick until their completion was in the used ring, and until the interrupt that told of
  /// it; nil: none of which both are known.
  package var kickToPushed: LatencyReport?
  package var kickToInterrupt: LatencyReport?
  /// Requests in flight; nil: not known at any time.
  package var depth: QueueDepthReport?
  /// Requests that ended with an error, by status; nil: none.
  package var errors: [NamedCount]?
  /// Requests of which the driver is told nothing, as the queue was reset, taken back or broken; nil: none.
  package var givenUp: UInt64?
  /// What the host failed at, by errno; nil: nothing.
  package var hostErrors: [NamedCount]?

  package init(
    machine: String? = nil, device: String, queue: Int, isPartial: Bool? = nil, requests: UInt64,
    bytes: UInt64, byteRate: RateReport? = nil, wakeups: UInt64, requestsPerWakeup: Double? = nil,
    submitted: UInt64, published: UInt64, interrupts: UInt64, suppressed: UInt64,
    interruptsPerRequest: Double? = nil, suppressedPerRequest: Double? = nil,
    kickToPushed: LatencyReport? = nil, kickToInterrupt: LatencyReport? = nil,
    depth: QueueDepthReport? = nil, errors: [NamedCount]? = nil, givenUp: UInt64? = nil,
    hostErrors: [NamedCount]? = nil
  ) {
    self.machine = machine
    self.device = device
    self.queue = queue
    self.isPartial = isPartial
    self.requests = requests
    self.bytes = bytes
    self.byteRate = byteRate
    self.wakeups = wakeups
    self.requestsPerWakeup = requestsPerWakeup
    self.submitted = submitted
    self.published = published
    self.interrupts = interrupts
    self.suppressed = suppressed
    self.interruptsPerRequest = interruptsPerRequest
    self.suppressedPerRequest = suppressedPerRequest
    self.kickToPushed = kickToPushed
    self.kickToInterrupt = kickToInterrupt
    self.depth = depth
    self.errors = errors
    self.givenUp = givenUp
    self.hostErrors = hostErrors
  }
}

extension QueueReport {
  /// Whether so many requests of which an interrupt told are as good as all. A driver that looks by itself for what is completed asks
  /// for no interrupt meanwhile, so that those of which one tells are not like the others.
  package static func isOfAll(_ told: UInt64, of pushed: UInt64) -> Bool {
    told >= pushed - pushed / 100
  }

  /// The latency until the interrupt where that is of all requests.
  package var kickToEachInterrupt: LatencyReport? {
    kickToInterrupt.flatMap { Self.isOfAll($0.count, of: kickToPushed?.count ?? 0) ? $0 : nil }
  }
}

/// How many requests of a queue were in flight, over time.
package struct QueueDepthReport: Codable, Equatable, Sendable {
  /// The time for which that is known, ns.
  package var known: Int64
  /// Over this time.
  package var mean: Double
  /// No more for 99 % of it; 1023 stands for so many or more.
  package var p99: Int
  /// The most.
  package var maximum: Int

  package init(known: Int64, mean: Double, p99: Int, maximum: Int) {
    self.known = known
    self.mean = mean
    self.p99 = p99
    self.maximum = maximum
  }
}

/// The way of a queue's requests from the guest's kick to the interrupt, stage by stage.
package struct RequestPathReport: Codable, Equatable, Sendable {
  /// The machine that it is of, where a report is about several; nil: about one.
  package var machine: String?
  /// Device.
  package var device: String
  /// Queue.
  package var queue: Int
  /// Stages that follow each other, then their sum.
  package var stages: [RequestStageReport]

  package init(machine: String? = nil, device: String, queue: Int, stages: [RequestStageReport]) {
    self.machine = machine
    self.device = device
    self.queue = queue
    self.stages = stages
  }

  /// A stage by name.
  package func stage(_ name: String) -> RequestStageReport? { stages.first { $0.name == name } }
}

/// A stage of requests.
package struct RequestStageReport: Codable, Equatable, Sendable {
  /// See docs/report.md.
  package var name: String
  /// Its part of the time of all stages that follow each other, of all requests, in thousandths; nil: it is a sum of others.
  package var sharePermille: UInt64?
  /// How long it took.
  package var latency: LatencyReport

  package init(name: String, sharePermille: UInt64? = nil, latency: LatencyReport) {
    self.name = name
    self.sharePermille = sharePermille
    self.latency = latency
  }
}
