import Boot
import Devices
import GuestRAM
import Platform

/// ACPI's sleep state S3 (ACPI 6.4, section 16.1.3): RAM, the real-time clock and the power management registers are kept, all else
/// loses its state, and is found by the operating system as firmware leaves it. The main thread does this, while every vCPU waits at a checkpoint.
extension Machine {
  /// Takes the devices' state. What they had under way is not completed any more.
  ///
  /// - Throws: where the guest is none that could have been told how to sleep.
  func fallAsleep() throws(MachineError) {
    guard plan.firmwareControl != nil else {
      throw MachineError(
        "the guest went to sleep (SLP_TYP 1), and has no ACPI tables to say where it wakes up: flat images can only switch off (SLP_TYP 5)"
      )
    }
    for loop in loops { loop.pause() }
    defer { for loop in loops { loop.resume() } }
    kicks?.drain()
    for (slot, device) in zip(devices.layout.slots, devices.devices) {
      switch slot.kind {
      case .clock, .powerEvents, .powerOff: continue
      default: device.reset()
      }
    }
  }

  /// How long to wait before looking again, milliseconds; nil: it is time to wake up.
  ///
  /// - Throws: where nothing will ever wake the machine up.
  func timeAsleep() throws(MachineError) -> CInt? {
    let (clock, _) = devices.device(.clock, as: RealTimeClock.self)
    let context = ThreadContext(kind: .main, id: 0)
    // Whoever runs the loop that waits for the clock may be a vCPU's thread, which waits itself.
    var moment: Int64?
    dispatcher.withLock(of: clock, by: context) {
      clock.timerExpired(by: context)
      moment = clock.alarmMoment()
    }
    if powerEvents.hasWakeEvent { return nil }
    guard let moment, powerEvents.isAlarmEnabled else {
      throw MachineError(
        "the guest went to sleep (SLP_TYP 1), and nothing can wake it up: neither RTC_EN in PM1's enable register and an alarm of the "
          + "real-time clock, nor anything else")
    }
    let (span, overflow) = moment.subtractingReportingOverflow(Int64(truncatingIfNeeded: Clock.realtime))
    // The host's clock may be set meanwhile, which only a look tells here.
    return overflow ? 1000 : CInt(min(max(1, span / 1_000_000 + 1), 1000))
  }

  /// Enters the guest where it said that it wants to wake up.
  func wakeUp() throws(MachineError) {
    try resetProcessors()
    powerEvents.wake(by: ThreadContext(kind: .main, id: 0))
    guard let control = plan.firmwareControl else { return }
    do {
      try enter(try BootPlan.Entry(wakingWith: control, in: memory))
    } catch let error as MachineError {
      throw error
    } catch {
      throw MachineError("waking the guest up", error)
    }
  }
}
