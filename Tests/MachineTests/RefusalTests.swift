import Testing

@testable import Machine

/// What cannot be built is refused with what was asked for, what is wrong and what to do.
@Suite("Machines that cannot be had", .needsEngine)
struct RefusalTests {
  private func refusal(
    _ parts: [String], image: [UInt8] = [0xf4], sourceLocation: SourceLocation = #_sourceLocation,
    _ change: (inout MachineConfiguration) -> Void
  ) {
    var configuration = MachineConfiguration.ofThisHost
    configuration.serial = .none
    change(&configuration)
    let error = #expect(throws: MachineError.self, sourceLocation: sourceLocation) {
      _ = try Machine(configuration) { _ throws(MachineError) in try configuration.flatPlan(image) }
    }
    let text = error?.description ?? ""
    for part in parts { #expect(text.contains(part), "\(text)", sourceLocation: sourceLocation) }
    #expect(!text.contains("Error("), "Swift's own words", sourceLocation: sourceLocation)
  }

  @Test("Numbers out of range")
  func numbers() {
    for vcpus in [0, -1, 1025, Int.max] { refusal(["--cpus \(vcpus)", "1 to 1024"]) { $0.vcpus = vcpus } }
    for threads in [0, -1, 65, Int.max] { refusal(["--iothreads \(threads)"]) { $0.ioThreads = threads } }
    for memory: UInt64 in [0, 4096, 1 << 20 + 1, .max] { refusal(["--memory"]) { $0.memory = memory } }
    refusal(["--timeout"]) { $0.timeLimit = 0 }
    for interval: UInt64 in [1, 999_999] {
      refusal(["--stats-interval", "1ms"]) { $0.statisticsInterval = interval }
    }
    refusal(["--irqchip kernel or split"]) {
      $0.vcpus = 2
      $0.interruptController = .none
    }
  }

  @Test("Threads and processors that do not exist")
  func pins() {
    refusal(["--pin vcpu1=0", "vcpu0, io0"]) { $0.pins = ["vcpu1": 0] }
    refusal(["--pin vcpu0=4095", "may not run"]) { $0.pins = ["vcpu0": 4095] }
    refusal(["--pin io0=-1"]) { $0.pins = ["io0": -1] }
  }

  @Test("One thread for everything, where there would have to be more")
  func singleThread() {
    refusal(["--threads single", "--cpus 2", "--threads iothread"]) {
      $0.threads = .single
      $0.vcpus = 2
    }
    refusal(["--threads single", "--iothreads"]) {
      $0.threads = .single
      $0.ioThreads = 2
    }
    refusal(["--threads single", "--object iothread"]) {
      $0.threads = .single
      $0.namedIOThreads = ["fast"]
    }
    refusal(["--threads single", "disk0 has iothread=io0", "--threads iothread"]) {
      $0.threads = .single
      $0.disks = [.scratch(bytes: 1 << 20)]
      $0.disks[0].service.ioThreads = ["io0"]
    }
    refusal(["--threads single", "rng0 has iothread=io0"]) {
      $0.threads = .single
      $0.entropy = true
      $0.entropyService.ioThreads = ["io0"]
    }
    refusal(["--threads single", "--iothread-poll"]) {
      $0.threads = .single
      $0.pollBudget = 1000
    }
    refusal(["--threads single", "--poll-max-ns"]) {
      $0.threads = .single
      $0.pollBudget = 1000
      $0.pollAdaptation = .init()
    }
    refusal(["--threads single", "--wait io_uring", "--wait epoll"]) {
      $0.threads = .single
      $0.wait = .ring
    }
    refusal(["--pin io0=0", "vcpu0, watch"]) {
      $0.threads = .single
      $0.pins = ["io0": 0]
    }
    refusal(["--pin watch=0", "vcpu0, io0"]) { $0.pins = ["watch": 0] }
  }

  @Test("Scheduling and control groups of threads that do not exist; groups that are none")
  func placement() throws {
    refusal(["--sched vcpu1=fifo", "vcpu0, io0"]) { $0.scheduling = ["vcpu1": .init(.fifo, 1)] }
    refusal(["--cgroup disk0-0=/x", "vcpu0, io0"]) { $0.threadControlGroups = ["disk0-0": "/x"] }
    for (path, part) in [("/nowhere/at/all", "no control group"), ("/proc", "no control group")] {
      for thread in [nil, "io0"] as [String?] {
        let machine = try TestGuest.spin.machine {
          if let thread { $0.threadControlGroups = [thread: path] } else { $0.controlGroup = path }
        }
        let error = #expect(throws: MachineError.self) { _ = try machine.run() }
        let text = error?.description ?? ""
        #expect(text.contains("--cgroup \(thread.map { $0 + "=" } ?? "")\(path)"), "\(text)")
        #expect(text.contains(part), "\(text)")
      }
    }
  }

  @Test("Images that do not fit")
  func images() {
    let mebibyte = [UInt8](repeating: 0xf4, count: 1 << 20)
    refusal(["does not fit", "1048576 bytes at 0x10000", "--load", "--memory"], image: mebibyte) {
      $0.memory = 1 << 20
    }
    refusal(["does not fit"]) {
      $0.mode = .long
      $0.loadAddress = 64 << 20
    }
    refusal(["does not fit"], image: [0xf4, 0xf4]) {
      $0.mode = .long
      $0.loadAddress = 64 << 20 - 1
      $0.entry = 64 << 20 - 1
    }
    for load: UInt64 in [.max, .max - 1, 3 << 30, 4 << 30, 1 << 63] {
      refusal(["does not fit"], image: [0xf4, 0xf4]) {
        $0.mode = .protected
        $0.loadAddress = load
      }
    }
    refusal(["page tables", "--load"]) {
      $0.mode = .long
      $0.loadAddress = 0x6fff
    }
    refusal(["descriptor table"], image: mebibyte) {
      $0.mode = .protected
      $0.loadAddress = 0
    }
  }

  @Test("Entries out of reach")
  func entries() {
    refusal(["real mode", "--entry"]) { $0.entry = 0x20000 }
    refusal(["real mode", "--entry"]) { $0.entry = 0xffff }
    refusal(["real mode", "--load"]) {
      $0.loadAddress = 1 << 20
      $0.entry = 1 << 20
    }
    for mode in [MachineConfiguration.Mode.real, .protected, .long] {
      for entry: UInt64 in [64 << 20, 3 << 30, 0xffff_fff0, 1 << 32, .max] {
        refusal(["entry", "--entry"]) {
          $0.mode = mode
          $0.entry = entry
        }
      }
    }
    // RAM, but beyond what the mode reaches.
    refusal(["long mode reaches"]) {
      $0.mode = .long
      $0.memory = 4 << 30
      $0.entry = 4 << 30
    }
  }

  @Test("Places that cannot be written")
  func files() {
    refusal(["--serial /nowhere/at/all", "No such file"]) { $0.serial = .file("/nowhere/at/all") }
    // What is named is the option that names the place.
    for (peer, option) in [
      (MachineConfiguration.Port.Peer.client("/nowhere/s"), "--chardev socket,path=/nowhere/s:"),
      (.server("/nowhere/s"), "--chardev socket,path=/nowhere/s,server=on:"),
    ] {
      refusal([option]) {
        $0.serial = .peer(peer)
        $0.serialIsChardev = true
      }
    }
    refusal(["--chardev file,path=/nowhere/f: "]) {
      $0.serial = .file("/nowhere/f")
      $0.serialIsChardev = true
    }
    refusal(["--serial unix:/nowhere/s: "]) { $0.serial = .peer(.client("/nowhere/s")) }
    refusal(["--debugcon /nowhere/f: "]) { $0.debugConsole = .file("/nowhere/f") }
    refusal(["--mem-path /dev/null"]) { $0.memoryPath = "/dev/null" }
    refusal(["--memory", "this host has"]) { $0.memory = 1 << 50 }
  }
}
