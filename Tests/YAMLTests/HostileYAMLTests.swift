// SPDX-License-Identifier: Apache-2.0
import Testing
import YAML

@Suite struct HostileYAMLTests {
    private func failure(of text: String, limits: YAMLParser.Limits = .init()) -> YAMLError? {
        do throws(YAMLError) {
            _ = try YAMLParser(limits: limits).documents(in: text)
            return nil
        } catch {
            return error
        }
    }

    @Test func `a key that stands twice is refused with both places`() {
        #expect(
            failure(of: "a: 1\nb: 2\na: 3")
                == .duplicateKey("a", at: YAMLPosition(line: 3, column: 1), first: YAMLPosition(line: 1, column: 1))
        )
        #expect(failure(of: "x:\n  - {k: 1, \"k\": 2}")?.position?.line == 2)
    }

    @Test(arguments: [
        "a: &x [1]\nb: *x", "a: &x 1", "&x a: 1", "- &l [a]\n- *l", "a: &m {b: 1}\nc: {<<: *m}", "*x : 1",
        "? &k [a]\n: b",
    ])
    func `anchors and aliases are refused`(text: String) {
        guard case .alias? = failure(of: text) else {
            Issue.record("\(String(describing: failure(of: text)))")
            return
        }
    }

    @Test func `a billion laughs ends at its first line`() {
        var text = "a0: &a0 [lol, lol]\n"
        for level in 1...40 { text += "a\(level): &a\(level) [*a\(level - 1), *a\(level - 1)]\n" }
        #expect(failure(of: text) == .alias(at: YAMLPosition(line: 1, column: 5)))
    }

    @Test func `nesting stops at the limit`() {
        let deep = String(repeating: "[", count: 5000)
        #expect(failure(of: deep) == .tooDeep(limit: 32, at: YAMLPosition(line: 1, column: 33)))
        let exact = String(repeating: "[", count: 8) + String(repeating: "]", count: 8)
        #expect(failure(of: exact, limits: .init(depth: 8)) == nil)
        #expect(failure(of: exact, limits: .init(depth: 7)) == .tooDeep(limit: 7, at: YAMLPosition(line: 1, column: 8)))
        let mappings = (0..<200).map { String(repeating: " ", count: $0) + "a:\n" }.joined()
        #expect(failure(of: mappings)?.position?.line == 33)
    }

    @Test func `size and number of values are limited`() {
        #expect(failure(of: "a: 12345", limits: .init(bytes: 7)) == .tooLarge(bytes: 8, limit: 7))
        #expect(failure(of: "[a, b, c]", limits: .init(nodes: 4)) == nil)
        #expect(
            failure(of: "[a, b,\n c]", limits: .init(nodes: 3))
                == .tooManyNodes(limit: 3, at: YAMLPosition(line: 2, column: 2))
        )
        #expect(failure(of: String(repeating: "---\n", count: 9), limits: .init(nodes: 5)) != nil)
    }

    @Test func `keys are text`() {
        #expect(failure(of: "{a: 1}: 2") == .keyIsNotText(at: YAMLPosition(line: 1, column: 1)))
        #expect(failure(of: "? [a]\n: 2") == .keyIsNotText(at: YAMLPosition(line: 1, column: 3)))
    }

    @Test func `a syntax error has a place and quotes nothing`() throws {
        let error = try #require(failure(of: "a: 1\nb: \"hunter2\nc: ["))
        #expect(error.position != nil)
        #expect(!error.description.contains("hunter2"))
        #expect(failure(of: "a: 1\n\tb: 2")?.position?.line == 2)
        #expect(failure(of: "a: b: c")?.position == YAMLPosition(line: 1, column: 5))
    }

    @Test func `bytes that are no UTF-8 are refused with their line`() {
        for bytes: [UInt8] in [[0xFF], [0xC3, 0x28], [0xED, 0xA0, 0x80], [0xF8, 0x88, 0x80, 0x80, 0x80], [0x00]] {
            let text = Array("a: 1\nb: ".utf8) + bytes
            do throws(YAMLError) {
                _ = try YAMLParser().documents(in: text.span)
                Issue.record("\(bytes) were taken")
            } catch {
                #expect(error.position?.line == 2)
            }
        }
    }

    @Test func `UTF-16 is not guessed`() {
        let text: [UInt8] = [0xFF, 0xFE, 0x61, 0x00, 0x3A, 0x00, 0x20, 0x00, 0x31, 0x00]
        #expect(throws: YAMLError.self) { try YAMLParser().documents(in: text.span) }
    }

    @Test(.timeLimit(.minutes(1)), arguments: 0..<8)
    func `mutated texts never crash and give the same answer twice`(seed: UInt64) {
        let sample = Array(
            """
            # comment
            server: {listen_port: 9000, hosts: [a, "b", 'c']}
            text: |
              literal
            list:
              - ? complex
                : value
              - !!str tagged
              - &anchor x
              - *anchor
            --- >
             folded
            """.utf8
        )
        var generator = SplitMix(seed: seed)
        for _ in 0..<1500 {
            var text = sample
            for _ in 0..<Int.random(in: 1...6, using: &generator) { mutate(&text, &generator) }
            #expect(outcome(text) == outcome(text))
        }
    }

    private func outcome(_ text: [UInt8]) -> Result<[YAMLNode], YAMLError> {
        do throws(YAMLError) {
            return .success(try YAMLParser().documents(in: text.span))
        } catch {
            return .failure(error)
        }
    }

    private func mutate(_ text: inout [UInt8], _ generator: inout SplitMix) {
        guard !text.isEmpty else { return }
        let position = Int.random(in: 0..<text.count, using: &generator)
        switch Int.random(in: 0..<5, using: &generator) {
        case 0: text[position] = UInt8.random(in: 0...255, using: &generator)
        case 1: text.remove(at: position)
        case 2: text.insert(Array("[]{}:-?&*!|>'\"%@`#,\n\t ".utf8).randomElement(using: &generator) ?? 0, at: position)
        case 3: text.removeSubrange(position...)
        default: text.insert(contentsOf: text[position...].prefix(40), at: position)
        }
    }
}

/// Random numbers that are the same in every run.
private struct SplitMix: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 &+ 1 }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
