import Glibc
import Platform
import TestSupport
import Testing

@testable import Machine

/// How the host treats threads, as proc(5) tells while the guest runs.
@Suite("Scheduling and control groups of threads", .needsEngine)
struct PlacementTests {
  /// What a file of a thread's directory in /proc says while the guest runs.
  private final class Found: @unchecked Sendable {
    var texts: [String: String] = [:]
  }

  /// Runs a guest that spins, and reads a file of each thread's.
  private func look(
    at file: String, _ names: [String], _ change: (inout MachineConfiguration) -> Void
  ) throws -> [String: String] {
    let machine = try TestGuest.spin.machine(change)
    let (control, found) = (machine.control, Found())
    let loop = machine.loops[0]
    let vcpu = machine.vcpus[0]
    let watcher = try DedicatedThread(name: "watcher") {
      usleep(100_000)
      for name in names {
        let number =
          name == "watch" ? loop.watchNumber ?? 0 : name == "vcpu0" ? vcpu.thread.number : loop.thread.number
        found.texts[name] = TextFile.read("/proc/self/task/\(number)/\(file)") ?? ""
      }
      control.end(.quit)
    }
    _ = try machine.run()
    watcher.join()
    return found.texts
  }

  /// Nice value and class: fields 19 and 41 of /proc/PID/stat (proc(5)), the priority of real time 40.
  private func scheduling(_ stat: String?) throws -> [Int] {
    let fields = try #require(stat?.split(separator: ")").last).split(separator: " ")
    return try [16, 37, 38].map { try #require(Int(fields[$0])) }
  }

  @Test("Classes, nice values and priorities")
  func classes() throws {
    let threads: [String: ThreadScheduling] = ["vcpu0": .init(.other, 7), "io0": .init(.batch, 3)]
    let nice = try look(at: "stat", ["vcpu0", "io0"]) { $0.scheduling = threads }
    #expect(try scheduling(nice["vcpu0"]) == [7, 0, 0])
    #expect(try scheduling(nice["io0"]) == [3, 0, 3])
    let idle = try look(at: "stat", ["vcpu0", "io0"]) { $0.scheduling = ["io0": .init(.idle, 0)] }
    #expect(try scheduling(idle["io0"])[2] == 5)
    #expect(try scheduling(idle["vcpu0"])[2] == 0)
    do {
      let real = try look(at: "stat", ["watch", "vcpu0"]) {
        $0.threads = .single
        $0.scheduling = ["watch": .init(.rr, 2)]
      }
      #expect(try scheduling(real["watch"])[1...] == [2, 2])
      #expect(try scheduling(real["vcpu0"])[2] == 0)
    } catch let error as MachineError {
      #expect(error.description.contains("--sched watch=rr:2") && error.description.contains("CAP_SYS_NICE"))
    }
  }

  @Test("Control groups: the process's number or the thread's is written to the group's file")
  func groups() throws {
    // What stands for a group of either version takes what is written to it.
    for file in ["tasks", "cgroup.threads"] {
      try withTemporaryDirectory { directory in
        func group(_ file: String) throws -> (directory: String, file: String) {
          let path = "\(directory)/of-\(file)"
          #expect(mkdir(path, 0o700) == 0)
          try FileDescriptor.open("\(path)/\(file)", O_WRONLY | O_CREAT).close()
          return (path, "\(path)/\(file)")
        }
        let (all, thread) = (try group("cgroup.procs"), try group(file))
        let numbers = try look(at: "status", ["vcpu0", "io0"]) {
          $0.controlGroup = all.directory
          $0.threadControlGroups = ["io0": thread.directory]
        }
        #expect(TextFile.read(all.file) == "\(getpid())\n")
        let number = try #require(TextFile.read(thread.file)).dropLast()
        #expect(try #require(numbers["io0"]).contains("\nPid:\t\(number)\n"))
      }
    }
    // A real one, where this user may make one.
    let root = "/sys/fs/cgroup/cpu"
    let real = "\(root)/exeunt-test-\(getpid())"
    guard access("\(root)/tasks", W_OK) == 0, mkdir(real, 0o755) == 0 else { return }
    defer { rmdir(real) }
    let found = try look(at: "cgroup", ["vcpu0", "io0"]) { $0.threadControlGroups = ["io0": real] }
    #expect(try #require(found["io0"]).contains("/exeunt-test-\(getpid())\n"))
    #expect(try !#require(found["vcpu0"]).contains("/exeunt-test-\(getpid())\n"))
  }

  /// A group with 32 MiB, where this user may make one, of either version.
  private static let smallGroup: String? = {
    for (root, file) in [
      ("/sys/fs/cgroup/memory", "memory.limit_in_bytes"), ("/sys/fs/cgroup", "memory.max"),
    ] {
      let group = "\(root)/exeunt-test-memory-\(getpid())"
      guard mkdir(group, 0o755) == 0 else { continue }
      var text = "\(32 << 20)"
      if let limit = try? FileDescriptor.open("\(group)/\(file)", O_WRONLY),
        (text.withUTF8 { write(limit.raw, $0.baseAddress, $0.count) }) > 0
      {
        return group
      }
      rmdir(group)
    }
    return nil
  }()

  @Test(
    "More RAM than a control group has is refused: of the group that is joined, and of the one that this process is in",
    .enabled(if: smallGroup != nil, "needs the right to make a control group with a memory limit"))
  func memory() throws {
    let group = try #require(PlacementTests.smallGroup)
    // Whoever was in it has ended.
    defer { rmdir(group) }
    let run = ["run", "--guest", "port-io", "iterations=5", "--serial", "none"]
    func refuses(_ outcome: Subprocess.Outcome) {
      #expect(outcome.exitStatus == 2)
      #expect(
        outcome.standardError.contains("the control group \(group) has 32 MiB; choose less"),
        "\(outcome.standardError)")
    }
    refuses(try Exeunt.run(run + ["--cgroup", group]))
    refuses(try Exeunt.run(run + ["--cgroup", "\(group)/."]))
    let shell = try #require(Subprocess.find("sh"))
    func inside(_ arguments: [String]) throws -> Subprocess.Outcome {
      try Subprocess.run(
        shell, ["-c", "echo $$ > \(group)/cgroup.procs; exec \"$@\"", "sh", Exeunt.path] + run + arguments,
        timeout: 60_000)
    }
    // So is it where nothing is run, as a sweep asks before it begins.
    refuses(try Exeunt.run(run + ["--cgroup", group, "--check"]))
    let missing = try Exeunt.run(run + ["--cgroup", "/tmp", "--check"])
    #expect(missing.exitStatus == 2 && missing.standardError.contains("there is no control group"))
    let huge = try Exeunt.run(run + ["--memory", "1000000G", "--check"])
    #expect(huge.exitStatus == 2, "\(huge.standardError)")
    refuses(try inside([]))
    // What it has is enough, but not for all at once.
    let fits = try inside(["--memory", "32M"])
    #expect(fits.exitStatus == 0, "\(fits.standardError)")
    let all = try inside(["--memory", "32M", "--mem-prealloc"])
    #expect(all.exitStatus == 2 && all.standardError.contains("MiB to spare"), "\(all.standardError)")
    // And it is the group's also where the process joins it.
    let joined = try Exeunt.run(run + ["--memory", "16M", "--mem-prealloc", "--cgroup", group])
    #expect(joined.exitStatus == 0, "\(joined.standardError)")
    let peaks = ["memory.max_usage_in_bytes", "memory.peak"].compactMap {
      TextFile.read("\(group)/\($0)", limit: 100).flatMap { Int($0.filter(\.isNumber)) }
    }
    if let peak = peaks.first { #expect(peak >= 16 << 20) }
  }
}
