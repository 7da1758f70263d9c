import ArgumentParser
import CTF
import Glibc
import Symbols

/// Where a guest's symbols are.
struct SymbolOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "The guest's symbols: an ELF file such as a kernel's vmlinux, or text as System.map and kallsyms are.",
      valueName: "file"), completion: .file())
  var symbols: String?

  @Option(
    help: ArgumentHelp(
      "What the guest's addresses are more than those of the symbols (KASLR), such as 0x1a000000.",
      valueName: "offset"))
  var kaslrOffset: NumberArgument?

  /// Whether any was given.
  var isGiven: Bool { symbols != nil || kaslrOffset != nil }

  func validate() throws {
    if kaslrOffset != nil, symbols == nil { throw ValidationError("--kaslr-offset goes with --symbols") }
  }

  /// Reads the symbols, or ends the program with status 2; nil: none are wanted.
  func read() throws -> GuestSymbols? {
    guard let symbols else { return nil }
    let shown = PathText.shown(symbols)
    // Opening a pipe that nobody writes to would wait.
    let descriptor = PathText.withBytes(symbols) { open($0, O_RDONLY | O_CLOEXEC | O_NONBLOCK) }
    guard descriptor >= 0 else {
      throw Terminal.mistake("--symbols \(shown): \(String(cString: strerror(errno)))")
    }
    let guest: GuestSymbols
    do throws(SymbolError) {
      guest = GuestSymbols(
        try SymbolFile.read(owning: descriptor), path: shown, offset: kaslrOffset?.value ?? 0)
    } catch {
      throw Terminal.mistake("--symbols \(shown): \(error)")
    }
    guard !guest.isOffsetImpossible else {
      throw Terminal.mistake(
        "--kaslr-offset 0x\(String(guest.offset, radix: 16)) moves the symbols of \(shown) to where a guest has no code: give "
          + "what the guest's addresses are more than those of the file")
    }
    return guest
  }

  /// Says so where symbols were given and there is nothing to use them for.
  ///
  /// - Parameters:
  ///   - symbols: Those that were given; nil: none were.
  ///   - lacksInstructions: Whether what is read has exits without instruction pointers only.
  ///   - paths: What is read.
  static func check(_ symbols: GuestSymbols?, _ lacksInstructions: Bool, _ paths: [String]) {
    guard symbols != nil, lacksInstructions else { return }
    Terminal.report(
      "--symbols is of no use: exits of \(paths.map(PathText.shown).joined(separator: " ")) have no instruction pointers; record with "
        + "exeunt run --trace-rip")
  }
}
