import Glibc
import Platform

/// Runs `body` with an empty directory that is removed afterwards.
package func withTemporaryDirectory<Result>(_ body: (String) throws -> Result) throws -> Result {
  var template = Array("/tmp/exeunt-test-XXXXXX".utf8CString)
  guard let made = mkdtemp(&template) else { throw Errno.current }
  let path = String(cString: made)
  defer { Directory.remove(path) }
  return try body(path)
}
