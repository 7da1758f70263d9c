import Analysis

/// Names of what the models have numbers for. Each text has one number for all that is exported, so that writers encode it once.
package final class ExportNames {
  /// All texts so far, by number.
  private(set) var texts: [String] = []
  private var numbers: [String: Int] = [:]
  private var dump = StateDump()

  // By what they are looked up with; -1: not yet.
  private var reasons = [Int](repeating: -1, count: 256)
  private var kinds = [Int](repeating: -1, count: 256)
  private var mechanisms = [Int](repeating: -1, count: 256)
  private var devices: [Int] = []
  private var categories: [Int] = []
  private var vcpus: [Int] = []
  private var loops: [Int] = []
  private var places: [Place: Int?] = [:]

  private struct Place: Hashable {
    var address: UInt64
    var isMemoryMapped: Bool
  }
  /// Addresses whose device is remembered.
  private static let mostPlaces = 4096

  // Words that every row of a table has one of.
  private var states: [Int] = []
  private var directions: [Int] = []
  private var threadKinds: [Int] = []
  private var ways: [Int] = []
  private var main = 0

  /// Names of a machine.
  package init(_ dump: StateDump = StateDump()) {
    // By category up to the sources'; handlers of vCPUs and of loops come last.
    states = ["unknown", "in_kvm_run", "other", "lock_wait", "asleep", "polling", "dispatch", "handling"]
      .map(number)
    directions = ValueName.direction.map(number)
    threadKinds = ValueName.threadKind.map(number)
    ways = ["wait", "poll"].map(number)
    main = number("main")
    use(dump)
  }

  /// Goes on with another machine.
  func use(_ dump: StateDump) {
    self.dump = dump
    devices = [Int](repeating: -1, count: 256)
    categories = [Int](repeating: -1, count: TimeCategory.count)
    (vcpus, loops, places) = ([], [], [:])
  }

  /// The number of a text.
  func number(_ text: String) -> Int {
    if let known = numbers[text] { return known }
    numbers[text] = texts.count
    texts.append(text)
    return texts.count - 1
  }

  /// The text of a number.
  package func text(_ number: Int) -> String { texts[number] }

  /// - Parameter text: The text of an index that is looked up for the first time.
  @inline(__always)
  private func number(_ index: Int, _ known: inout [Int], _ text: (Int) -> String) -> Int {
    while known.count <= index { known.append(-1) }
    if known[index] < 0 { known[index] = number(text(index)) }
    return known[index]
  }

  private static func named(_ value: Int, _ names: [String], _ otherwise: String) -> String {
    names.indices.contains(value) ? names[value] : "\(otherwise) \(value)"
  }

  // MARK: What is looked up

  package func reason(_ reason: UInt8) -> Int {
    number(Int(reason), &reasons) { ValueName.exitReason(UInt8($0)) }
  }

  /// nil: the access has none.
  package func direction(_ direction: UInt8) -> Int? {
    direction == 1 || direction == 2 ? directions[Int(direction)] : nil
  }

  /// What a lock guards; nil: that is not known.
  package func lock(_ id: Int) -> String? { dump.lockName(id) }

  package func device(_ id: Int) -> Int {
    let dump = dump
    return number(min(max(id, 0), 255), &devices) { dump.deviceName($0) }
  }

  /// The device that an exit goes to; nil: it is no access, or no device is described.
  package func device(of exit: ModelExit) -> Int? {
    guard exit.isAccess, let address = exit.address else { return nil }
    let place = Place(address: address, isMemoryMapped: exit.isMemoryMapped)
    if let known = places[place] { return known }
    let device = dump.device(at: address, isMemoryMapped: place.isMemoryMapped)
    let name = device?.name ?? (dump.devices.isEmpty ? nil : StateDump.unclaimed)
    if places.count >= Self.mostPlaces { places = [:] }
    let found = name.map(number)
    places[place] = .some(found)
    return found
  }

  package func thread(_ thread: ThreadName) -> Int {
    let dump = dump
    return switch thread.kind {
    case .vcpu: number(thread.id, &vcpus) { dump.vcpus[$0]?.name ?? "vcpu\($0)" }
    case .loop: number(thread.id, &loops) { dump.loops[$0]?.name ?? "io\($0)" }
    case .main: main
    }
  }

  func kind(_ thread: ThreadName) -> Int { threadKinds[thread.kind.rawValue] }

  /// Whom a handler is for; nil: the time is not a handler's.
  package func handler(_ category: Int) -> Int? {
    guard category >= TimeCategory.sources else { return nil }
    let dump = dump
    return number(category, &categories) {
      $0 >= TimeCategory.devices
        ? dump.deviceName($0 - TimeCategory.devices)
        : Self.named($0 - TimeCategory.sources, ValueName.sourceKind, "source")
    }
  }

  /// The state of a thread, as `timeline` calls it.
  package func state(_ category: Int, isVcpu: Bool) -> Int {
    states[
      category < TimeCategory.sources ? category : isVcpu ? TimeCategory.sources : TimeCategory.sources + 1]
  }

  package func requestKind(_ kind: Int) -> Int {
    number(min(kind, 255), &kinds) { Self.named($0, ValueName.requestKind, "kind") }
  }

  package func mechanism(_ mechanism: Int) -> Int {
    number(min(mechanism, 255), &mechanisms) { Self.named($0, ValueName.mechanism, "mechanism") }
  }

  /// What a wakeup comes after.
  func after(isPoll: Bool) -> Int { ways[isPoll ? 1 : 0] }
}
