import Glibc
import TestSupport
import Testing

@testable import Symbols

@Suite("Symbols of guests")
struct SymbolTests {
  static let base: UInt64 = 0xffff_ffff_8100_0000

  /// What a table of intervals says without any cleverness: the shortest function that has the address.
  static func slow(_ table: SymbolTable, _ address: UInt64) -> SymbolTable.Function? {
    table.functions.filter { $0.start <= address && address - $0.start < $0.size }
      .max { $0.start < $1.start }
  }

  @Test(
    "an address is in the innermost function that the file says has it, or in none", arguments: [true, false])
  func lookup(isWide: Bool) throws {
    for seed in 0..<60 as Range<UInt64> {
      var random = SeededGenerator(seed: seed)
      var elf = ELFBuilder()
      elf.isWide = isWide
      if !isWide { elf.codeAddress = 0xc010_0000 }
      var next = elf.codeAddress
      while next < elf.codeAddress + 0xf00 {
        let size = UInt64.random(in: 1...120, using: &random)
        elf.symbols.append(.init(name: "f\(elf.symbols.count)", address: next, size: size))
        if Int.random(in: 0..<4, using: &random) == 0, size > 20 {
          elf.symbols.append(.init(name: "inner\(elf.symbols.count)", address: next + 4, size: 9, binding: 0))
        }
        if Int.random(in: 0..<4, using: &random) == 0, size > 2 {
          elf.symbols.append(.init(name: "label\(elf.symbols.count)", address: next + 2, kind: 0, binding: 0))
        }
        next += size + (Bool.random(using: &random) ? 0 : UInt64.random(in: 1...16, using: &random))
      }
      elf.symbols.shuffle(using: &random)
      let sized = elf.symbols.filter { $0.size > 0 }
      let table = try SymbolFile.read(elf.bytes)
      #expect(table.functions.count == sized.count)
      for address in (elf.codeAddress - 20)..<(elf.codeAddress + 0x1010) {
        let found = table.function(containing: address)
        #expect(found == Self.slow(table, address))
        let enclosing = sized.filter { $0.address <= address && address - $0.address < $0.size }
          .max { $0.address < $1.address }
        #expect(found?.name == enclosing?.name, "seed \(seed), address \(address)")
        if found?.name != enclosing?.name { return }
      }
    }
  }

  @Test("of several names for an address the global one is shown, and no label inside a function")
  func aliases() throws {
    var elf = ELFBuilder()
    let start = elf.codeAddress
    elf.symbols = [
      .init(name: "__pfx_outb", address: start, size: 16, binding: 0),
      .init(name: "__outb", address: start, size: 16), .init(name: "outb", address: start, size: 16),
      .init(name: "weak_outb", address: start, size: 16, binding: 2),
      .init(name: "assembly", address: start + 0x20, kind: 0),
      .init(name: "data", address: start + 0x28, size: 100, kind: 1),
      .init(name: "elsewhere", address: 0x1000, size: 16),
    ]
    let table = try SymbolFile.read(elf.bytes)
    #expect(table.function(containing: start + 15)?.name == "outb")
    #expect(table.function(containing: start + 16) == nil)
    // Without a size it goes on to the end of the code.
    #expect(table.function(containing: start + 0xfff)?.name == "assembly")
    #expect(table.function(containing: start + 0x1000) == nil)
    #expect(table.function(containing: 0x1004) == nil)
  }

  @Test("names cannot command a terminal")
  func names() throws {
    var elf = ELFBuilder()
    elf.symbols = [.init(name: "a\u{1b}[31mb\u{202e}\n", address: elf.codeAddress, size: 4)]
    #expect(try SymbolFile.read(elf.bytes).functions.map(\.name) == ["a?[31mb??"])
  }

  /// Two functions without anything between them. The first ends with an OUT, and the second begins with one, or not.
  @Test("an OUT's pointer is behind it or at it, and means its own function either way")
  func outputs() throws {
    let (one, two) = ("one", "two")
    // The last bytes of the first function, the first of the second, and whose OUT a pointer between them is for.
    let cases: [([UInt8], [UInt8], String)] = [
      ([0xee], [0xc3], one), ([0xef], [0x55], one), ([0xe6, 0x80], [0xc3], one),
      ([0xc3], [0xee], two), ([0xc3], [0x66, 0xef], two), ([0x90], [0xe6, 0x80], two),
      ([0xc3], [0xf3, 0x6e], two), ([0x90], [0x90], two),
    ]
    for (last, first, name) in cases {
      var elf = ELFBuilder()
      let middle = elf.codeAddress + 0x40
      elf.code.replaceSubrange((0x40 - last.count)..<0x40, with: last)
      elf.code.replaceSubrange(0x40..<(0x40 + first.count), with: first)
      elf.symbols = [
        .init(name: one, address: elf.codeAddress, size: 0x40), .init(name: two, address: middle, size: 0x20),
      ]
      let symbols = GuestSymbols(try SymbolFile.read(elf.bytes), path: "vmlinux", offset: 0x1000)
      func found(_ pointer: UInt64, _ reason: UInt8, _ direction: UInt8) -> String? {
        symbols.function(rip: pointer + 0x1000, reason: reason, direction: direction)?.name
      }
      #expect(found(middle, 2, 2) == name, "\(last) \(first)")
      // IN is at its instruction; a memory-mapped write and HLT are behind theirs.
      #expect(found(middle, 2, 1) == two && found(middle, 6, 1) == two)
      #expect(found(middle, 6, 2) == one && found(middle, 5, 0) == one)
      #expect(found(middle + 0x20, 2, 2) == two && found(middle + 0x20, 6, 2) == two)
      #expect(found(middle + 0x20, 2, 1) == nil && found(middle + 0x21, 2, 2) == nil)
    }
  }

  @Test("text as nm prints it says the same as the ELF file, but for gaps")
  func text() throws {
    let text = """
      ffffffff81000000 T startup_64
      ffffffff81000040 t local
      ffffffff81000040 T global
      ffffffff81000060 W weak [module]
      ffffffff81000080 D data
      00000000deadbeef A absolute

      """
    let table = try SymbolFile.read(Array(text.utf8))
    #expect(table.functions.map(\.name) == ["startup_64", "global", "weak"])
    #expect(table.functions.map(\.size) == [0x40, 0x20, 0x20])
    #expect(table.function(containing: Self.base + 0x80) == nil)
  }

  @Test("what has no symbols is refused with what is wrong, and what to give instead")
  func refusals() throws {
    var image = [UInt8](repeating: 0, count: 0x400)
    image.replaceSubrange(0x202..<0x206, with: Array("HdrS".utf8))
    var stripped = ELFBuilder()
    stripped.symbols = [.init(name: "data", address: stripped.codeAddress, kind: 1)]
    var other = ELFBuilder().bytes
    other[18] = 0xb7
    let cases: [([UInt8], String)] = [
      (image, "bzImage"), (stripped.bytes, "none of its symbols is a function"), (other, "machine 183"),
      (Array("0000000000000000 T a\n".utf8), "hides them"),
      (Array("hello world\n".utf8), "neither ELF nor text"),
      (Array("ffffffff81000000 T a\nwhat\n".utf8), "line 2"), ([], "no function"),
      (Array(ELFBuilder().bytes.prefix(100)), "cut"),
    ]
    for (bytes, words) in cases {
      let error = #expect(throws: SymbolError.self) { try SymbolFile.read(bytes) }
      #expect(error?.description.contains(words) == true, "\(String(describing: error))")
    }
    #expect(throws: SymbolError("it is a directory")) { try Self.read("/") }
    #expect(throws: SymbolError("it is neither a regular file nor a pipe")) { try Self.read("/dev/null") }
  }

  @Test("section headers of another size are refused before they are read", arguments: [true, false])
  func headerSizes(isWide: Bool) throws {
    var elf = ELFBuilder()
    elf.isWide = isWide
    elf.symbols = [.init(name: "f", address: elf.codeAddress, size: 32)]
    let (sound, size, count) = (elf.bytes, isWide ? 58 : 46, isWide ? 60 : 48)
    #expect(try SymbolFile.read(sound).functions.map(\.name) == ["f"])
    for wrong in [0, 1, isWide ? 40 : 64, isWide ? 63 : 39, isWide ? 65 : 41, 0xffff] {
      for sections in [4, 0, 0xffff] {
        var bytes = sound
        bytes.replaceSubrange(size..<size + 2, with: [UInt8(wrong & 0xff), UInt8(wrong >> 8)])
        bytes.replaceSubrange(count..<count + 2, with: [UInt8(sections & 0xff), UInt8(sections >> 8)])
        // A file in which there is much to read, and none of it on the disk.
        try withTemporaryDirectory { directory in
          let path = directory + "/sparse"
          try Self.write(bytes, path)
          #expect(truncate(path, 8 << 30) == 0)
          #expect(
            throws: SymbolError("its section headers have \(wrong) bytes each, not \(isWide ? 64 : 40)")
          ) {
            try Self.read(path)
          }
        }
      }
    }
  }

  /// Seconds of processor time that this thread has had.
  private func threadTime() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
  }

  @Test("names without an end cost as much as the longest that is shown")
  func endlessNames() throws {
    var elf = ELFBuilder()
    let long = String(repeating: "x", count: 1 << 20)
    elf.symbols = (0..<3000).map {
      .init(name: $0 == 2999 ? long : "", address: elf.codeAddress + UInt64($0), size: 1)
    }
    var bytes = elf.bytes
    // All of them begin in the long name: they would be 3 GB.
    let table = 64 + elf.code.count + 24
    for index in 0..<3000 {
      let start = 3000 + index
      bytes.replaceSubrange(
        (table + 24 * index)..<(table + 24 * index + 2), with: [UInt8(start & 0xff), UInt8(start >> 8)])
    }
    // Processor time: how long others keep the processor says nothing of the reader.
    let before = threadTime()
    let functions = try SymbolFile.read(bytes).functions
    #expect(threadTime() - before < 10)
    #expect(functions.count == 3000)
    #expect(functions.allSatisfy { $0.name == String(repeating: "x", count: 256) })
  }

  @Test("files that say anything at all are read in bounds")
  func hostile() throws {
    var elf = ELFBuilder()
    elf.symbols = (0..<40).map { .init(name: "f\($0)", address: elf.codeAddress + UInt64($0) * 32, size: 32) }
    let sound = elf.bytes
    var read = 0
    for seed in 0..<3000 as Range<UInt64> {
      var random = SeededGenerator(seed: seed)
      var bytes = sound
      for _ in 0..<Int.random(in: 1...6, using: &random) {
        // Mostly where structures are: at the begin and behind the code.
        let place =
          Bool.random(using: &random)
          ? Int.random(in: 4..<64, using: &random) : Int.random(in: 0x1040..<bytes.count, using: &random)
        bytes[place] = [0, 0xff, 0x7f, 0x80, UInt8.random(in: 0...255, using: &random)].randomElement(
          using: &random)!
      }
      if seed % 5 == 0 { bytes.removeLast(Int.random(in: 0..<bytes.count, using: &random)) }
      guard let table = try? SymbolFile.read(bytes) else { continue }
      read += 1
      for function in table.functions {
        #expect(function.size > 0 && function.start <= UInt64.max - function.size)
        #expect(table.function(containing: function.start) != nil)
      }
      #expect(zip(table.functions, table.functions.dropFirst()).allSatisfy { $0.start < $1.start })
      _ = table.function(of: 0, .behind)
      _ = table.function(of: .max, .either)
    }
    #expect(read > 300)
  }

  @Test("a file that is read says what the same bytes say")
  func files() throws {
    var elf = ELFBuilder()
    elf.symbols = [.init(name: "f", address: elf.codeAddress, size: 32)]
    for bytes in [elf.bytes, Array("ffffffff81000000 T a\nffffffff81000010 d b\n".utf8)] {
      try withTemporaryDirectory { directory in
        let path = directory + "/symbols"
        try Self.write(bytes, path)
        #expect(try Self.read(path).functions == SymbolFile.read(bytes).functions)
        // Through a pipe too, with room for all of it.
        var ends: [CInt] = [-1, -1]
        #expect(pipe(&ends) == 0 && bytes.count < 1 << 16)
        #expect(Glibc.write(ends[1], bytes, bytes.count) == bytes.count)
        close(ends[1])
        #expect(try SymbolFile.read(owning: ends[0]).functions == SymbolFile.read(bytes).functions)
      }
    }
  }

  @Test("a descriptor that was handed over is closed, whatever comes of it")
  func descriptors() throws {
    try withTemporaryDirectory { directory in
      let path = directory + "/symbols"
      for text in ["ffffffff81000000 T a\n", "hello world\n"] {
        try Self.write(Array(text.utf8), path)
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        var opened = stat()
        #expect(fstat(descriptor, &opened) == 0)
        _ = try? SymbolFile.read(owning: descriptor)
        // Another test may have got the number meanwhile, for a file of its own.
        var now = stat()
        #expect(fstat(descriptor, &now) != 0 || now.st_ino != opened.st_ino || now.st_dev != opened.st_dev)
      }
    }
    #expect(throws: SymbolError(String(cString: strerror(EBADF)))) { try SymbolFile.read(owning: -1) }
  }

  private static func write(_ bytes: [UInt8], _ path: String) throws {
    let file = try #require(fopen(path, "w"))
    #expect(fwrite(bytes, 1, bytes.count, file) == bytes.count)
    fclose(file)
  }

  private static func read(_ path: String) throws -> SymbolTable {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    try #require(descriptor >= 0, "\(path)")
    return try SymbolFile.read(owning: descriptor)
  }
}
