import ArgumentParser
import Machine

/// `--chardev KIND,id=ID[,key=value…]`: what a port, or the serial port, leads to.
struct CharacterDeviceOption: Sendable {
  let id: String
  let peer: MachineConfiguration.Port.Peer

  init(parsing argument: String) throws {
    let words = try KeyedArgument(argument, of: "--chardev", first: "a kind")
    switch words.first {
    case "socket":
      try words.allow(["id", "path", "server", "wait"])
      peer = try Self.socket(try words.required("path", "the UNIX socket"), words)
    case "file":
      try words.allow(["id", "path"])
      peer = .file(try words.required("path", "the file that is written"))
    case "null":
      try words.allow(["id"])
      peer = .null
    case "pty":
      try words.allow(["id"])
      peer = .terminal
    default: throw words.unknown("kind", words.first, among: ["socket", "file", "null", "pty"])
    }
    guard let id = try words.identifier() else { throw words.failure("id= is missing: ports name it") }
    self.id = id
  }

  /// A UNIX socket, with what the keys `server` and `wait` say.
  static func socket(_ path: String, _ words: KeyedArgument) throws -> MachineConfiguration.Port.Peer {
    if try words.isOn("wait") == true {
      throw words.failure("the guest is started at once; leave wait=on away, or give wait=off")
    }
    return try words.isOn("server") ?? false ? .server(path) : .client(path)
  }
}

/// `--device virtserialport,chardev=NAME…`, or `virtconsole`: a port of the virtio console.
struct PortOption: Sendable {
  let words: KeyedArgument
  private let chardev: String
  private let name: String?

  /// Reads what a user gave.
  init(_ words: KeyedArgument) throws {
    try words.allow(["chardev", "name", "id"])
    _ = try words.identifier()
    chardev = try words.required("chardev", "the id of a --chardev")
    name = words.string("name")
    self.words = words
  }

  /// The port with what it leads to.
  func port(_ chardevs: inout ReferredOptions<CharacterDeviceOption>) throws -> MachineConfiguration.Port {
    .init(
      try chardevs.take(chardev, for: words).peer, isConsole: words.first == "virtconsole", name: name)
  }
}
