// Events of event loops.

/// `loop_wait`.
struct LoopWait: Event {
  static let tag = EventTag.loopWait
  let loop: UInt64
  let seq: UInt32
  let timeout: Int32

  @inline(__always)
  init(_ fields: inout EventFields) {
    loop = fields.next()
    seq = fields.next()
    timeout = fields.next()
  }
}

/// `loop_wakeup`.
struct LoopWakeup: Event {
  static let tag = EventTag.loopWakeup
  let loop: UInt64
  let seq: UInt32
  let ready: UInt64

  @inline(__always)
  init(_ fields: inout EventFields) {
    loop = fields.next()
    seq = fields.next()
    ready = fields.next()
  }
}

/// `poll_begin`.
struct PollBegin: Event {
  static let tag = EventTag.pollBegin
  let loop: UInt64
  let seq: UInt32
  let budget: UInt64

  @inline(__always)
  init(_ fields: inout EventFields) {
    loop = fields.next()
    seq = fields.next()
    budget = fields.next()
  }
}

/// `poll_end`.
struct PollEnd: Event {
  static let tag = EventTag.pollEnd
  let loop: UInt64
  let seq: UInt32
  let outcome: UInt64

  @inline(__always)
  init(_ fields: inout EventFields) {
    loop = fields.next()
    seq = fields.next()
    outcome = fields.next()
  }
}

/// `handler_begin`.
struct HandlerBegin: Event {
  static let tag = EventTag.handlerBegin
  let loop: UInt64
  let seq: UInt32
  let source: UInt64
  let device: UInt64
  let queue: UInt64

  @inline(__always)
  init(_ fields: inout EventFields) {
    loop = fields.next()
    seq = fields.next()
    source = fields.next()
    device = fields.next()
    queue = fields.next()
  }
}

/// `handler_end`.
struct HandlerEnd: Event {
  static let tag = EventTag.handlerEnd
  let loop: UInt64
  let seq: UInt32
  let source: UInt64
  let device: UInt64
  let queue: UInt64

  @inline(__always)
  init(_ fields: inout EventFields) {
    loop = fields.next()
    seq = fields.next()
    source = fields.next()
    device = fields.next()
    queue = fields.next()
  }
}

/// `ioeventfd_signal`.
struct IoeventfdSignal: Event {
  static let tag = EventTag.ioeventfdSignal
  let loop: UInt64
  let seq: UInt32
  let device: UInt64
  let queue: UInt64
  let counter: UInt64

  @inline(__always)
  init(_ fields: inout EventFields) {
    loop = fields.next()
    seq = fields.next()
    device = fields.next()
    queue = fields.next()
    counter = fields.next()
  }
}
