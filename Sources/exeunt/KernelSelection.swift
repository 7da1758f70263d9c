import ArgumentParser
import Boot
import GuestRAM
import Machine

/// A kernel on the command line, with what goes along with it.
struct KernelSelection {
  let path: String
  let commandLine: String
  /// As given with --initrd.
  let ramdisks: String?
  let bootProtocol: BootPlan.BootProtocol?

  /// Recognises the kernel, plans its boot, and completes the configuration.
  ///
  /// - Returns: nil where the file is none of the kernels: it may be a flat image.
  func plan(_ configuration: inout MachineConfiguration) throws -> BootPlan? {
    do {
      let source = try FileImage(path: path)
      let image = try KernelImage(source, for: bootProtocol)
      if case .flat = image {
        guard commandLine.isEmpty, ramdisks == nil, bootProtocol == nil else {
          throw BootError.unsupported(
            "is no bzImage, ELF or multiboot kernel, and --append, --initrd and --boot-protocol mean nothing to a "
              + "flat image")
        }
        return nil
      }
      let modules = try modules(of: image)
      let request = BootRequest(
        image: image, source: source, name: path, commandLine: commandLine, modules: modules,
        bootProtocol: bootProtocol, layout: RAMLayout(bytes: configuration.memory),
        firmware: FirmwareTables(try configuration.boardLayout()))
      let plan = try request.plan()
      configuration.guest = path
      configuration.kernel = plan.description
      configuration.bootProtocol = plan.bootProtocol
      configuration.commandLine = commandLine
      configuration.ramdisks = modules.map(\.commandLine)
      return plan
    } catch let error as BootError {
      throw ValidationError("--kernel \(path): \(error)")
    }
  }

  private func modules(of image: KernelImage) throws -> [BootRequest.Module] {
    guard let ramdisks else { return [] }
    let takesModules =
      switch image {
      case .multiboot, .multiboot2: true
      case .linux, .elf, .flat: false
      }
    let names = takesModules ? KernelSelection.split(ramdisks) : [ramdisks]
    return try names.map { name in
      let file =
        takesModules ? name.split(separator: " ", maxSplits: 1).first.map(String.init) ?? name : name
      do {
        return BootRequest.Module(source: try FileImage(path: file), commandLine: name)
      } catch {
        throw ValidationError("--initrd \(file): \(error)")
      }
    }
  }

  /// Splits at commas, of which two stand for one in a name, as QEMU does.
  static func split(_ list: String) -> [String] {
    var items = [""]
    var rest = list[...]
    while let character = rest.popFirst() {
      if character != "," {
        items[items.count - 1].append(character)
      } else if rest.first == "," {
        items[items.count - 1].append(",")
        rest.removeFirst()
      } else {
        items.append("")
      }
    }
    return items
  }
}

extension BootPlan.BootProtocol: ExpressibleByArgument {}
