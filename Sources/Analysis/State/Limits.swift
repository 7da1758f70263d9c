/// Bounds on what a trace can make the analyzer remember. They are part of the meaning of a report: slices of
/// a trace merge exactly because every cap depends on ids and keys only, never on the order or place of a
/// cut.
enum Limits {
  /// vCPUs with ids below it are analysed, as many as KVM allows in a machine; events of others are counted as
  /// `unanalysed`. Each takes memory only when it has events.
  static let vcpus = 4096
  /// Loops with ids below it are analysed.
  static let loops = 128
  /// Devices with ids below it are told apart; the others share one bucket.
  static let devices = 255
  /// Kinds of exits (reason, direction, address) with a row of their own.
  static let sites = 1024
  /// Places in the guest, with the kinds of exits from each, with a row of their own.
  static let instructions = 4096
  /// Path kinds (thread kind, device, queue) with a row of their own.
  static let paths = 256
  /// Locks with a row of their own.
  static let locks = 256
  /// Queues of devices with a row of their own.
  static let queues = 256
  /// Requests in flight that are told apart: more count as so many.
  static let depths = 1024
  /// Begins and ends of requests without a `queue_published` between, after which nobody knows how many are in flight.
  static let depthEvents = 4096
  /// Queues that guests broke, by what they did.
  static let brokenQueues = 256
  /// Traces, read together, whose event totals are told apart.
  static let runs = 64
  /// Processes that are told apart in a trace.
  static let processes = 16
  /// Guest marks kept, the earliest ones.
  static let marks = 256
  /// Consecutive lock events of one thread, with no other event between, after which its state counts as
  /// unknown.
  static let lockRun = 256
  /// Entries of one kind in the state dump, the earliest ones.
  static let dumpEntries = 1024
  /// Bytes of a name in the state dump.
  static let nameBytes = 256
  /// Bytes of the configuration in the state dump.
  static let configurationBytes = 1 << 16
  /// Times between readings of one thread that are kept, those with the longest waits for a CPU.
  static let spells = 256
  /// Counters of KVM beside those of `kvm_stats`, by their place in the kernel's table.
  static let counters = 96
  /// Values of one of them.
  static let counterElements = 32
  /// Machines whose recordings one state holds.
  static let machines = 1024
  /// Requests followed at once. Their ids are told apart by device and queue; when so many others have had events since a
  /// request's last one, it counts as one without end.
  static let openRequests = 8192
}
