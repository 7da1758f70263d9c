import Testing

@testable import GuestAgent

@Suite("What the guest agent is asked")
struct AgentRequestTests {
  @Test(
    "Names: the agent's, without its prefix, and short ones",
    arguments: [
      ("ping", "guest-ping"), ("guest-ping", "guest-ping"), ("interfaces", "guest-network-get-interfaces"),
      ("network-get-interfaces", "guest-network-get-interfaces"), ("freeze", "guest-fsfreeze-freeze"),
      ("thaw", "guest-fsfreeze-thaw"), ("freeze-status", "guest-fsfreeze-status"), ("time", "guest-get-time"),
      ("sync", "guest-sync-delimited"), ("anything-new", "guest-anything-new"),
    ])
  func names(_ name: String, _ command: String) throws {
    let request = try AgentRequest(name, [])
    #expect(request.command == command && request.arguments == nil)
  }

  @Test("With the agent's own name nothing is added")
  func own() throws {
    let request = try AgentRequest("guest-exec", ["{\"path\": \"/x\"}"])
    #expect(request.manner == .plain && request.arguments == .object(["path": .text("/x")]))
    #expect(try AgentRequest("guest-exec-status", ["{\"pid\": 1}"]).manner == .plain)
    let short = try AgentRequest("exec", ["{\"path\": \"/x\", \"capture-output\": false}"])
    #expect(short.manner == .run && short.arguments?["capture-output"] == .bool(false))
    #expect(try AgentRequest("exec-status", ["9"]).arguments == .object(["pid": .integer(9)]))
  }

  @Test(
    "What a command cannot take is refused in words",
    arguments: [
      ("ping", ["x"], "give JSON"), ("ping", ["{"], "no JSON"), ("ping", ["{}", "{}"], "give JSON"),
      ("exec", [], "name a program"), ("exec-status", [], "number"), ("exec-status", ["x"], "number"),
      ("shutdown", ["off"], "powerdown, halt or reboot"), ("set-time", ["later"], "give now"),
      ("sync", ["{}"], "takes nothing"),
    ])
  func mistakes(_ name: String, _ words: [String], _ part: String) {
    do throws(AgentRequest.Mistake) {
      _ = try AgentRequest(name, words)
      Issue.record("\(name) \(words) was taken")
    } catch {
      #expect(error.description.contains(part))
    }
  }

  @Test("Answers as text")
  func texts() throws {
    func text(_ json: String, _ command: String = "guest-x") throws -> String {
      AgentText.text(try JSONValue(parsing: Array(json.utf8)), of: command)
    }
    #expect(try text("{}") == "")
    #expect(try text("\"fro\\u009bzen\\u202e\"") == "fro\\u{9b}zen\\u{202e}")
    #expect(
      try text("{\"b\": [{\"c\": 1, \"d\": {\"e\": null}}, [2]], \"a\": [1, true, \"x\"]}") == """
        a: 1 true x
        b:
          - c: 1
            d:
              e: null
          - [2]
        """)
    #expect(try text("1795867892247008000", "guest-get-time") == "2026-11-28T12:11:32.247008000Z")
    #expect(try text("-1", "guest-get-time") == "1969-12-31T23:59:59.999999999Z")
    #expect(
      try text(
        "[{\"name\": \"lo\", \"ip-addresses\": [{\"ip-address\": \"::1\", \"prefix\": 128}]}, {\"name\": \"eth0\", \"hardware-address\": \"02:00\"}]",
        "guest-network-get-interfaces") == "lo    -      ::1/128\neth0  02:00")
    for odd in ["5", "[5]", "[{\"name\": {}, \"ip-addresses\": [5, {}]}]", "{\"supported_commands\": [{}]}"] {
      for command in ["guest-network-get-interfaces", "guest-info", "guest-get-time", "guest-fsfreeze-thaw"] {
        _ = try text(odd, command)
      }
    }
  }
}
