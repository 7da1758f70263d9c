import Glibc

/// Compiles and links the guests of other architectures, and writes their images as a Swift source: what the build plugin runs.
@main
enum GuestCompiler {
  /// The guests: their sources, in the kit or among the virtio guests.
  private static let guests = ["doorbell", "blk"]

  static func main() {
    let arguments = CommandLine.arguments.dropFirst()
    guard arguments.count == 5 else { fail("give clang, ld.lld, the kit, the virtio guests, and the output") }
    let (clang, linker, kit, virtio, output) = (
      arguments[1], arguments[2], arguments[3], arguments[4], arguments[5]
    )
    var text = """
      // Made by guest-compiler from the sources in ForeignGuests/Kit and CVirtioGuests.
      extension ForeignImages {
        static let compiled: [String: StaticString] = [

      """
    for target in CompilationTarget.all {
      for guest in guests {
        let own = "\(kit)/\(guest).c"
        let source = access(own, R_OK) == 0 ? own : "\(virtio)/\(guest).c"
        let name = "\(target.architecture.rawValue)-\(guest)"
        var objects: [String] = []
        for (part, file) in [("guest", source), ("runtime", "\(kit)/runtime.c")] {
          let object = "\(output).\(name)-\(part).o"
          run(clang, target.options + ["-I\(kit)", "-I\(virtio)", "-c", file, "-o", object])
          objects.append(object)
        }
        let image = "\(output).\(name).bin"
        run(
          linker,
          [
            "--oformat=binary", "--defsym=LINK_ADDRESS=\(target.linkAddress)", "-T", "\(kit)/guest.ld", "-o",
            image,
          ]
            + objects)
        text += "    \"\(name)\": \"\(hexadecimal(read(image)))\",\n"
        for file in objects + [image] { unlink(file) }
      }
    }
    write(text + "  ]\n}\n", to: output)
  }

  private static func fail(_ what: String) -> Never {
    let text = "guest-compiler: \(what)\n"
    _ = text.withCString { Glibc.write(STDERR_FILENO, $0, strlen($0)) }
    exit(1)
  }

  /// Runs a program and waits for it; what it says is the build's.
  private static func run(_ program: String, _ arguments: [String]) {
    var words: [UnsafeMutablePointer<CChar>?] = ([program] + arguments).map { strdup($0) }
    defer { for word in words { free(word) } }
    words.append(nil)
    var process: pid_t = 0
    let error = posix_spawn(&process, program, nil, nil, words, environ)
    guard error == 0 else { fail("\(program): \(String(cString: strerror(error)))") }
    var status: CInt = 0
    while waitpid(process, &status, 0) < 0, errno == EINTR {}
    guard status == 0 else { fail("\(program) \(arguments.joined(separator: " ")): failed") }
  }

  private static func read(_ path: String) -> [UInt8] {
    guard let file = fopen(path, "rb") else { fail("\(path): \(String(cString: strerror(errno)))") }
    defer { fclose(file) }
    var bytes: [UInt8] = []
    while case let byte = fgetc(file), byte != EOF { bytes.append(UInt8(truncatingIfNeeded: byte)) }
    return bytes
  }

  private static func write(_ text: String, to path: String) {
    guard let file = fopen(path, "wb") else { fail("\(path): \(String(cString: strerror(errno)))") }
    guard fputs(text, file) >= 0, fclose(file) == 0 else { fail("\(path): cannot be written") }
  }

  private static func hexadecimal(_ bytes: [UInt8]) -> String {
    let digits = Array("0123456789abcdef")
    var text = ""
    for byte in bytes {
      text.append(digits[Int(byte >> 4)])
      text.append(digits[Int(byte & 15)])
    }
    return text
  }
}
