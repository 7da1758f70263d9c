import CTestGuests
import Glibc
import GuestPrograms
import Testing

@testable import Machine

/// A flat test guest with the mode that it is written for.
struct TestGuest: Sendable {
  let mode: MachineConfiguration.Mode
  let bytes: [UInt8]

  private init(_ mode: MachineConfiguration.Mode, _ image: exeunt_test_image) {
    self.mode = mode
    bytes = Array(UnsafeRawBufferPointer(start: image.bytes, count: Int(image.length)))
  }

  static let spin = TestGuest(.real, exeunt_test_image_spin())
  static let halt = TestGuest(.real, exeunt_test_image_halt())
  static let resets = TestGuest(.real, exeunt_test_image_resets())
  static let resetsSlowly = TestGuest(.real, exeunt_test_image_resets_slowly())
  static let kickAll = TestGuest(.real, exeunt_test_image_kick_all())
  static let wrongQueues = TestGuest(.real, exeunt_test_image_wrong_queues())
  static let nobody = TestGuest(.real, exeunt_test_image_nobody())
  static let echoPolling = TestGuest(.real, exeunt_test_image_echo_polling())
  static let echoInterrupts = TestGuest(.real, exeunt_test_image_echo_interrupts())
  static let serialFlood = TestGuest(.real, exeunt_test_image_serial_flood())
  static let entryReal = TestGuest(.real, exeunt_test_image_entry_real())
  static let undefined = TestGuest(.protected, exeunt_test_image_undefined())
  static let vmcall = TestGuest(.protected, exeunt_test_image_vmcall())
  static let nowhere = TestGuest(.protected, exeunt_test_image_nowhere())
  static let breakpoints = TestGuest(.protected, exeunt_test_image_breakpoints())
  static let scan = TestGuest(.protected, exeunt_test_image_scan())
  static let resetUnderLoad = TestGuest(.protected, exeunt_test_image_reset_under_load())
  static let walk = TestGuest(.protected, exeunt_test_image_walk())
  static let ringWalk = TestGuest(.protected, exeunt_test_image_ring_walk())
  static let entryProtected = TestGuest(.protected, exeunt_test_image_entry_protected())
  static let clockInterrupts = TestGuest(.protected, exeunt_test_image_clock_interrupts())
  static let hole = TestGuest(.long, exeunt_test_image_hole())
  static let entryLong = TestGuest(.long, exeunt_test_image_entry_long())
  static let mended = TestGuest(.long, exeunt_test_image_mended())
  static let taskPriority = TestGuest(.long, exeunt_test_image_task_priority())
  static let mediaControl = [
    TestGuest(.real, exeunt_test_image_media_control_real()),
    TestGuest(.protected, exeunt_test_image_media_control_protected()),
    TestGuest(.long, exeunt_test_image_media_control()),
  ]
  static let crashTwice = TestGuest(.long, exeunt_test_image_crash_twice())
  static let idle = TestGuest(.real, exeunt_test_image_idle())
  static let unmapped = TestGuest(.long, exeunt_test_image_unmapped())

  /// A machine that would run it, in this process. Thirty seconds are plenty for each of them.
  func machine(_ change: (inout MachineConfiguration) -> Void = { _ in }) throws -> Machine {
    var configuration = MachineConfiguration.ofThisHost
    configuration.mode = mode
    configuration.serial = .none
    configuration.timeLimit = 30_000_000_000
    change(&configuration)
    return try Machine(configuration) { _ throws(MachineError) in try configuration.flatPlan(bytes) }
  }

  /// Runs it in this process.
  func run(_ change: (inout MachineConfiguration) -> Void = { _ in }) throws -> RunSummary {
    try machine(change).run()
  }
}

extension RunOutcome {
  var crashText: String? { if case .crashed(let text) = self { text } else { nil } }
  var timeoutText: String? { if case .timedOut(let text) = self { text } else { nil } }
}
