import ArgumentParser
import Board
import Machine

/// Where what the guest sends character by character goes, and how it ends the run with a value.
struct OutputOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Where the serial port leads: stdio, none, a file, pty (a pseudo-terminal), unix:PATH[,server=on] (a UNIX socket), or chardev:ID.",
      valueName: "where"), completion: .file())
  var serial = "stdio"

  @Option(
    help: ArgumentHelp(
      "A debug console, at ports 0xe9 and 0x402, and where it leads: stdio, none, or a file.",
      valueName: "where"), completion: .file())
  var debugcon: String?

  @Option(
    help: ArgumentHelp(
      """
      What each file may have that gets what the guest sends (--serial, --debugcon, --chardev, standard output where that is a file), \
      such as 100M, or none: then the run goes on, and what is left out is counted. By default a share of a quarter of what is free \
      on its file system, 1M to 1G.
      """, valueName: "size"))
  var serialLimit: SizeLimit?

  @Option(
    help: ArgumentHelp(
      "Where the debug exit port is, or none. (default: 0xf4 and 0x501)", valueName: "port"),
    transform: DebugExitPorts.init(parsing:))
  var debugExitPort: DebugExitPorts?

  /// Completes a configuration.
  func apply(
    to configuration: inout MachineConfiguration, _ chardevs: inout ReferredOptions<CharacterDeviceOption>
  ) throws {
    configuration.serial = try serial(&chardevs)
    if serial.hasPrefix("chardev:") { configuration.serialIsChardev = true }
    configuration.debugConsole = try debugcon.map { try OutputOptions.place($0, of: "--debugcon") }
    configuration.serialLimit = serialLimit?.bytes
    if let debugExitPort { configuration.debugExitPorts = debugExitPort.ports }
  }

  private func serial(
    _ chardevs: inout ReferredOptions<CharacterDeviceOption>
  ) throws -> MachineConfiguration.Serial {
    func words() throws -> KeyedArgument {
      try KeyedArgument(serial, of: "--serial", first: "where it leads")
    }
    if serial == "pty" { return .peer(.terminal) }
    if serial.hasPrefix("unix:") {
      let words = try words()
      try words.allow(["server", "wait"])
      let path = String(words.first.dropFirst("unix:".count))
      guard !path.isEmpty else { throw words.failure("name the socket, such as unix:/tmp/serial,server=on") }
      return .peer(try CharacterDeviceOption.socket(path, words))
    }
    if serial.hasPrefix("chardev:") {
      let words = try words()
      try words.allow([])
      let id = String(words.first.dropFirst("chardev:".count))
      return switch try chardevs.take(id, for: words).peer {
      case .null: .none
      case .file(let path): .file(path)
      case let peer: .peer(peer)
      }
    }
    return try OutputOptions.place(serial, of: "--serial")
  }

  private static func place(_ word: String, of option: String) throws -> MachineConfiguration.Serial {
    // As QEMU's users write it; another name with that in it is given as ./file:…
    let path = word.hasPrefix("file:") ? String(word.dropFirst("file:".count)) : word
    if path.isEmpty { throw ValidationError("\(option): name a file, or give stdio or none") }
    return switch word {
    case "stdio": .stdio
    case "none": .none
    default: .file(path)
    }
  }
}

/// `--debug-exit-port PORT`: one port, or none.
struct DebugExitPorts {
  let ports: [UInt64]

  /// Reads what a user gave.
  init(parsing text: String) throws {
    if text == "none" {
      ports = []
    } else if let address = Address(argument: text), address.value <= 0xfffc {
      ports = [address.value]
    } else {
      throw ValidationError("--debug-exit-port \(text): give a port up to 0xfffc, such as 0x501, or none")
    }
  }
}
