import ArgumentParser
import Glibc
import Machine

/// The files that a run empties and writes, beside those that it reads or that are the guest's: no two of them may be one file, by
/// whatever names.
struct OutputFiles {
  private struct File {
    let path: String
    /// The option that names it, as users write it.
    let option: String
    let isEmptied: Bool
  }
  private var files: [File] = []

  init(_ configuration: MachineConfiguration, guest: GuestOptions, result: String?) {
    func add(_ path: String?, _ option: String, isEmptied: Bool) {
      if let path, !path.isEmpty { files.append(File(path: path, option: option, isEmptied: isEmptied)) }
    }
    for disk in configuration.disks where disk.scratchBytes == nil {
      add(disk.path, "--disk", isEmptied: false)
    }
    add(guest.kernel, "--kernel", isEmptied: false)
    add(guest.flat, "--flat", isEmptied: false)
    for file in configuration.ramdisks ?? [] {
      // Modules have arguments behind their name.
      add(file.split(separator: " ", maxSplits: 1).first.map(String.init), "--initrd", isEmptied: false)
    }
    add(configuration.memoryPath, "--mem-path", isEmptied: false)
    add(result, "--result", isEmptied: true)
    func add(_ serial: MachineConfiguration.Serial?, _ option: String) {
      switch serial {
      case .file(let path)?: add(path, option, isEmptied: true)
      case .peer(.file(let path))?: add(path, option, isEmptied: true)
      default: break
      }
    }
    add(configuration.serial, configuration.serialIsChardev == true ? "--chardev" : "--serial")
    add(configuration.debugConsole, "--debugcon")
    for port in configuration.ports ?? [] {
      if case .file(let path) = port.peer { add(path, "--chardev", isEmptied: true) }
    }
  }

  /// Refuses two that are the same regular file or block device, one of which would be emptied. Before any is opened.
  func check() throws {
    for (index, file) in files.enumerated() {
      for other in files[..<index] where file.isEmptied || other.isEmptied {
        guard Self.areSame(file.path, other.path) else { continue }
        throw ValidationError(
          "\(other.option) \(other.path) and \(file.option) \(file.path) are one file, which would be overwritten: give each a file of its own"
        )
      }
    }
  }

  private static func areSame(_ one: String, _ other: String) -> Bool {
    var (a, b) = (stat(), stat())
    guard stat(one, &a) == 0, stat(other, &b) == 0 else {
      // Files that are not there yet.
      return one == other
    }
    // A terminal, a pipe or /dev/null can be written by several.
    guard [S_IFREG, S_IFBLK].contains(a.st_mode & S_IFMT) else { return false }
    return a.st_dev == b.st_dev && a.st_ino == b.st_ino
  }
}
