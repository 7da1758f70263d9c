import Analysis
import Export

/// What things on a timeline are, by number: of each what it is called, and how it is drawn.
struct TimelineKeys {
  /// How things are drawn: a name that the page's script and style know.
  enum Look: String {
    case unknown, guest, other, lock, asleep, polling, device, exit, wakeup, request, host, interrupt, mark
  }

  struct Key: Hashable {
    var label: String
    var look: Look
    /// Of what has colours of its own by device or kind, which one, from 0.
    var hue = 0
  }

  /// What exits have in common, so that each has one number only.
  struct Site: Hashable {
    var key: Int
    var address: UInt64?
    var size: UInt64
    var count: UInt64
    /// Each exit has its address, size and count itself, as there are too many to number.
    var isRaw = false
  }

  /// Sites that have numbers.
  private static let mostSites = 1 << 16

  private(set) var all: [Key] = []
  private(set) var sites: [Site] = []
  private var numbers: [Key: Int] = [:]
  private var siteNumbers: [Site: Int] = [:]
  private var hues: [Int: Int] = [:]
  private var categories: [Int: Int] = [:]
  private var kinds: [Int: Int] = [:]
  let names: ExportNames

  /// What vCPUs' threads are in while their guests run.
  let guestRun: String

  init(_ machine: StateDump) {
    names = ExportNames(machine)
    guestRun = machine.guestRun
  }

  private mutating func number(_ label: String, _ look: Look, _ hue: Int = 0) -> Int {
    let key = Key(label: label, look: look, hue: hue)
    if let known = numbers[key] { return known }
    numbers[key] = all.count
    all.append(key)
    return all.count - 1
  }

  /// A colour for each name that is looked up, as long as there are some.
  private mutating func hue(_ name: Int) -> Int {
    if let known = hues[name] { return known }
    hues[name] = hues.count
    return hues.count - 1
  }

  func device(_ id: Int) -> String { names.text(names.device(id)) }
  func thread(_ thread: ThreadName) -> String { names.text(names.thread(thread)) }

  // MARK: What there is

  @inline(__always)
  mutating func state(_ interval: StateInterval) -> Int {
    let isVcpu = interval.thread.kind == .vcpu
    let lock = interval.category == TimeCategory.lock ? Int(min(interval.lock ?? 0xfffe, 0xfffe)) + 1 : 0
    let place = (interval.category << 17 | lock) << 1 | (isVcpu ? 1 : 0)
    if let known = categories[place] { return known }
    let made = makeState(interval, isVcpu)
    categories[place] = made
    return made
  }

  private mutating func makeState(_ interval: StateInterval, _ isVcpu: Bool) -> Int {
    if let handler = names.handler(interval.category) {
      return number(names.text(handler), .device, hue(handler))
    }
    return switch interval.category {
    case TimeCategory.inKvmRun: number("in \(guestRun)", .guest)
    case TimeCategory.other: number("other userspace", .other)
    case TimeCategory.lock:
      number(
        "waiting for a lock"
          + (interval.lock.flatMap { names.lock(Int(min($0, 0xffff))) }.map { ": \($0)" } ?? ""), .lock)
    case TimeCategory.asleep: number("asleep", .asleep)
    case TimeCategory.polling: number("polling", .polling)
    default: number("unknown", .unknown)
    }
  }

  /// - Returns: The number of its site, and whether it is one that does not say where.
  @inline(__always)
  mutating func site(_ exit: ModelExit) -> (number: Int, isRaw: Bool) {
    let key = kind(of: exit)
    let site = Site(key: key, address: exit.address, size: exit.size, count: exit.count)
    if let known = siteNumbers[site] { return (known, false) }
    let isRaw = sites.count >= Self.mostSites
    let made = isRaw ? Site(key: key, address: nil, size: 0, count: 0, isRaw: true) : site
    if let known = siteNumbers[made] { return (known, isRaw) }
    siteNumbers[made] = sites.count
    sites.append(made)
    return (sites.count - 1, isRaw)
  }

  private mutating func kind(of exit: ModelExit) -> Int {
    let (reason, direction, device) = (
      names.reason(exit.reason), names.direction(exit.direction), names.device(of: exit)
    )
    // Names are fewer than 2^20: the bounds of what is told apart see to that.
    let place = reason << 40 | ((direction ?? -1) + 1) << 20 | ((device ?? -1) + 1)
    if let known = kinds[place] { return known }
    let texts = [reason, direction, device].compactMap { $0.map(names.text) }
    let made = number(texts.joined(separator: " "), .exit, hue(device ?? reason))
    kinds[place] = made
    return made
  }

  func key(ofSite number: Int) -> Int { sites[number].key }

  mutating func wakeup(isPoll: Bool) -> Int { number(isPoll ? "poll" : "wakeup", .wakeup) }

  /// - Returns: A request's, and that of the part of it in which the host worked.
  mutating func request(_ kind: Int) -> (whole: Int, host: Int) {
    let label = names.text(names.requestKind(kind))
    return (number(label, .request, kind), number("\(label) in the host", .host, kind))
  }

  mutating func interrupt(_ mechanism: Int) -> Int {
    number(names.text(names.mechanism(mechanism)), .interrupt)
  }

  mutating func mark() -> Int { number("mark", .mark) }
  mutating func missing() -> Int { number("events missing", .unknown) }
}
