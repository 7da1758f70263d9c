import Foundation
import Testing

@testable import Pages

/// SHA-256 by the examples of the standard, and the hash by which a page's policy names its script.
@Suite struct SHA256Tests {
  private func hex(_ bytes: [UInt8]) -> String {
    SHA256.digest(bytes).map { String(format: "%02x", $0) }.joined()
  }

  @Test("NIST's examples of SHA-256 come out")
  func examples() {
    #expect(hex([]) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
    #expect(hex(Array("abc".utf8)) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
    let long = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"
    #expect(hex(Array(long.utf8)) == "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1")
  }

  /// The digests of 0 to 130 letters `a`, one after the other, hashed: an error in any padding changes it. Python's hashlib says so.
  @Test("every length of a block and its padding comes out")
  func lengths() {
    let digests = (0...130).flatMap { SHA256.digest([UInt8](repeating: UInt8(ascii: "a"), count: $0)) }
    #expect(hex(digests) == "f908a43fc8456c583aacde0fb2627959f8513dc76d0c03979b7f945a7dd78f22")
  }

  @Test("a page's policy names the script that it has, which no parser of XML or HTML ends early")
  func script() {
    let digest = Data(SHA256.digest(Array(TimelineViewer.script.utf8)))
    #expect(TimelineViewer.scriptSource == "'sha256-\(digest.base64EncodedString())'")
    #expect(!TimelineViewer.script.contains("</script") && !TimelineViewer.script.contains("<!--"))
    #expect(TimelineViewer.script.split(separator: "]]>").count == 2)
    #expect(!TimelineViewer.style.contains("<") && !TimelineViewer.style.contains("url("))
  }
}
