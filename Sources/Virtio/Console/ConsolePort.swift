import GuestRAM
import Platform

/// A port of a console as the board has it.
package struct ConsolePortDescription: Sendable {
  /// Its number; its queues follow from that (virtio 1.2, section 5.3.2).
  package let number: UInt32
  /// Whether the guest's kernel makes a console of it (hvc).
  package let isConsole: Bool
  /// The name by which programs in the guest find it; nil for none.
  package let name: String?

  /// Describes a port.
  package init(number: UInt32, isConsole: Bool = false, name: String? = nil) {
    self.number = number
    self.isConsole = isConsole
    self.name = name
  }

  /// The queue with the guest's empty buffers.
  package var receiveQueue: Int { number == 0 ? 0 : 2 + 2 * Int(number) }
  /// The queue with what the guest sends.
  package var transmitQueue: Int { receiveQueue + 1 }
}

/// How far a port has come, under its device's lock.
struct ConsolePort {
  /// What the driver is still to be told. A set, so that a driver that asks for ever makes it no larger.
  struct Debts: OptionSet {
    let rawValue: UInt8
    static let add = Debts(rawValue: 1)
    static let console = Debts(rawValue: 2)
    static let name = Debts(rawValue: 4)
    static let open = Debts(rawValue: 8)
  }

  /// A request that was taken and is not completed.
  struct Held {
    var chain = DescriptorChain()
    var isHeld = false
    var generation: UInt32 = 0
    var id: UInt32 = 0
    /// Bytes that were moved already.
    var done: UInt64 = 0
  }

  let description: ConsolePortDescription
  let peer: CharacterPeer
  /// Whether somebody in the guest has it open.
  var isOpenInGuest = false
  var debts: Debts = []
  /// What the peer does not take yet.
  var sending = Held()
  /// An empty buffer for what comes.
  var receiving = Held()
  /// Whether the guest has given buffers since there were none.
  var mayHaveBuffers = false
  /// Whether the peer has left, and the guest is still to read what it sent before.
  var hasLeft = false
  /// Whether those who want to be connected have to wait, as the host cannot take them now.
  var isPausing = false
  /// What the set waits for, of which descriptor.
  var interest: Readiness = []
  var waitedFor: CInt = -1

  init(_ description: ConsolePortDescription, _ peer: CharacterPeer) {
    self.description = description
    self.peer = peer
  }
}
