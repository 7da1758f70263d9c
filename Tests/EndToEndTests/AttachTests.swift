import Foundation
import TestSupport
import Testing

@Suite("Tracing a machine that is already running", .enabled(if: Tools.canRecord))
struct AttachTests {
  @Test("lttng by hand gets the state dump within two seconds, though the guest never leaves to the monitor")
  func attach() throws {
    let directory = try TemporaryDirectory()
    let output = try runBesideDaemon(
      directory,
      """
      "$1" run --guest timer iterations=4000 --serial none &
      sleep 0.7
      lttng create attached --output="$2/trace" >/dev/null
      lttng enable-channel --userspace events >/dev/null
      lttng enable-event --userspace --channel=events 'exeunt:*' >/dev/null
      lttng start >/dev/null
      sleep 2
      kill -0 $! && echo still-running
      lttng stop >/dev/null
      lttng destroy >/dev/null
      kill -INT $!
      wait $!
      """)
    #expect(output.text.contains("still-running"), "\(output.text)\(output.standardError)")
    let events = try run(
      try #require(Tools.find("babeltrace2")), [directory.url.appendingPathComponent("trace").path])
    for name in [
      "vm_info", "vcpu_info", "loop_info", "device_info", "ioeventfd_info", "clock_sync", "kvm_stats",
    ] {
      #expect(
        events.text.contains(" exeunt:\(name):"), "\(name) is missing from \(events.lines.count) events")
    }
    withExtendedLifetime(directory) {}
  }

  @Test("without a session daemon nothing is waited for")
  func untraced() throws {
    let start = ContinuousClock.now
    let output = try run(Tools.exeunt, ["run", "--guest", "port-io", "iterations=1", "--serial", "none"])
    #expect(output.status == 0)
    #expect(ContinuousClock.now - start < .seconds(2))
  }
}
