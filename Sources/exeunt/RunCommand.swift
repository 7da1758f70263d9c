import ArgumentParser
import Glibc
import GuestPrograms
import Machine
import Platform
import Recorder

/// `exeunt run`: run a guest, and record it where that is asked for.
struct RunCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run",
    abstract: "Run a guest; with --trace, record every exit to userspace.",
    discussion: """
      The exit status is the guest's own: (value << 1) | 1 where it wrote a value to the debug exit port 0xf4, 0 \
      after an orderly power-off, or a reset with --on-reboot exit. Otherwise: 2 where nothing was run (a mistaken \
      argument, something that this host lacks), 4 where the guest crashed, 6 where --timeout ended it, 8 where it ended \
      well, but its output (--serial, --debugcon, --chardev) or --result could not be written, 128 + n for signal n.

      A kernel with a multiboot header is entered by that protocol; another (bzImage, vmlinux) by the first of PVH and \
      Linux's 64-bit and 32-bit protocols that it offers; a file that is none of these is a flat image.

      With a kernel or a flat image, the serial port reads standard input; on a terminal, Control-A x quits.

      EXAMPLES:
        exeunt run --guest port-io iterations=100000
        exeunt run --guest doorbell iterations=10000 wait=interrupt --trace run1
        exeunt run --guest blk depth=32 wait=interrupt --trace run2
        exeunt run --guest smp --cpus 2 --ioeventfd off --pin vcpu0=0,vcpu1=1
        exeunt run --kernel vmlinux --initrd initrd --append 'console=ttyS0' --trace boot
        exeunt run --kernel vmexit.flat --append 'vmexit.flat cpuid' --memory 128M
        exeunt run --flat kernel.bin --mode long --memory 256M --timeout 10s
      """)

  @OptionGroup(title: "Guest") var guest: GuestOptions
  @OptionGroup(title: "Machine") var machine: MachineOptions
  @OptionGroup(title: "Recording") var recording: RecordingFlags

  @Option(
    help: ArgumentHelp("Write what the run did, as JSON, to a file.", valueName: "file"),
    completion: .file())
  var result: String?

  @Flag(help: "Only check the arguments, the guest's files and that KVM is there; run and write nothing.")
  var check = false

  func validate() throws {
    try guest.validate()
  }

  func run() throws {
    var configuration = try machine.configuration()
    let selection: GuestSelection
    do {
      selection = try guest.select(&configuration)
    } catch {
      throw ValidationError("\(error)")
    }
    try OutputFiles(configuration, guest: guest, result: result).check()
    do {
      try Machine.check(configuration)
    } catch {
      Diagnostics.report(error.description)
      Glibc.exit(2)
    }
    if check { return }
    // Of a run that is refused this would be the first thing told, and the least.
    if let notice = machine.engine.notice(for: machine.arch) { Diagnostics.report(notice) }
    let results = try result.map(ResultFile.init)
    EndingSignals.announce()
    // First of all: it changes the environment, for which there must be no other thread.
    let session = try startRecording()
    if session == nil, recording.attachable == .on { makeAttachable() }
    let status: Int32
    do {
      let run = try TimedRun(configuration, selection, session) { () throws(MachineError) in
        try results?.begin()
      }
      // Stopped before anything is printed, so that the reader of the last line finds a finished trace.
      let recorded = session?.stop(emitted: run.summary.eventsEmitted)
      RunReport(run, selection: selection, recorded: recorded).print()
      let isWritten = try results?.write(RunResult(run, selection: selection, recorded: recorded)) ?? true
      // How the guest ended says more.
      status = run.summary.exitStatus == 0 && !isWritten ? RunOutcome.unwritten : run.summary.exitStatus
    } catch let error as MachineError {
      session?.discard()
      results?.withdraw()
      Diagnostics.report(error.description)
      status = 2
    }
    Glibc.exit(status)
  }

  /// Has LTTng-UST register with the session daemons that run. The run goes on without where that is not possible.
  private func makeAttachable() {
    if let daemon = RegistrationWait.limit() {
      Diagnostics.report(
        "LTTng's session daemon, process \(daemon), is stopped: the run does not wait for it")
    }
    let begin = Clock.monotonic
    if let reason = Tracing.load() {
      Diagnostics.report("nobody can attach to this run: LTTng-UST cannot be loaded: \(reason)")
    }
    let seconds = Double(Clock.monotonic - begin) / 1e9
    if seconds >= 2 {
      Diagnostics.report(
        "LTTng's session daemon did not answer for \(Int(seconds.rounded())) s; --attachable off does without it"
      )
    }
  }

  private func startRecording() throws -> Recording? {
    guard let directory = recording.trace else { return nil }
    var options = RecordingOptions(directory: directory)
    options.subbufferSize = recording.traceSubbufSize.map { Int(clamping: $0.bytes) }
    options.subbufferCount = recording.traceSubbufs
    options.limit = recording.traceLimit?.bytes
    do {
      let session = try Recording.start(options, register: Tracing.load) { Tracing.isEnabled }
      for warning in session.warnings { Diagnostics.report(warning) }
      return session
    } catch {
      Diagnostics.report("\(error)")
      throw ExitCode(2)
    }
  }
}

/// What a trace may have, or a file.
struct SizeLimit: ExpressibleByArgument {
  /// 0: there is no limit.
  let bytes: UInt64

  init?(argument: String) {
    if argument == "none" {
      bytes = 0
      return
    }
    guard let size = ByteCount(argument: argument), size.bytes > 0 else { return nil }
    bytes = size.bytes
  }
}

/// Whether other programs can record a run.
enum Attachability: String, CaseIterable, ExpressibleByArgument {
  case on, off
}

/// What `--trace` and its kin say.
struct RecordingFlags: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Record every event into a new directory; starts a session daemon if none runs.", valueName: "directory"
    ),
    completion: .directory)
  var trace: String?

  @Option(
    help: ArgumentHelp(
      """
      What the trace may have, such as 4G, or none: then the run goes on, and what is left out is counted. By default half of \
      what is free on its file system, 256M to 32G.
      """, valueName: "size"))
  var traceLimit: SizeLimit?

  @Option(
    help: """
      Whether lttng can record this run from outside, now or later; off saves two threads, and what a session daemon takes to \
      answer. With --trace it always can.
      """)
  var attachable = Attachability.on

  @Option(help: ArgumentHelp("Bytes of a sub-buffer, a power of two, such as 4M.", valueName: "size"))
  var traceSubbufSize: ByteCount?

  @Option(help: ArgumentHelp("Sub-buffers for each CPU, a power of two.", valueName: "n"))
  var traceSubbufs: Int?

  func validate() throws {
    if trace == nil, traceSubbufSize != nil || traceSubbufs != nil || traceLimit != nil {
      throw ValidationError("--trace-subbuf-size, --trace-subbufs and --trace-limit go with --trace")
    }
  }
}
