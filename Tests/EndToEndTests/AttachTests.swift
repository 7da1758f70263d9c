import Foundation
import TestSupport
import Testing

@Suite("Tracing a machine that is already running", .needsEngine, .needsTracing)
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
      "vm_info", "vcpu_info", "loop_info", "device_info", "ioeventfd_info", "clock_sync",
    ] + (HostEngine.hasKVM ? ["kvm_stats"] : []) {
      #expect(
        events.text.contains(" exeunt:\(name):"), "\(name) is missing from \(events.lines.count) events")
    }
    withExtendedLifetime(directory) {}
  }

  @Test("a session daemon that is stopped delays nobody, though it would be waited for for ever")
  func stopped() throws {
    let directory = try TemporaryDirectory()
    let output = try runBesideDaemon(
      directory,
      """
      daemon=$(cat $run/lttng-sessiond.pid)
      kill -STOP $daemon
      until grep -q '^State:.*T' /proc/$daemon/status; do sleep 0.01; done
      export LTTNG_UST_REGISTER_TIMEOUT=-1
      for option in '' '--attachable off'; do
        timeout -s KILL 60 "$1" run --guest port-io iterations=10 --serial none $option
        echo run $?
      done
      timeout -s KILL 60 "$1" guests >/dev/null
      echo guests $?
      kill -CONT $daemon
      """)
    #expect(output.lines.filter { $0 == "run 0" }.count == 2, "\(output.text)\(output.standardError)")
    #expect(output.lines.contains("guests 0"), "\(output.text)\(output.standardError)")
    let told = output.standardError.split(separator: "\n").filter {
      $0.contains("is stopped: the run does not wait")
    }
    #expect(told.count == 1, "\(output.standardError)")
  }

  @Test(
    "LTTng's library and its threads are there where somebody may attach, and nowhere else",
    arguments: [true, false])
  func threads(isAttachable: Bool) throws {
    let directory = try TemporaryDirectory()
    let output = try runBesideDaemon(
      directory,
      """
      "$1" run --guest timer iterations=1000000 --serial none \(isAttachable ? "" : "--attachable off") &
      vmm=$!
      until grep -qx vcpu0 /proc/$vmm/task/*/comm; do kill -0 $vmm || break; sleep 0.01; done
      cat /proc/$vmm/task/*/comm
      grep -o 'liblttng-ust[.]so.*' /proc/$vmm/maps | sort -u
      lttng list --userspace | grep 'Name: .*exeunt'
      kill -KILL $vmm
      """)
    #expect(output.lines.contains("vcpu0"), "\(output.text)\(output.standardError)")
    #expect(output.lines.contains { $0.hasSuffix("-ust") } == isAttachable, "\(output.text)")
    #expect(output.lines.contains { $0.hasPrefix("liblttng-ust.so") } == isAttachable, "\(output.text)")
    #expect(output.lines.contains { $0.contains("Name: ") } == isAttachable, "\(output.text)")
  }
}
