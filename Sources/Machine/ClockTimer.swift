import Devices
import Platform

/// What calls the real-time clock when its next interrupt is due: a timer that an I/O thread waits for.
final class ClockTimer: DeviceTimer {
  private let timer: MomentTimer

  init() throws(MachineError) {
    do {
      timer = try MomentTimer()
    } catch {
      throw MachineError("timerfd for the real-time clock", error)
    }
  }

  func set(_ moment: Int64?) { timer.set(moment) }

  /// Has a loop wait for the timer. Before the loop's thread starts.
  func attach(_ clock: RealTimeClock, to loop: IOThread, dispatcher: Dispatcher) throws(MachineError) {
    do {
      try loop.add(
        .init(kind: .timer, device: clock.id, queue: 0, descriptor: timer.descriptor.raw) {
          [unowned self] context, _ in
          timer.consume()
          dispatcher.withDevice(clock, offset: 0, by: context) { clock.timerExpired(by: context) }
        })
    } catch {
      throw MachineError("waiting for the real-time clock's timer", error)
    }
  }
}
