import Spelling

/// Why a guest cannot be run as asked. Each description says what was asked, what is wrong and what to do.
package enum GuestError: Error, Equatable, CustomStringConvertible {
  /// There is no built-in guest of this name.
  case unknownGuest(String, known: [String])
  /// The guest is not there for this architecture.
  case notCompiled(guest: String, architecture: String, known: [String])
  /// A guest setting is not of the form `name=value`.
  case notASetting(String)
  /// The guest has no such parameter.
  case unknownParameter(guest: String, parameter: String, known: [String])
  /// The parameter is given more than once.
  case givenTwice(guest: String, parameter: String)
  /// The parameter does not take this value.
  case badValue(guest: String, parameter: String, value: String, allowed: String)
  /// The machine has fewer vCPUs than the guest needs.
  case tooFewVcpus(guest: String, needed: Int, given: Int)
  /// The machine has more vCPUs than a built-in guest can drive.
  case tooManyVcpus(guest: String, limit: Int, given: Int)
  /// The machine has fewer doorbells than the guest was told to kick.
  case tooFewDoorbells(guest: String, needed: Int, given: Int)
  /// The guest would need more interrupt lines for its queues than there are.
  case tooManyQueues(guest: String, limit: Int, vcpus: Int, queues: Int)
  /// The guest needs interrupts and the machine has no interrupt controller.
  case needsInterruptController(guest: String, why: String)
  /// The guest drives a device that is not there.
  case needsDevice(guest: String, VirtioKind)
  /// The guest writes to its disk, which refuses that.
  case needsWritableDisk(guest: String)
  /// The disk has fewer queues than the guest was told to use.
  case tooFewDiskQueues(guest: String, needed: Int, given: Int)
  /// The guest's buffers do not fit into RAM; bytes.
  case tooLittleMemory(guest: String, needed: UInt64, given: UInt64)
  /// What is at the report block's address is not one.
  case badReport(String)

  /// The message for the user.
  package var description: String {
    switch self {
    case .unknownGuest(let name, let known):
      "no built-in guest is called '\(name)'; there are \(known.joined(separator: ", ")) (exeunt guests)"
        + NearestWord.sentence(for: name, among: known)
    case .notCompiled(let guest, let architecture, let known):
      "guest \(guest) is for x86_64 alone; for \(architecture) there are \(known.joined(separator: ", ")) (exeunt guests --arch \(architecture))"
    case .notASetting(let setting):
      "guest parameter '\(setting)': expected name=value"
    case .unknownParameter(let guest, let parameter, let known):
      "guest \(guest) has no parameter '\(parameter)'; it has \(known.joined(separator: ", "))"
        + NearestWord.sentence(for: parameter, among: known)
    case .givenTwice(let guest, let parameter):
      "guest \(guest): \(parameter) is given twice: give it once"
    case .badValue(let guest, let parameter, let value, let allowed):
      "guest \(guest), \(parameter)=\(value): expected \(allowed)"
    case .tooFewVcpus(let guest, let needed, let given):
      "guest \(guest) needs at least \(needed) vCPU\(needed == 1 ? "" : "s") and the machine has \(given); use --cpus \(needed)"
    case .tooManyVcpus(let guest, let limit, let given):
      "guest \(guest) runs on at most \(limit) vCPUs and the machine has \(given); use --cpus \(limit) or fewer"
    case .tooFewDoorbells(let guest, let needed, let given):
      "guest \(guest) was told to kick \(needed) doorbells and the machine has \(given); use --doorbells \(needed)"
    case .tooManyQueues(let guest, let limit, let vcpus, let queues):
      "guest \(guest) has an interrupt line for each queue, of which there are \(limit), and \(vcpus) vCPUs with "
        + "\(queues) queues each need \(vcpus * queues); "
        + (vcpus > limit
          ? "use --cpus \(limit) or fewer, with queues=1" : "use queues=\(limit / vcpus) or fewer")
    case .needsInterruptController(let guest, let why):
      "guest \(guest) needs an interrupt controller (\(why)); use --irqchip kernel or split"
    case .needsDevice(let guest, let kind):
      "guest \(guest) drives a device that the machine lacks; use \(kind.option)"
    case .needsWritableDisk(let guest):
      "guest \(guest) writes to its disk, which is given as read-only; leave readonly=on away, or --disk for a scratch disk"
    case .tooFewDiskQueues(let guest, let needed, let given):
      "guest \(guest) was told to use \(needed) queues and the disk has \(given); use --device virtio-blk-device,num-queues=\(needed), or queues=\(given)"
    case .tooLittleMemory(let guest, let needed, let given):
      "guest \(guest) has a buffer for each request under way and needs \((needed + (1 << 20) - 1) >> 20) MiB of RAM; the "
        + "machine has \(given >> 20); use --memory \((needed + (1 << 20) - 1) >> 20)M, or a smaller depth or size"
    case .badReport(let what):
      "guest report: \(what)"
    }
  }
}
