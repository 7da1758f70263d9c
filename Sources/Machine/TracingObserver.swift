import CTracepoints
import Devices
import Synchronization

/// Turns what devices tell into trace events.
final class TracingObserver: DeviceObserver {
  /// Reads the guest's time stamp counter of a vCPU, on that vCPU's own thread.
  private let guestTimeStampCounter: Mutex<(@Sendable (UInt16) -> UInt64)?> = Mutex(nil)

  /// Says how a vCPU's time stamp counter is read, once there are vCPUs.
  func setGuestClock(_ read: @escaping @Sendable (UInt16) -> UInt64) {
    guestTimeStampCounter.withLock { $0 = read }
  }

  var wantsKickStamps: Bool { exeunt_kick_stamps_wanted() != 0 }

  func kicked(_ device: DeviceID, queue: UInt16, by thread: ThreadContext) {
    exeunt_trace_queue_kicked(thread.kind.rawValue, thread.id, thread.sequence, device.rawValue, queue)
  }

  func requestBegan(_ request: DeviceRequest, bytes: UInt32, by thread: ThreadContext) {
    exeunt_trace_request_begin(
      thread.kind.rawValue, thread.id, thread.sequence, request.device.rawValue, request.queue, request.id,
      request.kind.rawValue, bytes)
  }

  func requestEnded(_ request: DeviceRequest, status: UInt8, by thread: ThreadContext) {
    exeunt_trace_request_end(
      thread.kind.rawValue, thread.id, thread.sequence, request.device.rawValue, request.queue, request.id,
      status)
  }

  func backendSubmitted(
    _ request: DeviceRequest, _ work: BackendWork, bytes: UInt32, by thread: ThreadContext
  ) {
    exeunt_trace_backend_submit(
      thread.kind.rawValue, thread.id, thread.sequence, request.device.rawValue, request.queue, request.id,
      work.rawValue, bytes)
  }

  func backendCompleted(_ request: DeviceRequest, status: UInt16, by thread: ThreadContext) {
    exeunt_trace_backend_complete(
      thread.kind.rawValue, thread.id, thread.sequence, request.device.rawValue, request.queue, request.id,
      status)
  }

  func kickStamp(_ request: DeviceRequest, timeStampCounter: UInt64, by thread: ThreadContext) {
    exeunt_trace_guest_kick_stamp(
      thread.kind.rawValue, thread.id, thread.sequence, request.device.rawValue, request.queue, request.id,
      timeStampCounter)
  }

  func mark(_ value: UInt32, by thread: ThreadContext) {
    guard thread.kind == .vcpu else { return }
    let read = guestTimeStampCounter.withLock { $0 }
    exeunt_trace_guest_mark(thread.id, thread.sequence, value, read?(thread.id) ?? 0)
  }
}
