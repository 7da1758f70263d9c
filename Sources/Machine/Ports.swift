import Platform
import Virtio

extension MachineConfiguration {
  /// A port of the virtio console.
  package struct Port: Sendable, Codable, Equatable {
    /// What a port leads to.
    package enum Peer: Sendable, Codable, Equatable {
      /// Nothing: it takes all and says nothing.
      case null
      /// A file, written from its start.
      case file(String)
      /// A UNIX socket that is listened at.
      case server(String)
      /// A UNIX socket that is connected to before the guest runs.
      case client(String)
      /// A pseudo-terminal of its own.
      case terminal
      /// The next port with this peer: what is sent over one of the two is received over the other.
      case port
    }

    /// Where it leads.
    package var peer: Peer
    /// Whether the guest's kernel makes a console of it: hvc0 and so on.
    package var isConsole: Bool
    /// The name by which programs in the guest find it; nil for none.
    package var name: String?

    /// Describes a port.
    package init(_ peer: Peer, isConsole: Bool = false, name: String? = nil) {
      self.peer = peer
      self.isConsole = isConsole
      self.name = name
    }
  }

  /// The ports with their numbers. As with QEMU number 0 is a console's, for drivers that know no other.
  var numberedPorts: [(number: Int, port: Port)] {
    let ports = ports ?? []
    let first = ports.firstIndex { $0.isConsole }
    var next = 1
    return ports.enumerated().map { index, port in
      if index == first { return (0, port) }
      defer { next += 1 }
      return (next, port)
    }
  }

  /// What files may have that get what the guest sends.
  var outputLimit: OutputLimit {
    var files = 0
    for case .file in (ports ?? []).map(\.peer) { files += 1 }
    for place in [serial] + (debugConsole == serial ? [] : [debugConsole].compactMap { $0 }) {
      switch place {
      case .stdio, .file: files += 1
      case .peer, .none: break
      }
    }
    return OutputLimit(bytes: serialLimit, files: files)
  }

  /// Opens what is behind the ports.
  func makePorts() throws(MachineError) -> [(ConsolePortDescription, CharacterPeer)] {
    var made: [(ConsolePortDescription, CharacterPeer)] = []
    // The other end of a port that waits for its peer.
    var loose: CharacterPeer?
    for (number, port) in numberedPorts {
      let description = ConsolePortDescription(
        number: UInt32(number), isConsole: port.isConsole, name: port.name)
      made.append((description, try port.peer.open(&loose, limit: outputLimit)))
    }
    return made
  }

  /// Where the serial port leads, as a user gave it.
  var serialOption: String {
    guard serialIsChardev == true else { return "--serial \(serial.place)" }
    return switch serial {
    case .file(let path): Port.Peer.file(path).option
    case .peer(let peer): peer.option
    case .stdio, .none: Port.Peer.null.option
    }
  }

  /// Opens who comes and goes at the serial port; nil where it leads elsewhere.
  func makeSerialPeer() throws(MachineError) -> SerialPeer? {
    guard case .peer(let peer) = serial else { return nil }
    var loose: CharacterPeer?
    // Files are no peers here, but outputs.
    let made = try peer.open(&loose, as: serialOption, limit: .none)
    do {
      return try SerialPeer(made)
    } catch {
      throw MachineError(serialOption, error)
    }
  }
}

extension Machine {
  /// What the host did not do for ports, one line each. After all threads have ended.
  var portFailures: [(text: String, isOutput: Bool)] {
    zip(configuration.numberedPorts, ports).compactMap { numbered, made in
      guard let failure = made.1.failure else { return nil }
      return (
        "port \(numbered.number) of the console: \(numbered.port.peer.option) \(failure.text)",
        failure.operation == .send
      )
    }
      + [serialPeer?.failure].compactMap { $0 }.map { failure in
        ("\(configuration.serialOption) \(failure.text)", failure.operation == .send)
      }
  }

  /// Where pseudo-terminals are, one line each.
  var terminalNotices: [String] {
    var notices: [String] = []
    if let path = serialPeer?.terminalPath { notices.append("the serial port is at \(path)") }
    for (number, made) in zip(configuration.numberedPorts.map(\.number), ports) {
      guard let path = made.1.terminalPath else { continue }
      notices.append("port \(number) of the console is at \(path)")
    }
    return notices
  }
}

extension CharacterPeer.Failure {
  fileprivate var text: String {
    let what =
      switch operation {
      case .send: "cannot be written any more, and what the guest sends is lost"
      case .receive: "cannot be read any more"
      case .accept: "kept somebody waiting who wanted to connect"
      }
    return "\(what): \(error)"
  }
}

extension MachineConfiguration.Serial {
  /// As a user may give it, without the option.
  var place: String {
    switch self {
    case .stdio: "stdio"
    case .none: "none"
    case .file(let path): path
    case .peer(.server(let path)): "unix:\(path),server=on"
    case .peer(.client(let path)): "unix:\(path)"
    case .peer(.terminal): "pty"
    case .peer(let peer): peer.option
    }
  }
}

extension MachineConfiguration.Port.Peer {
  /// As a user gave it.
  var option: String {
    switch self {
    case .null: "--chardev null"
    case .file(let path): "--chardev file,path=\(path)"
    case .server(let path): "--chardev socket,path=\(path),server=on"
    case .client(let path): "--chardev socket,path=\(path)"
    case .terminal: "--chardev pty"
    case .port: "the port that it leads to"
    }
  }

  /// - Parameter given: the option that it comes from, for messages; nil: a port's.
  fileprivate func open(
    _ loose: inout CharacterPeer?, as given: String? = nil, limit: OutputLimit
  ) throws(MachineError) -> CharacterPeer {
    let option = given ?? option
    switch self {
    case .null: return .null()
    case .port:
      if let peer = loose {
        loose = nil
        return peer
      }
      do {
        let (peer, other) = try CharacterPeer.pair()
        loose = other
        return peer
      } catch {
        throw MachineError("sockets for two ports that lead to each other", error)
      }
    case .file(let path):
      do {
        return try .file(path, limit: limit)
      } catch {
        throw MachineError("\(option): cannot be written", error)
      }
    case .server(let path):
      do {
        return try .server(path)
      } catch {
        let advice =
          error == .noSuchFileOrDirectory ? "there is no such directory; make it first" : Self.advice(error)
        throw MachineError("\(option): \(advice)")
      }
    case .terminal:
      do {
        return try .terminal()
      } catch {
        throw MachineError("\(option): making a pseudo-terminal", error)
      }
    case .client(let path):
      do {
        return try .client(path)
      } catch {
        throw MachineError("\(option): \(Self.advice(error))")
      }
    }
  }

  private static func advice(_ error: Errno) -> String {
    switch error {
    case .addressInUse: "somebody listens there, or it is a file; name another path"
    case .fileNameTooLong:
      "the path is longer than \(UnixSocket.longestPath) bytes, which a socket's cannot be"
    case .connectionRefused, .noSuchFileOrDirectory:
      "\(error); start who listens there first, or let this program listen (server=on)"
    default: "\(error)"
    }
  }
}
