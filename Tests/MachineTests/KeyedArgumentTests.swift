import ArgumentParser
import TestSupport
import Testing

@testable import exeunt

/// Options whose arguments are `key=value` between commas, as QEMU has them.
@Suite("Arguments of keys and values")
struct KeyedArgumentTests {
  private enum Fruit: String, CaseIterable {
    case apple, pear
  }

  private func message(_ body: () throws -> Void) -> String {
    do {
      try body()
      return ""
    } catch let error as ValidationError {
      return error.message
    } catch {
      return "not for users: \(error)"
    }
  }

  @Test("Any values come back, also with commas and equals signs in them", arguments: 0..<20)
  func roundTrip(seed: UInt64) throws {
    var random = SeededGenerator(seed: seed)
    let letters = Array(",,,==ab \u{e4}/")
    for _ in 0..<50 {
      func word(_ count: ClosedRange<Int>) -> String {
        String(
          (0..<Int.random(in: count, using: &random)).map { _ in letters.randomElement(using: &random)! })
      }
      let first = word(1...4)
      let values = (0..<Int.random(in: 0...4, using: &random)).map { (key: "k\($0)", value: word(1...6)) }
      let text = ([first] + values.map { "\($0.key)=\($0.value)" })
        .map { $0.replacing(",", with: ",,") }.joined(separator: ",")
      let argument = try KeyedArgument(text, of: "--it", first: "a word")
      #expect(argument.first == first)
      for (key, value) in values { #expect(argument.string(key) == value, "\(text)") }
      #expect(!argument.has("k4"))
    }
  }

  @Test("What is no list of keys and values is refused, and so is what contradicts itself")
  func malformed() {
    for (text, words) in [
      ("", "\"\" is no key=value"), ("a", "\"a\" is no key=value"), ("=a", "\"=a\" is no key=value"),
      ("a=1,", "\"\" is no key=value"), ("a=1,b=2,a=1", "a is given twice"), ("a=", "a= has no value"),
      ("a=1,b=", "b= has no value"),
    ] {
      #expect(message { _ = try KeyedArgument(text, of: "--it") }.hasPrefix("--it \(text): \(words)"))
    }
    for text in ["", ",a=1"] {
      #expect(
        message { _ = try KeyedArgument(text, of: "--it", first: "a word") }
          == "--it \(text): begin with a word")
    }
  }

  @Test("Unknown keys are refused with the nearest known one")
  func unknown() throws {
    let argument = try KeyedArgument("num-queue=2,x=1", of: "--it")
    #expect(
      message { try argument.allow(["num-queues", "x"]) }
        == "--it num-queue=2,x=1: unknown key 'num-queue'; did you mean 'num-queues'?")
    #expect(
      message { try argument.allow(["num-queue", "drive", "serial"]) }.hasSuffix(
        "unknown key 'x'; there are num-queue, drive, serial"))
    #expect(message { try argument.allow(["num-queue", "x"]) } == "")
  }

  @Test("Numbers, words and names are what they may be")
  func values() throws {
    let argument = try KeyedArgument(
      "n=16,big=17,minus=-1,huge=99999999999999999999,on=on,off=off,yes=yes,fruit=pear,froot=aple,id=a-b.c_1,bad=1a",
      of: "--it")
    #expect(try argument.number("n", in: 1...16) == 16)
    for key in ["big", "minus", "huge", "on"] {
      #expect(message { _ = try argument.number(key, in: 1...16) }.hasSuffix("give 1 to 16"), "\(key)")
    }
    #expect(try argument.number("none", in: 1...16) == nil)
    #expect(try argument.isOn("on") == true)
    #expect(try argument.isOn("off") == false)
    #expect(try argument.isOn("none") == nil)
    #expect(message { _ = try argument.isOn("yes") }.contains("yes=yes: give on or off"))
    #expect(try argument.choice("fruit") == Fruit.pear)
    #expect(
      message { let _: Fruit? = try argument.choice("froot") }.hasSuffix(
        "froot=aple: give apple or pear; did you mean 'apple'?"))
    #expect(try argument.identifier() == "a-b.c_1")
    #expect(message { _ = try argument.identifier("bad") }.contains("give a letter"))
    #expect(try argument.identifier("none") == nil)
    #expect(
      message { _ = try argument.required("none", "the thing") }.hasSuffix("none= is missing: the thing"))
  }
}
