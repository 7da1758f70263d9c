// Events of devices, on whichever thread.

/// `request_begin`.
struct RequestBegin: Event {
  static let tag = EventTag.requestBegin
  let threadKind: UInt64
  let thread: UInt64
  let seq: UInt32
  let device: UInt64
  let queue: UInt64
  let id: UInt64
  let kind: UInt64
  let bytes: UInt64

  @inline(__always)
  init(_ fields: inout EventFields) {
    threadKind = fields.next()
    thread = fields.next()
    seq = fields.next()
    device = fields.next()
    queue = fields.next()
    id = fields.next()
    kind = fields.next()
    bytes = fields.next()
  }
}

/// `request_end`.
struct RequestEnd: Event {
  static let tag = EventTag.requestEnd
  let threadKind: UInt64
  let thread: UInt64
  let seq: UInt32
  let device: UInt64
  let queue: UInt64
  let id: UInt64
  let status: UInt64

  @inline(__always)
  init(_ fields: inout EventFields) {
    threadKind = fields.next()
    thread = fields.next()
    seq = fields.next()
    device = fields.next()
    queue = fields.next()
    id = fields.next()
    status = fields.next()
  }
}

/// `backend_submit`.
struct BackendSubmit: Event {
  static let tag = EventTag.backendSubmit
  let threadKind: UInt64
  let thread: UInt64
  let seq: UInt32
  let device: UInt64
  let queue: UInt64
  let id: UInt64
  let work: UInt64
  let bytes: UInt64

  @inline(__always)
  init(_ fields: inout EventFields) {
    threadKind = fields.next()
    thread = fields.next()
    seq = fields.next()
    device = fields.next()
    queue = fields.next()
    id = fields.next()
    work = fields.next()
    bytes = fields.next()
  }
}

/// `backend_complete`.
struct BackendComplete: Event {
  static let tag = EventTag.backendComplete
  let threadKind: UInt64
  let thread: UInt64
  let seq: UInt32
  let device: UInt64
  let queue: UInt64
  let id: UInt64
  let status: UInt64

  @inline(__always)
  init(_ fields: inout EventFields) {
    threadKind = fields.next()
    thread = fields.next()
    seq = fields.next()
    device = fields.next()
    queue = fields.next()
    id = fields.next()
    status = fields.next()
  }
}

/// `queue_kicked`.
struct QueueKicked: Event {
  static let tag = EventTag.queueKicked
  let threadKind: UInt64
  let thread: UInt64
  let seq: UInt32
  let device: UInt64
  let queue: UInt64

  @inline(__always)
  init(_ fields: inout EventFields) {
    threadKind = fields.next()
    thread = fields.next()
    seq = fields.next()
    device = fields.next()
    queue = fields.next()
  }
}

/// `queue_published`.
struct QueuePublished: Event {
  static let tag = EventTag.queuePublished
  let threadKind: UInt64
  let thread: UInt64
  let seq: UInt32
  let device: UInt64
  let queue: UInt64
  let requests: UInt64
  let inFlight: UInt64
  let notification: UInt64

  @inline(__always)
  init(_ fields: inout EventFields) {
    threadKind = fields.next()
    thread = fields.next()
    seq = fields.next()
    device = fields.next()
    queue = fields.next()
    requests = fields.next()
    inFlight = fields.next()
    notification = fields.next()
  }
}

/// `queue_broken`.
struct QueueBroken: Event {
  static let tag = EventTag.queueBroken
  let threadKind: UInt64
  let thread: UInt64
  let seq: UInt32
  let device: UInt64
  let queue: UInt64
  let fault: UInt64

  @inline(__always)
  init(_ fields: inout EventFields) {
    threadKind = fields.next()
    thread = fields.next()
    seq = fields.next()
    device = fields.next()
    queue = fields.next()
    fault = fields.next()
  }
}

/// `interrupt`.
struct Interrupt: Event {
  static let tag = EventTag.interrupt
  let threadKind: UInt64
  let thread: UInt64
  let seq: UInt32
  let device: UInt64
  let line: UInt32
  let mechanism: UInt64

  @inline(__always)
  init(_ fields: inout EventFields) {
    threadKind = fields.next()
    thread = fields.next()
    seq = fields.next()
    device = fields.next()
    line = fields.next()
    mechanism = fields.next()
  }
}

/// `guest_kick_stamp`.
struct GuestKickStamp: Event {
  static let tag = EventTag.guestKickStamp
  let threadKind: UInt64
  let thread: UInt64
  let seq: UInt32
  let device: UInt64
  let queue: UInt64
  let id: UInt64
  let tsc: UInt64

  @inline(__always)
  init(_ fields: inout EventFields) {
    threadKind = fields.next()
    thread = fields.next()
    seq = fields.next()
    device = fields.next()
    queue = fields.next()
    id = fields.next()
    tsc = fields.next()
  }
}
