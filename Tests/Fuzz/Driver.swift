// The fuzzer's entry points (https://llvm.org/docs/LibFuzzer.html). Built by .ci/fuzz, not by the package: libFuzzer
// brings its own main. The environment variable EXEUNT_FUZZ names the target.
import FuzzTargets
import Glibc

private let target: FuzzTarget = {
  let name = getenv("EXEUNT_FUZZ").map { String(cString: $0) } ?? ""
  guard let target = FuzzTarget(rawValue: name) else {
    let names = FuzzTarget.allCases.map(\.rawValue).joined(separator: ", ")
    fputs("EXEUNT_FUZZ has to name what to test: \(names)\n", stderr)
    exit(2)
  }
  return target
}()

/// Runs one input; ends the process where a property does not hold.
@_cdecl("LLVMFuzzerTestOneInput")
public func testOneInput(_ bytes: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  let complaint = target.run(Array(UnsafeBufferPointer(start: bytes, count: count)))
  if let complaint {
    fputs("\(target.rawValue): \(complaint)\n", stderr)
    abort()
  }
  return 0
}
