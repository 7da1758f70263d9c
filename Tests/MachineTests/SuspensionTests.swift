import CTestGuests
import Foundation
import Platform
import TestSupport
import Testing

/// ACPI's S3, by kernels of ours.
@Suite("Sleep, and waking up", .needsEngine)
struct SuspensionTests {
  private func run(_ image: exeunt_test_image, _ options: [String]) throws -> Subprocess.Outcome {
    let bytes = Array(UnsafeRawBufferPointer(start: image.bytes, count: Int(image.length)))
    return try withTemporaryDirectory { directory in
      let path = "\(directory)/sleep"
      let file = KernelFiles.elf(
        is64Bit: false, entry: 0x10_0020, [.init(at: 0x10_0000, bytes, memorySize: 0x1_0000)])
      try Data(file).write(to: URL(filePath: path))
      return try Exeunt.run(["run", "--kernel", path] + options, timeout: 120_000)
    }
  }

  @Test(
    "The alarm interrupts; it wakes the machine up, in real mode and in protected mode; RAM, clock and events are kept, and nothing else",
    arguments: [
      ["--irqchip", "kernel"], ["--irqchip", "split"], ["--irqchip", "kernel", "--cpus", "3"],
      ["--irqchip", "split", "--cpus", "2", "--lock", "global"],
      ["--threads", "single", "--lock", "none-needed"],
    ])
  func wakes(options: [String]) throws {
    let outcome = try run(exeunt_test_image_multiboot_sleep(), options + ["--timeout", "60s"])
    #expect(outcome.exitStatus == 7, "\(outcome.standardError)")
    #expect(outcome.standardError.contains("slept 2 times"), "\(outcome.standardError)")
  }

  @Test(
    "A sleep that nothing ends, or that ends nowhere, ends the run with what is missing",
    arguments: [
      ("0", "nothing can wake it up"), ("1", "nothing can wake it up"), ("2", "no waking vector"),
      ("3", "0x100000, which real mode does not reach"),
      ("4", "0x100000000, which 32-bit code does not reach"),
    ])
  func refused(digit: String, says: String) throws {
    let outcome = try run(exeunt_test_image_multiboot_sleepless(), ["--append", digit])
    #expect(outcome.exitStatus == 4, "\(outcome.standardError)")
    #expect(outcome.standardError.contains(says), "\(outcome.standardError)")
  }

  @Test("The time limit ends a run that sleeps", arguments: [[], ["--threads", "single"]])
  func timeLimit(options: [String]) throws {
    let outcome = try run(
      exeunt_test_image_multiboot_sleepless(), ["--append", "5", "--timeout", "2s"] + options)
    #expect(outcome.exitStatus == 6, "\(outcome.standardError)")
    #expect(outcome.standardError.contains("still running after 2 s"), "\(outcome.standardError)")
  }

  @Test("A flat image has not been told how to sleep")
  func flat() throws {
    // mov $0x604, %dx; mov $0x2400, %ax; out %ax, %dx; hlt
    let outcome = try withTemporaryDirectory { directory in
      let path = "\(directory)/flat"
      try Data([0xba, 0x04, 0x06, 0xb8, 0x00, 0x24, 0xef, 0xf4]).write(to: URL(filePath: path))
      return try Exeunt.run(["run", "--flat", path, "--mode", "real"])
    }
    #expect(outcome.exitStatus == 4)
    #expect(outcome.standardError.contains("has no ACPI tables"), "\(outcome.standardError)")
  }
}
