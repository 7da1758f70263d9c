import CTracepoints
import Devices
import Platform

/// What an event loop waits for; the raw values are those of `source_kind` in the event catalogue.
enum SourceKind: UInt8 {
  case kick = 0
  case timer = 1
  case serialInput = 2
  case control = 5
  case completion = 6
  case packet = 7
}

/// Turns what an I/O thread's loop does into trace events, and numbers its iterations.
struct LoopTracing: EventLoopObserver {
  /// A source, for the trace.
  struct Label {
    let kind: SourceKind
    let device: DeviceID
    let queue: UInt16
  }

  private(set) var context: ThreadContext

  init(index: Int) { context = ThreadContext(kind: .loop, id: UInt16(index)) }

  func willPoll(budget: UInt32) { exeunt_trace_poll_begin(context.id, context.sequence, budget) }
  func didPoll(ready: Int) { exeunt_trace_poll_end(context.id, context.sequence, ready > 0 ? 0 : 1) }
  func willWait(timeout: CInt) { exeunt_trace_loop_wait(context.id, context.sequence, timeout) }
  func didWait(ready: Int) {
    exeunt_trace_loop_wakeup(context.id, context.sequence, UInt16(truncatingIfNeeded: ready))
  }
  func willHandle(_ label: Label) {
    exeunt_trace_handler_begin(
      context.id, context.sequence, label.kind.rawValue, label.device.rawValue, label.queue)
  }
  func didHandle(_ label: Label) {
    exeunt_trace_handler_end(
      context.id, context.sequence, label.kind.rawValue, label.device.rawValue, label.queue)
  }
  mutating func iterationEnded() { context.advance() }
}
