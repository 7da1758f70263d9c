/// Pairs the events of requests while they are read in order, on the terms of ``RequestTracker``, which has the same found by
/// slices; a test holds the two against each other.
struct RequestFollower {
  /// What the table's entries do not have.
  private struct Detail {
    var bytes: UInt64 = 0
    var arrived: Int64?
  }

  private var table = RequestTable(isLeading: true)
  /// By place in the table.
  private var details = [Detail](repeating: Detail(), count: Limits.openRequests)

  func free() { table.free() }

  /// A request was taken.
  ///
  /// - Parameters:
  ///   - key: Its key, which `event` has.
  ///   - thread: Index of the thread that took it.
  ///   - arrived: The exit or wakeup in which it was taken.
  /// - Returns: A request whose end is not to be had any more, as this one has its id or its place; with a number that the
  ///   catalogue's types cannot hold, the request itself.
  mutating func begin(
    _ event: RequestBegin, key: UInt64?, at timestamp: Int64, thread: Int, arrived: Int64?, gapEnd: Int64
  ) -> ModelRequest? {
    let kind = UInt8(min(event.kind, 255))
    guard let key else {
      return ModelRequest(
        device: Int(min(event.device, 0xffff)), queue: Int(min(event.queue, 0xffff)), id: event.id,
        kind: Int(kind), bytes: event.bytes, thread: ThreadName(index: thread), begin: timestamp)
    }
    let (place, evicted) = place(of: key)
    let isOpen = place.pointee.state != .closed
    let displaced = isOpen ? item(place) : evicted
    let isReused = isOpen && gapEnd <= place.pointee.timestamp
    place.pointee.open(
      RequestStep(
        timestamp: timestamp, location: 0, gapEnd: gapEnd, key: key, operation: .begin,
        thread: UInt16(truncatingIfNeeded: thread), detail: kind), as: isReused ? .doubtful : .open)
    details[table.index(of: place)] = Detail(bytes: event.bytes, arrived: arrived)
    return displaced
  }

  /// A request was pushed or given up.
  ///
  /// - Returns: The request that the end belongs to, or that it leaves without one; and one that made room.
  mutating func end(
    _ event: RequestEnd, at timestamp: Int64, gapEnd: Int64
  ) -> (ended: ModelRequest?, evicted: ModelRequest?) {
    guard let key = RequestStep.key(device: event.device, queue: event.queue, id: event.id) else {
      return (nil, nil)
    }
    let (place, evicted) = place(of: key)
    defer { place.pointee.close() }
    guard place.pointee.state != .closed else { return (nil, evicted) }
    var request = item(place)
    if place.pointee.state == .open, gapEnd <= place.pointee.timestamp {
      request.end = timestamp
      request.status = UInt8(min(event.status, 255))
    }
    return (request, evicted)
  }

  /// A stamp, `backend_submit` or `backend_complete`.
  ///
  /// - Parameter kick: Of a stamp, when the guest kicked.
  /// - Returns: A request that made room.
  mutating func note(
    _ operation: RequestStep.Operation, of key: UInt64?, at timestamp: Int64, kick: Int64 = 0, gapEnd: Int64
  ) -> ModelRequest? {
    guard let key else { return nil }
    let (place, evicted) = place(of: key)
    let isOpen = place.pointee.state == .open && gapEnd <= place.pointee.timestamp
    switch operation {
    case .stamp where place.pointee.state == .closed && place.pointee.kick == nil:
      place.pointee.kick = kick
      place.pointee.stamped = timestamp
    case .submit where isOpen && place.pointee.submitted == nil: place.pointee.submitted = timestamp
    case .complete where isOpen && place.pointee.submitted != nil && place.pointee.completed == nil:
      place.pointee.completed = timestamp
    default: break
    }
    return evicted
  }

  /// Calls `body` with the requests that have not ended.
  func forEachOpen(_ body: (ModelRequest) -> Void) {
    table.forEach { if $0.pointee.state != .closed { body(item($0)) } }
  }

  private mutating func place(
    of key: UInt64
  ) -> (place: UnsafeMutablePointer<RequestTable.Entry>, evicted: ModelRequest?) {
    if let place = table.find(key) {
      table.touch(place)
      return (place, nil)
    }
    let (place, evicted) = table.insert(key)
    table.touch(place)
    guard let evicted, evicted.state != .closed else { return (place, nil) }
    return (place, item(evicted, details[table.index(of: place)]))
  }

  private func item(_ place: UnsafeMutablePointer<RequestTable.Entry>) -> ModelRequest {
    item(place.pointee, details[table.index(of: place)])
  }

  private func item(_ entry: RequestTable.Entry, _ detail: Detail) -> ModelRequest {
    ModelRequest(
      device: Int(entry.key >> 48), queue: Int(entry.key >> 32 & 0xffff), id: entry.key & 0xffff_ffff,
      kind: Int(entry.kind), bytes: detail.bytes, thread: ThreadName(index: Int(entry.thread)),
      kicked: entry.kick, arrived: detail.arrived, begin: entry.timestamp, submitted: entry.submitted,
      completed: entry.completed)
  }
}

extension ThreadName {
  /// The thread of an index; nil: there is no such.
  init?(index: Int) {
    switch index {
    case 0..<AnalysisState.loopBase: self.init(.vcpu, index)
    case AnalysisState.loopBase..<AnalysisState.main: self.init(.loop, index - AnalysisState.loopBase)
    case AnalysisState.main: self.init(.main, 0)
    default: return nil
    }
  }
}
